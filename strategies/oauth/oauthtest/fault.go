package oauthtest

import (
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
)

// A Fault is a way for the provider to misbehave.
type Fault int

// The faults. None of them may sign anybody in, but for SameRefresh.
const (
	None         Fault = iota
	Denied             // the person declines: error=access_denied
	BadCode            // no code is taken, and no refresh token
	Down               // every request for a token or a profile is 503
	Slow               // they are answered when the client has gone
	Garbage            // they are answered with a page of HTML
	Huge               // they are answered without an end
	Elsewhere          // they are redirected to another host
	NoSubject          // the profile names nobody
	WrongState         // the callback has another state
	WrongIssuer        // the callback has another iss
	NoIssuer           // the callback has no iss
	RepeatedCode       // the callback has two codes
	Lost               // tokens are issued, and the answer is lost on its way
	SameRefresh        // a refresh token is not replaced: no fault, but for those who count on it

	// Those of OpenID Connect.
	NoIDToken     // no ID token comes with the access token
	Unsigned      // it is signed by nobody: alg none
	ForeignKey    // it is signed with a key that is not published
	WrongNonce    // it has another nonce
	WrongAudience // it is for another client
	Expired       // it expired a minute ago
	OtherIssuer   // the metadata is of another issuer
)

// Break makes the provider misbehave, until it is told None.
func (s *Server) Break(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// answer changes the callback.
func (f Fault) answer(query url.Values) {
	switch f {
	case WrongState:
		query.Set("state", strings.Repeat("A", 43))
	case WrongIssuer:
		query.Set("iss", "https://other.example")
	case NoIssuer:
		query.Del("iss")
	case RepeatedCode:
		query.Add("code", "another")
	}
}

// profile changes the profile.
func (f Fault) profile(claims map[string]any) map[string]any {
	if f == NoSubject {
		claims = maps.Clone(claims)
		delete(claims, "sub")
	}
	return claims
}

// faulty lets the faults of the server answer.
func (s *Server) faulty(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refreshes := r.PostFormValue("grant_type") == "refresh_token"
		s.mu.Lock()
		fault := s.fault
		switch {
		case r.URL.Path == "/token" && refreshes:
			s.refreshed++
		case r.URL.Path == "/token":
			s.redeemed++
		}
		s.mu.Unlock()
		if r.URL.Path == "/authorize" {
			next.ServeHTTP(w, r)
			return
		}
		switch fault {
		case Down:
			http.Error(w, "the database is down", http.StatusServiceUnavailable)
		case Slow:
			_, _ = io.Copy(io.Discard, r.Body) // the server notices that a client goes only then
			select {
			case <-r.Context().Done():
			case <-s.stop:
			}
		case Garbage:
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = io.WriteString(w, "<!doctype html><title>Maintenance</title>")
		case Huge:
			w.Header().Set("Content-Type", "application/json")
			for _, err := io.WriteString(w, `{"a":"`); err == nil; {
				_, err = w.Write(make([]byte, 1<<16))
			}
		case Elsewhere:
			http.Redirect(w, r, "https://other.example/", http.StatusTemporaryRedirect)
		default:
			next.ServeHTTP(w, r)
		}
	})
}
