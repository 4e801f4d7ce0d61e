package oauth

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// An Identity is who somebody is at a provider. Issuer and Subject together
// are the key of an account, and they alone: names and e-mail addresses
// change hands.
type Identity struct {
	// Issuer names the provider: see [Provider].
	Issuer string
	// Subject names the account there: 1 to 255 bytes, never reused.
	Subject string
	// Email is the address that the provider tells, with exactly one "@", or
	// empty. EmailStatus says what it is worth.
	Email       string
	EmailStatus EmailStatus
	// Name, Username and Picture (a URL) are for display, as the provider tells
	// them.
	Name, Username, Picture string
	// Claims is all that the provider told.
	Claims Claims
	// SessionValues are written into the session that the sign-in begins, in
	// the same step as its new id: what a provider's logout has to find there.
	// Where a Detour comes between, put them into its Value, and let the strategy
	// behind the form leave them in its Result by WithValue.
	SessionValues map[string]any
	// Tokens of the provider. Nil unless [Options.KeepTokens] is set.
	Tokens *Tokens
}

// Key is Issuer and Subject in one string, for tables with one column. No two
// accounts share one.
func (i *Identity) Key() string { return i.Issuer + " " + i.Subject } // an issuer has no space

// VerifiedDomain is the domain of an e-mail address that the provider has
// verified, in lower case; empty otherwise. Whether to believe this provider
// is up to the caller.
func (i *Identity) VerifiedDomain() string {
	if i.EmailStatus != EmailVerified || !validEmail(i.Email) {
		return ""
	}
	_, domain, _ := strings.Cut(i.Email, "@")
	return strings.ToLower(domain)
}

// EmailStatus tells whether a provider has verified an e-mail address.
type EmailStatus uint8

// What a provider may say of an address. Only EmailVerified is worth
// anything.
const (
	EmailUnknown    EmailStatus = iota // it does not say
	EmailVerified                      // it says true, in its own way
	EmailUnverified                    // it says that it does not know
)

// String is unknown, verified or unverified.
func (s EmailStatus) String() string {
	switch s {
	case EmailVerified:
		return "verified"
	case EmailUnverified:
		return "unverified"
	}
	return "unknown"
}

// Verified is the status of a provider that says yes or no.
func verified(yes bool) EmailStatus {
	if yes {
		return EmailVerified
	}
	return EmailUnverified
}

// check refuses an identity that names nobody, and drops an address that is
// none.
func (i *Identity) check() error {
	switch {
	case i.Issuer == "" || strings.ContainsFunc(i.Issuer, func(c rune) bool { return c <= ' ' || c > '~' }):
		return fmt.Errorf("%w: it names no issuer", ErrBadAnswer)
	case i.Subject == "" || len(i.Subject) > 255 || !printable(i.Subject):
		return fmt.Errorf("%w: its subject has %d bytes, or is not text", ErrBadAnswer, len(i.Subject))
	}
	if !validEmail(i.Email) {
		i.Email, i.EmailStatus = "", EmailUnknown
	}
	return nil
}

// validEmail tells whether everyone reads s as one address of one domain.
func validEmail(s string) bool {
	name, domain, found := strings.Cut(s, "@")
	return found && name != "" && domain != "" && len(s) <= 320 &&
		!strings.ContainsAny(domain, "@") && !strings.ContainsAny(s, " ,;:<>()[]\\\"'`") && printable(s)
}

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsPrint(c) })
}

// Tokens are what the provider issued. They are secrets: fmt, slog and JSON
// show none of them.
type Tokens struct {
	Access  string
	Refresh string    // empty: none was issued
	Expiry  time.Time // of Access; zero: not told
	Scopes  []string  // that were granted; nil: those that were asked for
}

const masked = "[oauth tokens]"

// Format implements [fmt.Formatter] for every verb.
func (Tokens) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, masked) }

// LogValue implements [slog.LogValuer].
func (Tokens) LogValue() slog.Value { return slog.StringValue(masked) }

// MarshalJSON implements [json.Marshaler].
func (Tokens) MarshalJSON() ([]byte, error) { return json.Marshal(masked) }
