package passport_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
)

// TestDerivedRequests: requests that a handler makes of its own do not share
// their decisions, one after another or at once. F08
func TestDerivedRequests(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	inner := s.a.Optional("id")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, s.who(r)) }))
	s.mux.HandleFunc("POST /batch", func(_ http.ResponseWriter, r *http.Request) {
		one := func(id, want string) {
			part := r.Clone(r.Context())
			part.Header.Set("X-Id", id)
			w := httptest.NewRecorder()
			inner.ServeHTTP(w, part)
			if got := w.Body.String(); got != want {
				t.Errorf("a request of %s is %s's", want, got)
			}
			if res, err := s.a.Authenticate(part, "id"); err != nil || (want == "nobody") != (res.Outcome() != passport.Succeeded) {
				t.Errorf("Authenticate for %s: %s, %v", want, res.Outcome(), err)
			}
		}
		one("1", "ann")
		one("", "nobody")
		var group sync.WaitGroup
		for i := range 60 {
			group.Go(func() { one(fmt.Sprint(i%3), []string{"zero", "ann", "ben"}[i%3]) })
		}
		group.Wait()
		if got := s.who(r); got != "nobody" {
			t.Errorf("the batch itself is %s's", got)
		}
	})
	s.do("POST", "/batch")
}

// TestLaterDecisionCounts: what is innermost counts, and a sign-in counts more.
func TestLaterDecisionCounts(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.mux.Handle("POST /login", s.a.LoginHandler("id", nil))
	show := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, s.who(r), " ", s.a.Strategy(r.Context()))
	})
	again := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.a.Login(w, r, members["0"], nil); err != nil {
			t.Error(err)
		}
		show(w, r)
	})
	s.mux.Handle("GET /key", s.a.Require("id")(show))
	s.mux.Handle("GET /key/session", s.a.Require("id")(s.a.Require()(show)))
	s.mux.Handle("GET /key/handler", s.a.Require("id")(s.a.Handler(show)))
	s.mux.Handle("POST /key/login", s.a.Require("id")(again))
	s.do("POST", "/login", "X-Id", "2")
	check(t, "the key's", s.body("GET", "/key", "X-Id", "1"), "ann id")
	check(t, "the session's", s.body("GET", "/key/session", "X-Id", "1"), "ben session")
	check(t, "Handler around itself", s.body("GET", "/key/handler", "X-Id", "1"), "ann id")
	check(t, "signed in", s.body("POST", "/key/login", "X-Id", "1"), "zero session")
}

// TestBodyIsHandedBack: what a strategy put back of the body, the caller of
// Authenticate can read.
func TestBodyIsHandedBack(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.a.UseFunc("reads", func(r *http.Request) (passport.Result[*member], error) {
		body, err := io.ReadAll(r.Body)
		r.Body = odd{strings.NewReader(string(body)), nil}
		if err != nil || string(body) != "remember=on" {
			return passport.Result[*member]{}, fmt.Errorf("body %q: %w", body, err)
		}
		return passport.Result[*member]{}.Pass()
	})
	decide := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := s.a.Authenticate(r, "reads"); err != nil {
			t.Error(err)
		}
		io.WriteString(w, r.PostFormValue("remember"))
	})
	s.mux.Handle("POST /form", decide)
	for name, h := range map[string]http.Handler{"below Handler": s.handler, "without": decide} {
		form := url.Values{"remember": {"on"}}.Encode()
		r := httptest.NewRequest("POST", "/form", strings.NewReader(form))
		r.Body = odd{strings.NewReader(form), nil}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		check(t, name, w.Body.String(), "on")
	}
}

// odd is a body that cannot be compared.
type odd struct {
	io.Reader
	list []int
}

func (odd) Close() error { return nil }

