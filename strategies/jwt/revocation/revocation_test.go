package revocation_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/strategies/jwt"
	"github.com/gopassport/passport/strategies/jwt/issuer"
	"github.com/gopassport/passport/strategies/jwt/revocation"
)

const self = "https://api.example.com"

func token(id, subject string) *jwt.Token {
	now := time.Now()
	return &jwt.Token{Issuer: self, Subject: subject, ID: id, IssuedAt: now.Truncate(time.Second), Expires: now.Add(10 * time.Minute)}
}

func wants(t *testing.T, l *revocation.List, token *jwt.Token, revoked bool, what string) {
	t.Helper()
	err := l.Check(t.Context(), token)
	if revoked && !errors.Is(err, jwt.ErrRevoked) || !revoked && err != nil {
		t.Errorf("%s: %v, want revoked: %v", what, err, revoked)
	}
}

// D40: one token, or all that a subject has had so far, at every instance; and
// nobody else's.
func TestRevoke(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, ctx := sessions.NewMemoryStore(nil), t.Context()
		one, two := revocation.New(store, nil), revocation.New(store, nil)
		a, b, other := token("a", "ann"), token("b", "ann"), token("a", "ann")
		other.Issuer = "https://login.example.com"
		wants(t, two, a, false, "before")
		for range 2 {
			if err := one.Token(ctx, a); err != nil {
				t.Fatal(err)
			}
		}
		wants(t, two, a, true, "by id")
		wants(t, two, b, false, "another of the subject")
		wants(t, two, other, false, "the same id of another issuer")

		bob := token("c", "bob")
		time.Sleep(time.Minute + 300*time.Millisecond)
		last := token("d", "ann")
		for range 3 {
			if err := one.Subject(ctx, self, "ann"); err != nil {
				t.Fatal(err)
			}
		}
		wants(t, two, b, true, "by subject")
		wants(t, two, last, true, "of the same second")
		wants(t, two, bob, false, "another subject")
		wants(t, two, other, false, "the same subject of another issuer")
		undated := token("", "ann")
		undated.IssuedAt = time.Time{}
		wants(t, two, undated, true, "without a time")
		time.Sleep(time.Second)
		wants(t, two, token("e", "ann"), false, "issued afterwards")
		wants(t, two, token("", "ann"), false, "without an id")

		// Again, later: what was issued in between goes too.
		between := token("f", "ann")
		time.Sleep(time.Hour)
		if err := two.Subject(ctx, self, "ann"); err != nil {
			t.Fatal(err)
		}
		wants(t, one, between, true, "issued between two revocations")
	})
}

// Entries outlive the tokens that they are about, and go then.
func TestSwept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, ctx := sessions.NewMemoryStore(nil), t.Context()
		l := revocation.New(store, &revocation.Options{Lifetime: time.Hour})
		if err := errors.Join(l.Token(ctx, token("a", "ann")), l.Subject(ctx, self, "bob")); err != nil {
			t.Fatal(err)
		}
		sweep := func(after time.Duration, want int) {
			t.Helper()
			time.Sleep(after)
			if n, err := store.DeleteExpired(ctx, time.Now(), 10); n != want || err != nil {
				t.Errorf("swept %d, %v; want %d", n, err, want)
			}
		}
		sweep(20*time.Minute-time.Millisecond, 0)
		sweep(time.Millisecond, 1)
		sweep(50*time.Minute-time.Millisecond, 0)
		sweep(time.Millisecond, 1)
	})
}

// D40: a token that is revoked twice stays revoked until the later end, and so
// does a subject, whichever came first.
func TestLaterEndCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, ctx := sessions.NewMemoryStore(nil), t.Context()
		l, brief := revocation.New(store, &revocation.Options{Lifetime: time.Hour}), revocation.New(store, &revocation.Options{Lifetime: time.Minute})
		if err := l.ID(ctx, self, "a", time.Time{}); err == nil {
			t.Error("revoked until no time, and nobody was told")
		}
		a, b, ann := token("a", "bob"), token("b", "bob"), token("c", "ann")
		for _, err := range []error{
			l.ID(ctx, self, "a", time.Now()), l.ID(ctx, self, "a", time.Now().Add(time.Hour)),
			l.ID(ctx, self, "b", time.Now().Add(time.Hour)), l.ID(ctx, self, "b", time.Now()),
			l.Subject(ctx, self, "ann"), brief.Subject(ctx, self, "ann"),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Hour)
		if _, err := store.DeleteExpired(ctx, time.Now(), 10); err != nil {
			t.Fatal(err)
		}
		wants(t, l, a, true, "first until now, then for an hour")
		wants(t, l, b, true, "first for an hour, then until now")
		wants(t, l, ann, true, "a subject, first for an hour, then for a minute")
	})
}

// D40: where the issuer's clock may be ahead, tokens that it dates after the
// revocation may be older than that.
func TestSkew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := sessions.NewMemoryStore(nil)
		exact, l := revocation.New(store, nil), revocation.New(store, &revocation.Options{Skew: 30 * time.Second})
		if err := l.Subject(t.Context(), self, "ann"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Second)
		ahead := token("a", "ann")
		wants(t, l, ahead, true, "within the skew")
		wants(t, exact, ahead, false, "without a skew")
		time.Sleep(time.Second)
		wants(t, l, token("b", "ann"), false, "after the skew")
	})
}

