package idp

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// store is what op asks for, in memory.
type store struct {
	clients []Client
	people  []Person
	key     key

	mu       sync.Mutex
	requests map[string]request // by id
	codes    map[string]string  // to ids
	access   map[string]grant   // by the id of the access token
	refresh  map[string]grant   // by refresh token
}

var _ op.Storage = (*store)(nil)

func newStore(c Config, algorithm jose.SignatureAlgorithm) (*store, error) {
	signer, err := newSigner(algorithm)
	if err != nil {
		return nil, err
	}
	return &store{
		clients: c.Clients, people: c.People, key: key{algorithm, signer},
		requests: make(map[string]request), codes: make(map[string]string),
		access: make(map[string]grant), refresh: make(map[string]grant),
	}, nil
}

func newSigner(algorithm jose.SignatureAlgorithm) (crypto.Signer, error) {
	switch algorithm {
	case jose.ES256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case jose.RS256:
		return rsa.GenerateKey(rand.Reader, 2048)
	}
	return nil, fmt.Errorf("idp: no key for %s", algorithm)
}

// A key signs ID tokens.
type key struct {
	algorithm jose.SignatureAlgorithm
	signer    crypto.Signer
}

const keyID = "example-1"

func (k key) ID() string                                  { return keyID }
func (k key) SignatureAlgorithm() jose.SignatureAlgorithm { return k.algorithm }
func (k key) Key() any                                    { return k.signer }

type publicKey struct{ key }

func (k publicKey) Algorithm() jose.SignatureAlgorithm { return k.algorithm }
func (publicKey) Use() string                          { return "sig" }
func (k publicKey) Key() any                           { return k.signer.Public() }

var errUnknown = errors.New("idp: unknown")

// asked is a sign-in under way.
func (s *store) asked(id string) (request, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.requests[id]
	if !ok {
		return r, errUnknown
	}
	return r, nil
}

// authenticate says who it is that signs in.
func (s *store) authenticate(id, subject string) error {
	if _, known := person(s.people, subject); !known {
		return errUnknown
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.requests[id]
	if !ok {
		return errUnknown
	}
	r.subject, r.at = subject, time.Now()
	s.requests[id] = r
	return nil
}

func (s *store) CreateAuthRequest(_ context.Context, asked *oidc.AuthRequest, subject string) (op.AuthRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := request{id: rand.Text(), req: asked}
	if slices.Contains(asked.Prompt, oidc.PromptNone) {
		return nil, oidc.ErrLoginRequired() // nobody stays signed in here
	}
	s.requests[r.id] = r
	return r, nil
}

func (s *store) AuthRequestByID(_ context.Context, id string) (op.AuthRequest, error) {
	return s.asked(id)
}

func (s *store) AuthRequestByCode(_ context.Context, code string) (op.AuthRequest, error) {
	s.mu.Lock()
	id, ok := s.codes[code]
	s.mu.Unlock()
	if !ok {
		return nil, errUnknown
	}
	return s.asked(id)
}

func (s *store) SaveAuthCode(_ context.Context, id, code string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.codes[code] = id
	return nil
}

func (s *store) DeleteAuthRequest(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.requests, id)
	for code, of := range s.codes {
		if of == id {
			delete(s.codes, code)
		}
	}
	return nil
}

const accessLife = 5 * time.Minute

func granted(r op.TokenRequest) grant {
	g := grant{subject: r.GetSubject(), scopes: r.GetScopes(), at: time.Now()}
	if audience := r.GetAudience(); len(audience) > 0 {
		g.client = audience[0]
	}
	return g
}

func (s *store) CreateAccessToken(_ context.Context, r op.TokenRequest) (string, time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := rand.Text()
	s.access[id] = granted(r)
	return id, time.Now().Add(accessLife), nil
}

