package oidcprovider

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/gopassport/passport/sessions"
)

// SessionKey is where a session that was begun here has its [Session]. Name it
// in passport.LoginOptions.Keep where somebody who is signed in signs in once
// more, for a second factor say: a session without it does not end when the
// provider signs the person out.
const SessionKey sessions.Key[Session] = "oidc"

// A Session is the session at the provider that one of ours was begun with.
type Session struct {
	Issuer  string `json:"iss"`
	Client  string `json:"aud"` // Config.ClientID
	Subject string `json:"sub"`
	SID     string `json:"sid,omitempty"` // its id there; empty: it has none
	IDToken string `json:"idt,omitempty"` // with Config.KeepIDToken

	IssuedAt int64 `json:"iat"` // of the ID token, in unix seconds by the provider's clock
}

func (s Session) masked() string { return "[session at " + s.Issuer + "]" }

// Format implements [fmt.Formatter] for every verb. It shows no token.
func (s Session) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.masked()) }

// LogValue implements [slog.LogValuer].
func (s Session) LogValue() slog.Value { return slog.StringValue(s.masked()) }
