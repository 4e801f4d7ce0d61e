package oauthtest

import (
	"crypto/rand"
	"time"

	"github.com/gopassport/passport/strategies/oauth"
)

// A family is what a provider issued for one sign-in: the tokens that came of
// its code, and those that came of them. It is over where one of its refresh
// tokens was used twice (RFC 9700 section 4.14.2).
type family struct {
	user    User
	scopes  string
	current string // its one refresh token that is good
	over    bool
}

type access struct {
	family *family
	until  time.Time
}

// Live makes access tokens live so long from now on, in whole seconds. At the
// start it is an hour.
func (s *Server) Live(life time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.life = life
}

// Issue issues tokens to who is signed in, as after a sign-in.
func (s *Server) Issue() *oauth.Tokens {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := &family{user: s.user, scopes: "openid"}
	answer := s.issue(f)
	t, _ := answer["access_token"].(string)
	return &oauth.Tokens{Access: t, Refresh: f.current, Expiry: s.access[t].until}
}

// Refreshed is how many requests came with a refresh token, right or wrong.
func (s *Server) Refreshed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refreshed
}

// Burnt is how many times a refresh token was used twice, which ended all that
// its owner had.
func (s *Server) Burnt() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.burnt
}

// Revoke ends all tokens, as people do who remove an application from their
// account.
func (s *Server) Revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.refresh {
		f.over = true
	}
}

// issue issues the next tokens of a family.
func (s *Server) issue(f *family) map[string]any {
	token := rand.Text()
	s.access[token] = &access{f, time.Now().Add(s.life)}
	answer := map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": int(s.life.Seconds()), "scope": f.scopes}
	if f.current == "" || s.fault != SameRefresh {
		f.current = rand.Text()
		s.refresh[f.current] = f
		answer["refresh_token"] = f.current
	}
	return answer
}

// trade answers a refresh token; nil where it is refused.
func (s *Server) trade(token string) map[string]any {
	f := s.refresh[token]
	switch {
	case f == nil || f.over || s.fault == BadCode:
		return nil
	case f.current != token:
		f.over = true
		s.burnt++
		return nil
	}
	return s.issue(f)
}