// CreateAccessAndRefreshTokens makes a refresh token that is good for once.
func (s *store) CreateAccessAndRefreshTokens(_ context.Context, r op.TokenRequest, old string) (id, refresh string, until time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old != "" {
		if _, ok := s.refresh[old]; !ok {
			return "", "", until, op.ErrInvalidRefreshToken
		}
		delete(s.refresh, old)
	}
	id, refresh = rand.Text(), rand.Text()
	s.access[id], s.refresh[refresh] = granted(r), granted(r)
	return id, refresh, time.Now().Add(accessLife), nil
}

func (s *store) TokenRequestByRefreshToken(_ context.Context, token string) (op.RefreshTokenRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, ok := s.refresh[token]
	if !ok {
		return nil, op.ErrInvalidRefreshToken
	}
	return &g, nil
}

func (s *store) GetRefreshTokenInfo(_ context.Context, _, token string) (subject, id string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, ok := s.refresh[token]
	if !ok {
		return "", "", op.ErrInvalidRefreshToken
	}
	return g.subject, token, nil
}

func (s *store) RevokeToken(_ context.Context, token, _, _ string) *oidc.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.access, token)
	delete(s.refresh, token)
	return nil
}

func (s *store) TerminateSession(_ context.Context, subject, client string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, tokens := range []map[string]grant{s.access, s.refresh} {
		for token, g := range tokens {
			if g.subject == subject && g.client == client {
				delete(tokens, token)
			}
		}
	}
	return nil
}

func (s *store) SigningKey(context.Context) (op.SigningKey, error) { return s.key, nil }
func (s *store) KeySet(context.Context) ([]op.Key, error)          { return []op.Key{publicKey{s.key}}, nil }
func (s *store) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{s.key.algorithm}, nil
}

func (s *store) known(id string) (Client, error) {
	i := slices.IndexFunc(s.clients, func(c Client) bool { return c.ID == id })
	if i < 0 {
		return Client{}, errUnknown
	}
	return s.clients[i], nil
}

func (s *store) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	c, err := s.known(id)
	if err != nil {
		return nil, err
	}
	return client{c}, nil
}

func (s *store) AuthorizeClientIDSecret(_ context.Context, id, secret string) error {
	c, err := s.known(id)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare([]byte(secret), []byte(c.Secret)) != 1 {
		return errors.New("idp: another secret")
	}
	return nil
}

func (s *store) SetUserinfoFromScopes(context.Context, *oidc.UserInfo, string, string, []string) error {
	return nil
}

func (s *store) SetUserinfoFromRequest(_ context.Context, info *oidc.UserInfo, r op.IDTokenRequest, scopes []string) error {
	return s.describe(info, r.GetSubject(), scopes)
}

func (s *store) SetUserinfoFromToken(_ context.Context, info *oidc.UserInfo, id, subject, _ string) error {
	s.mu.Lock()
	g, ok := s.access[id]
	s.mu.Unlock()
	if !ok || g.subject != subject {
		return errUnknown
	}
	return s.describe(info, subject, g.scopes)
}

// describe tells of a person what the scopes allow.
func (s *store) describe(info *oidc.UserInfo, subject string, scopes []string) error {
	p, ok := person(s.people, subject)
	if !ok {
		return errUnknown
	}
	for _, scope := range scopes {
		switch scope {
		case oidc.ScopeOpenID:
			info.Subject = p.Subject
		case oidc.ScopeProfile:
			info.Name = p.Name
		case oidc.ScopeEmail:
			info.Email, info.EmailVerified = p.Email, oidc.Bool(p.EmailVerified)
		}
	}
	return nil
}

func (s *store) SetIntrospectionFromToken(context.Context, *oidc.IntrospectionResponse, string, string, string) error {
	return errors.ErrUnsupported
}

func (s *store) GetPrivateClaimsFromScopes(context.Context, string, string, []string) (map[string]any, error) {
	return nil, nil
}

func (s *store) GetKeyByIDAndClientID(context.Context, string, string) (*jose.JSONWebKey, error) {
	return nil, errors.ErrUnsupported
}

func (s *store) ValidateJWTProfileScopes(context.Context, string, []string) ([]string, error) {
	return nil, errors.ErrUnsupported
}

func (s *store) Health(context.Context) error { return nil }
