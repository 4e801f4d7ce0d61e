package local

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/password"
)

// byHash is the check of [New]: the same steps whatever find says, unless
// something is broken.
func (s *Strategy[U]) byHash(find func(context.Context, string) (U, string, error)) func(context.Context, string, string) (U, func(), error) {
	return func(ctx context.Context, name, pw string) (nobody U, upgrade func(), err error) {
		user, hash, found := find(ctx, name)
		_, detour := errors.AsType[*passport.Detour](found)
		_, refused := passport.AsRefusal(found)
		if found != nil && !refused && !detour {
			return nobody, nil, found
		}
		// An unknown user has an empty hash, which takes as long.
		rehash, err := s.o.Hasher.Verify(ctx, hash, pw)
		if err != nil && !errors.Is(err, password.ErrMismatch) {
			return nobody, nil, undecided(err)
		}
		switch {
		case refused:
			return nobody, nil, wrong(found)
		case err != nil:
			return nobody, nil, wrong(err)
		}
		if rehash && s.o.Rehash != nil {
			upgrade = func() { s.upgrade(ctx, user, hash, pw) }
		}
		if detour {
			return nobody, upgrade, found
		}
		return user, upgrade, nil
	}
}

// undecided is what keeps a Hasher from deciding: too much work at once, or
// the end of the context.
func undecided(err error) error {
	if busy, ok := errors.AsType[*password.BusyError](err); ok {
		return &passport.Failure{
			Code: CodeBusy, Status: http.StatusServiceUnavailable, RetryAfter: busy.RetryAfter,
			Message: "Too many sign-ins at once. Try again in a moment.", Err: err,
		}
	}
	return err
}

// upgrade has the application store a new hash. The person has proven who
// they are, so nothing here may keep them out.
func (s *Strategy[U]) upgrade(ctx context.Context, user U, old, pw string) {
	defer func() {
		if p := recover(); p != nil {
			s.logger().ErrorContext(ctx, "local: Rehash panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	renewed, err := s.o.Hasher.Hash(ctx, pw)
	if err == nil {
		err = s.o.Rehash(ctx, user, old, renewed)
	}
	if err != nil {
		s.logger().WarnContext(ctx, "local: an old password hash was not renewed", "error", err)
	}
}
