package sessions

import "context"

// A Key is the typed name of a value in a session:
//
//	var cart = sessions.Key[[]Item]("cart")
//
//	items, _ := cart.Get(session)
//	err := cart.Set(session, append(items, item))
//
// Values are stored as JSON.
type Key[T any] string

// Get returns the value. A value that does not decode as a T counts as absent:
// it was stored by another version of the program.
func (k Key[T]) Get(s *Session) (T, bool) {
	var v T
	if ok, err := s.Get(string(k), &v); !ok || err != nil {
		var none T
		return none, false
	}
	return v, true
}

// Set changes the value; [Session.Save] stores it. An error means that v has
// no JSON.
func (k Key[T]) Set(s *Session, v T) error { return s.Set(string(k), v) }

// Delete removes the value; [Session.Save] stores that.
func (k Key[T]) Delete(s *Session) { s.Delete(string(k)) }

// Take removes the value from the store and returns it to one caller only, as
// [Session.Take] does.
func (k Key[T]) Take(ctx context.Context, s *Session) (T, bool, error) {
	var v T
	ok, err := s.Take(ctx, string(k), &v)
	if !ok || err != nil {
		var none T
		return none, false, err
	}
	return v, true, nil
}