// twoSteps is a site with a sign-in of two steps: pwd, and then otp.
func twoSteps(t *testing.T, during func()) (*site, *sessions.Manager) {
	keeper := sessions.New(sessions.NewMemoryStore(nil), nil)
	s := newSite(t, func(c *passport.Config[*member]) { c.Sessions = keeper })
	s.a.UseFunc("pwd", func(*http.Request) (passport.Result[*member], error) {
		return passport.Result[*member]{}, &passport.Detour{URL: "/code", Key: "pending", Value: "1"}
	})
	s.a.UseFunc("otp", func(r *http.Request) (passport.Result[*member], error) {
		id, ok := sessions.Key[string]("pending").Get(s.a.Session(r.Context()))
		during()
		if !ok {
			return passport.Result[*member]{}.Pass()
		}
		return passport.Result[*member]{}.WithFactor("pwd").WithFactor("otp").Success(members[id])
	})
	s.mux.Handle("POST /pwd", s.a.LoginHandler("pwd", &passport.LoginOptions{Remember: func(*http.Request) bool { return true }}))
	s.mux.Handle("POST /other", s.a.LoginHandler("id", &passport.LoginOptions{Factor: "hwk"}))
	s.mux.Handle("POST /otp", s.a.LoginHandler("otp", nil))
	s.mux.HandleFunc("GET /how", func(w http.ResponseWriter, r *http.Request) {
		record := s.a.Session(r.Context()).Record()
		fmt.Fprint(w, record.User, " ", record.Factors, " ", record.Remember)
	})
	return s, keeper
}

// TestPendingSignIn: between two steps nobody is signed in, for a quarter of
// an hour at most; afterwards both factors count. B05, B13
func TestPendingSignIn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := twoSteps(t, func() {})
		check(t, "the way", s.do("POST", "/pwd").Header.Get("Location"), "/code")
		check(t, "on the way", s.body("GET", "/me"), "nobody")
		s.do("POST", "/otp")
		check(t, "signed in", s.body("GET", "/how"), "1 pwd otp true")

		s, _ = twoSteps(t, func() {})
		s.do("POST", "/pwd")
		s.do("POST", "/other", "X-Id", "2")
		check(t, "signed in otherwise", s.body("GET", "/how"), "2 hwk true")

		s, _ = twoSteps(t, func() {})
		s.do("POST", "/pwd")
		time.Sleep(15 * time.Minute)
		check(t, "too late", s.do("POST", "/otp").StatusCode, http.StatusUnauthorized)
	})
}

// TestPendingSignInThatEnded: a sign-out while the second step is checked
// holds. B09
func TestPendingSignInThatEnded(t *testing.T) {
	t.Parallel()
	var keeper *sessions.Manager
	s, keeper := twoSteps(t, func() {
		if _, err := keeper.RevokeAll(context.Background()); err != nil {
			t.Error(err)
		}
	})
	s.do("POST", "/pwd")
	check(t, "status", s.do("POST", "/otp").StatusCode, http.StatusUnauthorized)
	check(t, "user", s.body("GET", "/me"), "nobody")
}

// TestUpdateSessionThatFails: what change did before it failed is not saved, and what
// was set before the call is.
func TestUpdateSessionThatFails(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	n := sessions.Key[int]("n")
	s.mux.HandleFunc("POST /refused", func(w http.ResponseWriter, r *http.Request) {
		before := s.a.Session(r.Context())
		refused := errors.New("refused")
		err := errors.Join(n.Set(before, 1), s.a.UpdateSession(w, r, func(v *sessions.Session) error {
			return errors.Join(n.Set(v, 1000), refused)
		}))
		fmt.Fprint(w, errors.Is(err, refused), before.Changed())
	})
	s.mux.HandleFunc("GET /n", func(w http.ResponseWriter, r *http.Request) {
		v, _ := n.Get(s.a.Session(r.Context()))
		fmt.Fprint(w, v)
	})
	check(t, "refused", s.body("POST", "/refused"), "true false")
	check(t, "stored", s.body("GET", "/n"), "1")
}

// TestUpdateSessionInAnOutage: what could not be saved is not saved by a later
// call, or a counter would count twice.
func TestUpdateSessionInAnOutage(t *testing.T) {
	t.Parallel()
	store := &deaf{Store: sessions.NewMemoryStore(nil)}
	s := newSite(t, func(c *passport.Config[*member]) { c.Sessions = sessions.New(store, nil) })
	n, other := sessions.Key[int]("n"), sessions.Key[int]("other")
	set := func(k sessions.Key[int]) func(*sessions.Session) error {
		return func(v *sessions.Session) error {
			old, _ := k.Get(v)
			return k.Set(v, old+1)
		}
	}
	s.mux.HandleFunc("POST /count", func(w http.ResponseWriter, r *http.Request) {
		first := s.a.UpdateSession(w, r, set(other))
		store.err = errors.New("no database")
		failed := s.a.UpdateSession(w, r, set(n))
		store.err = nil
		again := s.a.UpdateSession(w, r, set(n))
		v, _ := n.Get(s.a.Session(r.Context()))
		w.Header().Set("Count", fmt.Sprint(first, " ", again, " ", v))
		s.a.Refuse(w, r, failed)
	})
	res := s.do("POST", "/count")
	check(t, "count", res.Header.Get("Count"), "<nil> <nil> 1")
	check(t, "status", res.StatusCode, http.StatusServiceUnavailable)
}

