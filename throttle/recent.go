package throttle

import "container/list"

// recent remembers the last entries that were asked for, up to a number.
type recent[V any] struct {
	most    int
	weight  func(V) int // what would be lost with an entry, or inUse
	entries map[[32]byte]*list.Element
	order   *list.List // the last first
}

type entry[V any] struct {
	key   [32]byte
	value V
}

// inUse is the weight of an entry that has to stay: an attempt is under way
// that will be counted there.
const inUse = -1

func newRecent[V any](most int, weight func(V) int) recent[V] {
	return recent[V]{most, weight, make(map[[32]byte]*list.Element), list.New()}
}

// find makes no entry, so that asking pushes none out.
func (r *recent[V]) find(key [32]byte) (V, bool) {
	if e, ok := r.entries[key]; ok {
		r.order.MoveToFront(e)
		return e.Value.(*entry[V]).value, true
	}
	var none V
	return none, false
}

// put sees to it that there is an entry.
func (r *recent[V]) put(key [32]byte, value V) {
	if _, ok := r.entries[key]; ok {
		return
	}
	for r.order.Len() >= r.most && r.evict() {
	}
	r.entries[key] = r.order.PushFront(&entry[V]{key, value})
}

// evict makes room, if it can: of the entries not asked for longest, the one
// that weighs least goes. So it takes more than new names to push out a
// counter that an attacker would be rid of. There are more entries than the
// number only while as many attempts are under way.
func (r *recent[V]) evict() bool {
	const looks = 16
	var least *list.Element
	lightest := 0
	for e, i := r.order.Back(), 0; e != nil && i < looks; i++ {
		before := e.Prev()
		switch weight := r.weight(e.Value.(*entry[V]).value); {
		case weight == inUse:
			r.order.MoveToFront(e)
		case least == nil || weight < lightest:
			least, lightest = e, weight
		}
		e = before
	}
	if least == nil {
		return false
	}
	r.remove(least.Value.(*entry[V]).key)
	return true
}

// tidy drops an entry that tells no more than none would.
func (r *recent[V]) tidy(key [32]byte) {
	if e, ok := r.entries[key]; ok && r.weight(e.Value.(*entry[V]).value) == 0 {
		r.remove(key)
	}
}

func (r *recent[V]) remove(key [32]byte) {
	if e, ok := r.entries[key]; ok {
		delete(r.entries, key)
		r.order.Remove(e)
	}
}
