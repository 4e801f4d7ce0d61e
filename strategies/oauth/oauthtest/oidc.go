package oauthtest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gopassport/passport/strategies/oauth/oidcprovider"
)

// keyID is the kid of ID tokens.
const keyID = "fake"

// OIDC is what oauth.New takes, for an OpenID Connect provider. It asks for the
// scopes email and profile.
func (s *Server) OIDC(redirectURL string) *oidcprovider.Provider {
	p, err := oidcprovider.New(s.OIDCConfig(redirectURL))
	if err != nil {
		panic("oauthtest: " + err.Error())
	}
	return p
}

// OIDCConfig is the application's, for oidcprovider.New.
func (s *Server) OIDCConfig(redirectURL string) oidcprovider.Config {
	return oidcprovider.Config{
		Issuer: s.URL, ClientID: ClientID, ClientSecret: ClientSecret, RedirectURL: redirectURL,
		Scopes: []string{"email", "profile"},
	}
}

// Claims lets change alter the claims of every ID token before it is signed, as
// in claims["hd"] = "example.com". Nil: none is.
func (s *Server) Claims(change func(claims map[string]any)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.claims = change
}

// Logout ends the session at the provider, which tells the application so: it
// posts a logout token to the address of its back-channel logout. It returns
// the status that is answered.
func (s *Server) Logout(t testing.TB, backChannelURL string) int {
	t.Helper()
	s.mu.Lock()
	token := s.logoutToken(s.user.Subject, s.sid)
	s.sid = rand.Text()
	s.mu.Unlock()
	body := url.Values{"logout_token": {token}}.Encode()
	r, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodPost, backChannelURL, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode
}

// LogoutToken is a logout token for a subject, a session of his there, or both.
func (s *Server) LogoutToken(subject, sid string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logoutToken(subject, sid)
}

func (s *Server) logoutToken(subject, sid string) string {
	now := time.Now()
	claims := map[string]any{
		"iss": s.URL, "aud": ClientID, "iat": now.Unix(), "exp": now.Add(2 * time.Minute).Unix(), "jti": rand.Text(),
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
	}
	for name, value := range map[string]string{"sub": subject, "sid": sid} {
		if value != "" {
			claims[name] = value
		}
	}
	return sign(s.key, "logout+jwt", claims)
}

func (s *Server) metadata(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	issuer := s.URL
	if s.fault == OtherIssuer {
		issuer = "https://other.example"
	}
	reply(w, http.StatusOK, map[string]any{
		"issuer": issuer, "authorization_endpoint": s.URL + "/authorize", "token_endpoint": s.URL + "/token",
		"jwks_uri": s.URL + "/jwks", "userinfo_endpoint": s.URL + "/api/userinfo", "end_session_endpoint": s.URL + "/logout",
		"authorization_response_iss_parameter_supported": true, "code_challenge_methods_supported": []string{"S256"},
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
		"id_token_signing_alg_values_supported": []string{"ES256"}, "backchannel_logout_supported": true,
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post"},
	})
}

func (s *Server) keys(w http.ResponseWriter, _ *http.Request) {
	key := jose.JSONWebKey{Key: &s.key.PublicKey, KeyID: keyID, Algorithm: string(jose.ES256), Use: "sig"}
	reply(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key}})
}

// endSession signs out at the provider, by the application's wish.
func (s *Server) endSession(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := r.URL.Query()
	back, err := url.Parse(asked.Get("post_logout_redirect_uri"))
	if err != nil || asked.Get("client_id") != ClientID {
		http.Error(w, "wrong client_id or post_logout_redirect_uri", http.StatusBadRequest)
		return
	}
	s.sid = rand.Text()
	if !back.IsAbs() {
		return
	}
	if state := asked.Get("state"); state != "" {
		query := back.Query()
		query.Set("state", state)
		back.RawQuery = query.Encode()
	}
	http.Redirect(w, r, back.String(), http.StatusFound)
}

// idToken is what a grant is worth, with the faults of the server.
func (s *Server) idToken(g grant, access string) string {
	now := time.Now()
	sum := sha256.Sum256([]byte(access))
	claims := g.user.claims()
	for name, value := range map[string]any{
		"iss": s.URL, "aud": ClientID, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "auth_time": now.Unix(),
		"at_hash": base64.RawURLEncoding.EncodeToString(sum[:16]), "nonce": g.nonce, "sid": g.sid, "acr": g.acr,
	} {
		if value != "" {
			claims[name] = value
		}
	}
	key := s.key
	switch s.fault {
	case NoSubject:
		delete(claims, "sub")
	case WrongNonce:
		claims["nonce"] = "another"
	case WrongAudience:
		claims["aud"] = "another"
	case Expired:
		claims["exp"] = now.Add(-time.Minute).Unix()
	case ForeignKey:
		key, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if s.claims != nil {
		s.claims(claims)
	}
	if s.fault == Unsigned {
		payload, _ := json.Marshal(claims)
		text := base64.RawURLEncoding.EncodeToString
		return text([]byte(`{"alg":"none"}`)) + "." + text(payload) + "."
	}
	return sign(key, "JWT", claims)
}

func sign(key *ecdsa.PrivateKey, kind string, claims map[string]any) string {
	options := new(jose.SignerOptions).WithType(jose.ContentType(kind)).WithHeader("kid", keyID)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, options)
	if err != nil {
		panic("oauthtest: " + err.Error())
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		panic("oauthtest: " + err.Error())
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		panic("oauthtest: " + err.Error())
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		panic("oauthtest: " + err.Error())
	}
	return token
}
