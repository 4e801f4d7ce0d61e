package jwt

// KnownHeaders is how many headers are remembered.
func KnownHeaders[U, C any](s *Strategy[U, C]) int {
	if all := s.known.headers.Load(); all != nil {
		return len(*all)
	}
	return 0
}

// Scan is the walk over an object.
var Scan = scan

// CachedTokens is how many tokens are remembered.
func CachedTokens[U, C any](s *Strategy[U, C]) int {
	s.cache.mu.RLock()
	defer s.cache.mu.RUnlock()
	return len(s.cache.keys)
}
