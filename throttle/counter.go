package throttle

import "time"

// delays is how long failures keep one waiting.
type delays struct {
	free    int           // failures that cost nothing
	longest time.Duration // what the delay rises to, doubling from a second
	limit   int           // failures from which on the delay is rest; 0: none
	rest    time.Duration
	forget  time.Duration // without a failure for so long, all are forgiven
}

func (d delays) after(failures int) time.Duration {
	switch {
	case failures < d.free:
		return 0
	case d.limit > 0 && failures >= d.limit:
		return d.rest
	}
	return min(time.Second<<min(failures-d.free, 30), d.longest)
}

// A counter counts failures in a row, and attempts that may become one.
type counter struct {
	failures int
	pending  int
	last     time.Time // of the last failure
}

// wait is how long the next attempt has to wait; 0 if it may go on now.
//
// Attempts under way count as failed, so that a burst finds no gap; and where
// there is a delay, attempts go one by one.
func (c *counter) wait(now time.Time, d delays) time.Duration {
	c.forget(now, d)
	if c.failures+c.pending < d.free {
		return 0
	}
	if c.pending > 0 {
		return max(time.Second, d.after(c.failures+c.pending))
	}
	return max(0, c.last.Add(d.after(c.failures)).Sub(now))
}

func (c *counter) forget(now time.Time, d delays) {
	if now.Sub(c.last) >= d.forget {
		c.failures = 0
	}
}

func (c *counter) fail(now time.Time) {
	c.failures++
	c.last = now
}

// weight is what would be lost with the counter, for [recent].
func (c *counter) weight(d delays) int {
	if c.pending > 0 {
		return inUse
	}
	c.forget(time.Now(), d)
	return c.failures
}