// deaf is a store that cannot update.
type deaf struct {
	sessions.Store
	err error
}

func (s *deaf) Update(ctx context.Context, r sessions.Record, version int64) error {
	if s.err != nil {
		return s.err
	}
	return s.Store.Update(ctx, r, version)
}

// TestLinksStampTheirOwn: a link of Serializers is asked for the stamp of its
// own users alone.
func TestLinksStampTheirOwn(t *testing.T) {
	t.Parallel()
	none := passport.StampBy[*member](declining{memberIDs}, func(*member) string { panic("not mine") })
	own := passport.StampBy(memberIDs, func(*member) string { return "7" })
	s := newSite(t, func(c *passport.Config[*member]) { c.Serializer = passport.Serializers(none, own) })
	s.mux.Handle("POST /login", s.a.LoginHandler("id", nil))
	s.do("POST", "/login", "X-Id", "1")
	check(t, "user", s.body("GET", "/me"), "ann")
}

// TestRetryAfterWithRedirect: a browser is told when to come back, also where
// it is sent to the form. A26
func TestRetryAfterWithRedirect(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.a.UseFunc("later", fails(&passport.Failure{Status: http.StatusTooManyRequests, RetryAfter: 1500 * time.Millisecond}))
	s.mux.Handle("POST /login", s.a.LoginHandler("later", &passport.LoginOptions{FailureRedirect: "/login"}))
	res := s.do("POST", "/login", "Accept", page)
	check(t, "location", res.Header.Get("Location"), "/login")
	check(t, "Retry-After", res.Header.Get("Retry-After"), "2")
}

// TestForeignPageLeavesNothing: a request of another origin leaves no message,
// and a handler of one's own is guarded as LoginHandler is. E07
func TestForeignPageLeavesNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.mux.Handle("POST /login", s.a.LoginHandler("id", &passport.LoginOptions{FailureRedirect: "/login"}))
	s.mux.HandleFunc("POST /own", func(w http.ResponseWriter, r *http.Request) {
		s.a.Complete(w, r, members["1"], &passport.LoginOptions{FailureRedirect: "/login"})
	})
	for _, path := range []string{"/login", "/own"} {
		res := s.do("POST", path, "X-Id", "1", "Accept", page, "Sec-Fetch-Site", "cross-site")
		check(t, path, res.StatusCode, http.StatusForbidden)
		check(t, path+" cookies", len(s.cookies), 0)
	}
}

// TestStoreThatRefuses: what the store answers is an outage, whatever it looks
// like. B26, F06
func TestStoreThatRefuses(t *testing.T) {
	t.Parallel()
	for _, answer := range []error{sql.ErrNoRows, passport.ErrNoUser, passport.ErrForbidden, &passport.Failure{Status: http.StatusForbidden}} {
		s := newSite(t, func(c *passport.Config[*member]) {
			c.LoginPage = "/login"
			c.Sessions = refusing{sessions.New(sessions.NewMemoryStore(nil), nil), answer}
		})
		check(t, answer.Error(), s.do("GET", "/me", "Accept", page).StatusCode, http.StatusServiceUnavailable)
	}
}

// refusing is a Keeper whose Load fails in a misleading way.
type refusing struct {
	*sessions.Manager
	answer error
}

func (k refusing) Load(*http.Request) (sessions.Record, bool, error) {
	return sessions.Record{}, false, fmt.Errorf("settings: %w", k.answer)
}

// TestEnvOutsideOfADecision: a handler has the client's address and the user's
// id from Env, and no decision that it could tell a name for.
func TestEnvOutsideOfADecision(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.mux.Handle("POST /login", s.a.LoginHandler("id", nil))
	s.mux.HandleFunc("GET /env", func(w http.ResponseWriter, r *http.Request) {
		e := passport.EnvOf(r.Context())
		e.Claim("somebody")
		fmt.Fprint(w, e.Strategy(), e.Purpose(), e.UserID(), " ", e.Client())
	})
	s.do("POST", "/login", "X-Id", "1")
	check(t, "env", s.body("GET", "/env"), "1 192.0.2.1")
}
