package password

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Why a password is refused, in [PolicyError].
const (
	Empty    = "empty"
	TooShort = "too-short"
	TooLong  = "too-long"
	NotText  = "not-text" // a NUL, or not UTF-8
	Blocked  = "blocked"  // on the block list
)

// A PolicyError says that a password is not acceptable, whoever's it is. It
// does not hold the password, so it may be shown.
type PolicyError struct {
	Reason string // one of the constants
	Limit  int    // TooShort: characters wanted; TooLong: bytes allowed
}

// Error is the reason in words, for logs and for people.
func (e *PolicyError) Error() string {
	switch e.Reason {
	case Empty:
		return "password: empty"
	case TooShort:
		return fmt.Sprintf("password: shorter than %d characters", e.Limit)
	case TooLong:
		return fmt.Sprintf("password: longer than %d bytes", e.Limit)
	case NotText:
		return "password: not text"
	case Blocked:
		return "password: too common"
	}
	return "password: refused"
}

func tooLong(limit int) error { return &PolicyError{Reason: TooLong, Limit: limit} }

// prepare refuses what no scheme takes, and brings the rest to the form that
// is hashed. It has not seen the stored hash, so it cannot tell who exists.
func (h *Hasher) prepare(password string) (string, error) {
	if err := checkText(password, h.longest); err != nil {
		return "", err
	}
	if h.raw {
		return password, nil
	}
	password = norm.NFKC.String(password)
	if len(password) > h.longest { // some characters expand
		return "", tooLong(h.longest)
	}
	return password, nil
}

// checkText looks at the length first: the others read all of it.
func checkText(password string, limit int) error {
	switch {
	case password == "":
		return &PolicyError{Reason: Empty}
	case len(password) > limit:
		return tooLong(limit)
	case strings.IndexByte(password, 0) >= 0, !utf8.ValidString(password):
		// bcrypt takes "a" and "a\x00a" for the same.
		return &PolicyError{Reason: NotText}
	}
	return nil
}

// A Policy says which new passwords are good enough. The zero value works. It
// asks for length and nothing else (NIST SP 800-63B-4 section 3.1.1.2): rules
// on composition, and expiry, make passwords worse.
type Policy struct {
	// MinLength is counted in characters (code points). Default: 15, right
	// for a password that is the only factor. With a second factor it may go
	// down to 8; anything under 8 counts as 8.
	MinLength int

	// Blocked reports whether a password is known to attackers: see
	// [BlockList]. It may ask a service. Default: nothing is blocked, though
	// an application should block at least the 3,000 most common passwords of
	// MinLength.
	Blocked func(ctx context.Context, password string) (bool, error)
}

// Check is nil for a password that may be set, and a [*PolicyError] for one
// that may not; other errors are those of Blocked. Call it at registration and
// at a change, never at login.
func (p *Policy) Check(ctx context.Context, password string) error {
	minimum := 15
	if p != nil && p.MinLength != 0 {
		minimum = max(8, p.MinLength)
	}
	const limit = 1024 // what the most generous scheme takes; Hash knows its own
	if err := checkText(password, limit); err != nil {
		return err
	}
	password = norm.NFKC.String(password)
	if utf8.RuneCountInString(password) < minimum {
		return &PolicyError{Reason: TooShort, Limit: minimum}
	}
	if p == nil || p.Blocked == nil {
		return nil
	}
	blocked, err := p.Blocked(ctx, password)
	if err != nil {
		return fmt.Errorf("password: block list: %w", err)
	}
	if blocked {
		return &PolicyError{Reason: Blocked}
	}
	return nil
}

// BlockList reads passwords, one a line, for [Policy.Blocked]. Case is ignored,
// so that "Password" is as bad as "password".
func BlockList(r io.Reader) (func(ctx context.Context, password string) (bool, error), error) {
	fold := func(s string) string { return strings.ToLower(norm.NFKC.String(s)) }
	words := make(map[string]struct{})
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		words[fold(lines.Text())] = struct{}{}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("password: block list: %w", err)
	}
	return func(_ context.Context, password string) (bool, error) {
		_, blocked := words[fold(password)]
		return blocked, nil
	}, nil
}