// Revocations of one subject at once all succeed.
func TestRace(t *testing.T) {
	t.Parallel()
	store := sessions.NewMemoryStore(nil)
	before := token("a", "ann")
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			if err := revocation.New(store, nil).Subject(t.Context(), self, "ann"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	wants(t, revocation.New(store, nil), before, true, "revoked five times at once")
}

// broken is a store that fails.
type broken struct {
	sessions.Store
	err error
}

func (b *broken) Find(context.Context, sessions.ID) (sessions.Record, error) {
	return sessions.Record{}, b.err
}

// D40: through the strategy: a revoked token is 401 invalid_token, and one of
// which the store cannot tell is 503, not let in.
func TestStrategy(t *testing.T) {
	t.Parallel()
	key, err := issuer.HMAC([]byte(strings.Repeat("s", 32)), nil)
	if err != nil {
		t.Fatal(err)
	}
	iss, err := issuer.New(issuer.Config{Name: self, Audience: []string{self}, Keys: []*issuer.Key{key}})
	if err != nil {
		t.Fatal(err)
	}
	signed, _, _ := iss.Issue(issuer.Grant{Subject: "ann"})
	store := sessions.NewMemoryStore(nil)
	list := revocation.New(store, nil)
	serve := func(l *revocation.List) *httptest.ResponseRecorder {
		a := passport.New(passport.Config[string]{Logger: slog.New(slog.DiscardHandler)})
		a.Use("jwt", jwt.New(jwt.Config{Issuers: []jwt.Issuer{iss.Trusted()}, Revoked: l.Check},
			func(_ context.Context, t *jwt.Token) (string, error) { return t.Subject, nil }))
		r := httptest.NewRequest("POST", "/", nil)
		r.Header.Set("Authorization", "Bearer "+signed)
		w := httptest.NewRecorder()
		a.RequireFunc(func(w http.ResponseWriter, r *http.Request, _ string) {
			// The route that revokes the token it came with.
			token, _ := a.Info(r.Context()).(*jwt.Token)
			if err := l.Token(r.Context(), token); err != nil {
				a.Refuse(w, r, err)
			}
		}, "jwt").ServeHTTP(w, r)
		return w
	}
	for name, err := range map[string]error{"slow": context.DeadlineExceeded, "down": errors.New("no disk")} {
		if w := serve(revocation.New(&broken{store, err}, nil)); w.Code != 503 {
			t.Errorf("a store that is %s: %d", name, w.Code)
		}
	}
	if w := serve(revocation.New(&broken{store, sessions.ErrCorrupt}, nil)); w.Code != 401 {
		t.Errorf("an entry that cannot be read: %d", w.Code)
	}
	if w := serve(list); w.Code != 200 {
		t.Errorf("before: %d", w.Code)
	}
	if w := serve(list); w.Code != 401 || !strings.Contains(w.Header().Get("Www-Authenticate"), "invalid_token") {
		t.Errorf("revoked: %d %v", w.Code, w.Header())
	}
}

// F16
func TestMistakes(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]func(){
		"no store":  func() { revocation.New(nil, nil) },
		"nil store": func() { revocation.New((*sessions.MemoryStore)(nil), nil) },
		"negative":  func() { revocation.New(sessions.NewMemoryStore(nil), &revocation.Options{Lifetime: -1}) },
		"no skew":   func() { revocation.New(sessions.NewMemoryStore(nil), &revocation.Options{Skew: -1}) },
		"long skew": func() { revocation.New(sessions.NewMemoryStore(nil), &revocation.Options{Skew: 6 * time.Minute}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if recover() == nil {
					t.Error("does not panic")
				}
			}()
			f()
		})
	}
	l, ctx := revocation.New(sessions.NewMemoryStore(nil), nil), t.Context()
	for name, err := range map[string]error{
		"nil token":  l.Token(ctx, nil),
		"no id":      l.Token(ctx, token("", "ann")),
		"no issuer":  l.ID(ctx, "", "a", time.Now()),
		"no subject": l.Subject(ctx, self, ""),
	} {
		if err == nil {
			t.Errorf("%s: no error, though nothing was revoked", name)
		}
	}
}

func Example() {
	ctx := context.Background()
	revoked := revocation.New(sessions.NewMemoryStore(nil), nil) // or the store of the sessions
	check := func(issued time.Time) {
		t := &jwt.Token{Issuer: "https://api.example.com", Subject: "ann", ID: "1", IssuedAt: issued}
		fmt.Println(revoked.Check(ctx, t)) // as jwt.Config.Revoked is asked
	}
	earlier := time.Now()
	check(earlier)
	if err := revoked.Subject(ctx, "https://api.example.com", "ann"); err != nil { // the password changed
		panic(err)
	}
	check(earlier)
	check(time.Now().Add(time.Second))
	// Output:
	// <nil>
	// jwt: revoked
	// <nil>
}
