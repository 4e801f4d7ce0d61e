// Package issuer signs access tokens for an API of one's own: JWTs in the
// profile of RFC 9068, short-lived, with keys that rotate.
//
//	key, err := issuer.PrivateKey(pem, nil) // passport keygen -alg ES256
//	iss, err := issuer.New(issuer.Config{
//		Name:     "https://api.example.com",
//		Audience: []string{"https://api.example.com"},
//		Keys:     []*issuer.Key{key},
//	})
//	mux.Handle("GET /.well-known/jwks.json", iss.JWKS())
//	a.Use("jwt", jwt.New(jwt.Config{Issuers: []jwt.Issuer{iss.Trusted()}}, users.FromClaims))
//
// [Endpoints] are what an API's clients call: they mint tokens after a sign-in,
// refresh and revoke them (package refresh).
//
// # Rotation
//
// Every key has a time from which it signs (KeyOptions.From), and all follows
// from the times, at every instance alike. The key that signs is the one whose
// time came last. One whose time is still to come is published already, so
// that whoever checks tokens knows it by then; let that be a day. One that
// signs no more stays published until its last token has expired, and is then
// gone. To rotate, add a key with a time to the configuration and deploy it
// everywhere before the time; take the old one out whenever you like after it
// is gone.
package issuer

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"

	"github.com/gopassport/passport/strategies/jwt"
)

// Config of [New]. Name, Audience and Keys are needed.
type Config struct {
	// Name is the iss of the tokens: an https URL, or an http one on this
	// machine (RFC 8414 section 2).
	Name string
	// Audience is the aud of the tokens: the APIs that they are for.
	Audience []string
	// Client is the client_id of tokens whose Grant names none. Default "self",
	// for an API that has no other clients than its own.
	Client string
	// Keys sign, each from its time on. They are all public keys' other halves,
	// or all secrets.
	Keys []*Key
	// Lifetime of the tokens. Default 10 minutes, at most an hour: until then a
	// token goes on whatever happens to its user, unless it is revoked.
	Lifetime time.Duration
	// MaxAge is how long others may keep the published keys. Default 5 minutes.
	MaxAge time.Duration
}

// A Grant says what one token is to say.
type Grant struct {
	Subject  string         // sub; needed
	Client   string         // client_id; default Config.Client
	Scope    string         // by space
	Audience []string       // default Config.Audience
	AuthTime time.Time      // auth_time, if not zero: when the user was authenticated
	Factors  string         // amr: how (RFC 8176), by space
	Claims   map[string]any // more claims; none of those that have a field, or a meaning of their own
}

// An Issuer signs tokens. It is safe for concurrent use. It is also the
// [jwt.KeySource] that checks them.
type Issuer struct {
	c    Config
	keys []*Key // by time
}

var _ jwt.KeySource = (*Issuer)(nil)

const (
	// settle is how long the clocks of others may differ, in all.
	settle      = 5 * time.Minute
	maxLifetime = time.Hour
)

// New returns an Issuer. An error means that the configuration, which comes
// from outside, cannot be.
func New(c Config) (*Issuer, error) {
	if u, err := url.Parse(c.Name); err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil ||
		u.Scheme != "https" && !(u.Scheme == "http" && slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, u.Hostname())) {
		return nil, errors.New("issuer: Config.Name has to be an https URL, such as https://api.example.com")
	}
	if len(c.Audience) == 0 || slices.Contains(c.Audience, "") {
		return nil, errors.New("issuer: Config.Audience names the APIs that the tokens are for; it is empty")
	}
	if c.Lifetime < 0 || c.Lifetime > maxLifetime || c.MaxAge < 0 {
		return nil, errors.New("issuer: Config.Lifetime has to be up to an hour; leave it 0 for 10 minutes")
	}
	c.Client = cmp.Or(c.Client, "self")
	c.Lifetime = cmp.Or(c.Lifetime, 10*time.Minute)
	c.MaxAge = cmp.Or(c.MaxAge, 5*time.Minute)
	c.Audience = slices.Clone(c.Audience)
	i := &Issuer{c: c, keys: slices.Clone(c.Keys)}
	if err := i.checkKeys(); err != nil {
		return nil, err
	}
	slices.SortStableFunc(i.keys, func(a, b *Key) int { return a.from.Compare(b.from) })
	if i.signer(time.Now()) < 0 {
		return nil, errors.New("issuer: no key signs yet: one needs a From that has come, or none")
	}
	return i, nil
}

