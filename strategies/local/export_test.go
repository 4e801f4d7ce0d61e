package local

// Remembered is how many entries l holds.
func Remembered(l *MemoryLimiter) int {
	return len(l.accounts.entries) + len(l.clients.entries) + len(l.known.entries)
}
