package refresh

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gopassport/passport/sessions"
)

// Revoke ends the family of a token, whichever of its generations that is. A
// token that is none, or whose family has ended, is nil too (RFC 7009 section
// 2.2). With an error the family may go on.
func (f *Families) Revoke(ctx context.Context, token string) error {
	n, _, ok := f.open(token)
	if !ok {
		return nil
	}
	return f.end(ctx, n.id(f.realm), nil)
}

// List returns the user's families that are valid now, the one used last
// first. The store must be a [sessions.Lister].
func (f *Families) List(ctx context.Context, user string) ([]Family, error) {
	records, err := f.list(ctx, user)
	if err != nil {
		return nil, err
	}
	families := make([]Family, len(records))
	for i, r := range records {
		families[i] = familyOf(r)
	}
	return families, nil
}

func (f *Families) list(ctx context.Context, user string) ([]sessions.Record, error) {
	lister, ok := f.store.(sessions.Lister)
	if !ok {
		return nil, fmt.Errorf("refresh: list a user's families: %w", sessions.ErrUnsupported)
	}
	if user == "" {
		return nil, nil
	}
	records, err := lister.List(ctx, f.realm, user)
	if err != nil {
		return nil, fmt.Errorf("refresh: %w", err)
	}
	now := time.Now()
	records = slices.DeleteFunc(records, func(r sessions.Record) bool { return r.Expired(now) })
	slices.SortFunc(records, func(a, b sessions.Record) int { return cmp.Compare(b.LastSeen, a.LastSeen) })
	return records, nil
}

// End ends one family of the user, by its handle. A handle that is not one of
// the user's: sessions.ErrNotFound. The store must be a [sessions.Lister].
func (f *Families) End(ctx context.Context, user, handle string) error {
	records, err := f.list(ctx, user)
	if err != nil {
		return err
	}
	for _, r := range records {
		if r.ID.Handle() == handle {
			return f.end(ctx, r.ID, nil)
		}
	}
	return sessions.ErrNotFound
}

// EndUser ends all families of the user and counts them. Access tokens go on
// until they expire. The store must be a [sessions.UserDeleter]. The empty user
// is nobody and has none.
func (f *Families) EndUser(ctx context.Context, user string) (int, error) {
	deleter, ok := f.store.(sessions.UserDeleter)
	if !ok {
		return 0, fmt.Errorf("refresh: end a user's families: %w", sessions.ErrUnsupported)
	}
	if user == "" {
		return 0, nil
	}
	n, err := deleter.DeleteUser(ctx, f.realm, user, sessions.ID{})
	if err != nil {
		return n, fmt.Errorf("refresh: %w", err)
	}
	return n, nil
}