func (i *Issuer) checkKeys() error {
	if len(i.keys) == 0 {
		return errors.New("issuer: Config.Keys is empty")
	}
	check := make([]*jwt.Key, len(i.keys))
	times := make(map[int64]bool)
	for n, k := range i.keys {
		if k == nil || k.check == nil {
			return errors.New("issuer: a key was not made by PrivateKey or HMAC")
		}
		if times[k.from.UnixMilli()] {
			return errors.New("issuer: two keys begin to sign at one time: set KeyOptions.From of the newer one")
		}
		check[n], times[k.from.UnixMilli()] = k.check, true
	}
	_, err := jwt.Keys(check...) // no mix, and no id twice
	if err != nil {
		err = fmt.Errorf("issuer: %w", err)
	}
	return err
}

// signer is the place of the key that signs now; -1 if there is none.
func (i *Issuer) signer(now time.Time) int {
	for n, k := range slices.Backward(i.keys) {
		if !now.Before(k.from) {
			return n
		}
	}
	return -1
}

// published tells whether a key counts now: it signs, will sign, or has signed
// tokens that have not expired.
func (i *Issuer) published(n int, now time.Time) bool {
	return n == len(i.keys)-1 || now.Before(i.keys[n+1].from.Add(i.c.Lifetime+settle))
}

// Find implements [jwt.KeySource].
func (i *Issuer) Find(_ context.Context, alg jwt.Algorithm, id string) (*jwt.Key, error) {
	now := time.Now()
	for n, k := range i.keys {
		if id != "" && k.ID() == id && k.Algorithm() == alg && i.published(n, now) {
			return k.check, nil
		}
	}
	return nil, jwt.ErrNoKey
}

// Trusted is what an API that checks this Issuer's tokens puts into its
// jwt.Config. The audience is that API's own name, which may be left out where
// Config.Audience has one alone. Trusted panics where it has several: the
// tokens for the other APIs would be taken.
func (i *Issuer) Trusted(audience ...string) jwt.Issuer {
	if len(audience) == 0 {
		if audience = i.c.Audience; len(audience) > 1 {
			panic("issuer: Trusted needs the name of the API that checks, as Config.Audience has several")
		}
	}
	return jwt.Issuer{Name: i.c.Name, Audience: slices.Clone(audience), Keys: i, Type: jwt.TypeAccessToken}
}

// reserved are the claims that have a meaning for those who check tokens.
func reserved(name string) bool {
	return slices.Contains([]string{
		"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "scope", "auth_time", "amr", "acr", "cnf",
		"nonce", "at_hash", "c_hash", "events", "sid", // of other kinds of tokens
	}, name)
}

// Issue signs a token. An error means that the grant cannot be.
func (i *Issuer) Issue(g Grant) (token string, expires time.Time, err error) {
	if g.Subject == "" {
		return "", time.Time{}, errors.New("issuer: a Grant needs a Subject")
	}
	for name := range g.Claims {
		if reserved(name) {
			return "", time.Time{}, fmt.Errorf("issuer: the claim %q is not for Grant.Claims", name)
		}
	}
	now := time.Now()
	key := i.keys[max(i.signer(now), 0)] // a clock that was set back does not stop the first one
	expires = time.Unix(now.Unix(), 0).Add(i.c.Lifetime)
	claims := gojwt.MapClaims{}
	maps.Copy(claims, g.Claims)
	maps.Copy(claims, gojwt.MapClaims{
		"iss": i.c.Name, "sub": g.Subject, "client_id": cmp.Or(g.Client, i.c.Client),
		"iat": now.Unix(), "exp": expires.Unix(), "jti": rand.Text(),
	})
	audience := g.Audience
	if len(audience) == 0 {
		audience = i.c.Audience
	}
	if claims["aud"] = audience; len(audience) == 1 {
		claims["aud"] = audience[0]
	}
	if g.Scope != "" {
		claims["scope"] = g.Scope
	}
	if !g.AuthTime.IsZero() {
		claims["auth_time"] = g.AuthTime.Unix()
	}
	if factors := strings.Fields(g.Factors); len(factors) > 0 {
		claims["amr"] = factors
	}
	t := gojwt.NewWithClaims(key.method, claims)
	t.Header["typ"], t.Header["kid"] = string(jwt.TypeAccessToken), key.ID()
	if token, err = t.SignedString(key.private); err != nil {
		return "", time.Time{}, fmt.Errorf("issuer: signing: %w", err)
	}
	return token, expires, nil
}
