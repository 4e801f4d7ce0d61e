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

// A Member is one that Scan finds.
type Member = member

func (m member) Name() string  { return m.name }
func (m member) Value() string { return m.value }
func (m member) Plain() bool   { return m.plain() }

// Spares tells that a decoder does not see plain registered claims.
func Spares[U, C any](s *Strategy[U, C]) bool { return s.spares }

// DER is a signature in ASN.1.
var DER = der
