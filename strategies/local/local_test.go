package local_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/password"
	"github.com/gopassport/passport/strategies/local"
	"github.com/gopassport/passport/throttle"
)

func asFailure(err error) (*passport.Failure, bool) { return errors.AsType[*passport.Failure](err) }

// accounts has one of each kind. The right password of all is "right".
func accounts() *users {
	right := "quick$" + digest("right")
	return &users{
		hash: map[string]string{
			"alice": right, "locked": right, "disabled": right, "unverified": right, "forbidden": right,
			"social": "", "poisoned": "$2a$31$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe", "torn": "quick$malformed",
		},
		errs: map[string]error{
			"locked":      &passport.Failure{Code: "locked", Status: http.StatusLocked, Message: "Locked!", RetryAfter: 1e9, Challenge: "Locked"},
			"disabled":    fmt.Errorf("find: %w", &passport.Failure{Code: "disabled", Status: 403}),
			"unverified":  &passport.Failure{Code: "unverified"},
			"forbidden":   passport.ErrForbidden,
			"norows":      fmt.Errorf("find: %w", sql.ErrNoRows),
			"invalid":     passport.ErrInvalidCredentials,
			"detour":      &passport.Detour{URL: "/second-factor"},
			"outage":      errors.New("database is down"),
			"maintenance": &passport.Failure{Code: "maintenance", Status: 503},
		},
	}
}

// unproven are the accounts that a stranger must not tell apart.
var unproven = []string{"nobody", "alice", "locked", "disabled", "unverified", "forbidden", "norows", "invalid", "social", "poisoned", "torn", "detour"}

// A01, A02, A03, A04, A05, A08: whoever it is, one refusal, for the same
// work, at the same point.
func TestStrangersLearnNothing(t *testing.T) {
	q := &quick{}
	s := local.New(accounts().find, &local.Options[*user]{Hasher: newHasher(q), Limiter: free{}})
	for _, pw := range []struct {
		name, password string
		work           int64
	}{
		{"wrong", "wrong", 1},
		{"73 bytes", strings.Repeat("x", 73), 1},
		{"60 KB", strings.Repeat("x", 60<<10), 0},
		{"NUL", "right\x00", 0},
		{"invalid UTF-8", "right\xff", 0},
	} {
		for _, name := range unproven {
			before := q.verified.Load()
			outcome, f := decide(t, s, form(name, pw.password))
			if outcome != passport.Failed {
				t.Fatalf("%s, %s: %v", name, pw.name, outcome)
			}
			want := &passport.Failure{Code: "invalid-credentials", Status: 401, Message: "Wrong name or password."}
			if diff := cmp.Diff(want, f, cmp.FilterPath(func(p cmp.Path) bool { return p.String() == "Err" }, cmp.Ignore())); diff != "" {
				t.Errorf("%s, %s: %s", name, pw.name, diff)
			}
			if work := q.verified.Load() - before; work != pw.work {
				t.Errorf("%s, %s: %d hashes, want %d", name, pw.name, work, pw.work)
			}
			if f.Err == nil {
				t.Errorf("%s, %s: no cause for the logs", name, pw.name)
			}
		}
	}
}

// requestID is what differs between any two answers.
var requestID = regexp.MustCompile(`[A-Z2-7]{26}`)

// A04: the same answer on the wire, also with the right password of an account
// that is locked.
func TestAnswersAreTheSame(t *testing.T) {
	for _, o := range []*passport.LoginOptions{nil, {FailureRedirect: "/login"}} {
		a := newAuthenticator(slog.New(slog.DiscardHandler))
		a.Use("local", local.New(accounts().find, &local.Options[*user]{Hasher: newHasher(&quick{}), Limiter: free{}}))
		h := a.Handler(a.LoginHandler("local", o))
		answer := func(name, pw string) string {
			w := httptest.NewRecorder()
			r := form(name, pw)
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			h.ServeHTTP(w, r)
			var cookies []string
			for _, c := range w.Result().Cookies() {
				cookies = append(cookies, fmt.Sprint(c.Name, c.Path, c.MaxAge, len(c.Value)))
			}
			header := w.Header().Clone()
			header.Del("Set-Cookie")
			return requestID.ReplaceAllString(fmt.Sprint(w.Code, header, w.Body, cookies), "ID")
		}
		want := answer("nobody", "wrong")
		for _, name := range unproven {
			if diff := cmp.Diff(want, answer(name, "wrong")); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
		for _, name := range []string{"nobody", "locked", "disabled", "unverified", "social", "poisoned"} {
			if diff := cmp.Diff(want, answer(name, "right")); diff != "" {
				t.Errorf("%s, right password: %s", name, diff)
			}
		}
	}
}

func TestOutcomes(t *testing.T) { // L5
	s := local.New(accounts().find, &local.Options[*user]{Hasher: newHasher(&quick{}), Limiter: free{}})
	res, err := s.Authenticate(form("alice", "right"))
	if err != nil || res.Outcome() != passport.Succeeded || res.User().name != "alice" {
		t.Errorf("right password: %v, %v", res, err)
	}
	if res, err := s.Authenticate(form("outage", "right")); err == nil || err.Error() != "database is down" || res.Outcome() == passport.Succeeded {
		t.Errorf("outage: %v, %v; want the error as it is", res.Outcome(), err)
	}
	if _, f := decide(t, s, form("maintenance", "right")); f.Code != "maintenance" || f.Status != 503 {
		t.Errorf("maintenance: %v", f)
	}
	// A second factor is not reached, and not even hinted at, without the first.
	res, err = s.Authenticate(form("detour", "wrong"))
	if err != nil || res.Outcome() != passport.Failed {
		t.Errorf("detour, wrong password: %v, %v", res.Outcome(), err)
	}
	detoured := accounts()
	detoured.hash["detour"] = "quick$" + digest("right")
	s = local.New(detoured.find, &local.Options[*user]{Hasher: newHasher(&quick{}), Limiter: free{}})
	_, err = s.Authenticate(form("detour", "right"))
	if d, ok := errors.AsType[*passport.Detour](err); !ok || d.URL != "/second-factor" {
		t.Errorf("detour, right password: %v", err)
	}
}

func TestFactor(t *testing.T) {
	a := newAuthenticator(slog.New(slog.DiscardHandler))
	a.Use("local", local.New(accounts().find, &local.Options[*user]{Hasher: newHasher(&quick{})}))
	var factors string
	h := a.Handler(a.LoginHandler("local", &passport.LoginOptions{Then: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		factors = a.Session(r.Context()).Record().Factors
	})}))
	h.ServeHTTP(httptest.NewRecorder(), form("alice", "right"))
	if factors != "pwd" {
		t.Errorf("factors %q, want pwd", factors)
	}
}

func TestCanonicalName(t *testing.T) { // A21
	u := accounts()
	limiter := &recorder{}
	s := local.New(u.find, &local.Options[*user]{Hasher: newHasher(&quick{}), Limiter: limiter})
	for _, name := range []string{"alice", "Alice", "ALICE ", " alice\u00a0", "ａｌｉｃｅ"} {
		if outcome, f := decide(t, s, form(name, "right")); outcome != passport.Succeeded {
			t.Errorf("%q: %v", name, f)
		}
	}
	for i, name := range u.lookup {
		if name != "alice" || limiter.accounts[i] != "alice" {
			t.Errorf("find got %q, the limiter %q; want alice", name, limiter.accounts[i])
		}
	}
	asTyped := local.New(u.find, &local.Options[*user]{
		Hasher: newHasher(&quick{}), Limiter: limiter, Canonical: func(s string) string { return s },
	})
	if outcome, _ := decide(t, asTyped, form("Alice", "right")); outcome != passport.Failed {
		t.Errorf("Options.Canonical is not used: %v", outcome)
	}
}

// recorder is a Limiter that lets everyone in and remembers who.
type recorder struct{ accounts, clients []string }

func (l *recorder) Attempt(_ context.Context, account, client string) (func(throttle.Verdict), error) {
	l.accounts = append(l.accounts, account)
	l.clients = append(l.clients, client)
	return func(throttle.Verdict) {}, nil
}

func TestFunc(t *testing.T) { // A07, A08, L5
	var called []string
	answers := map[string]error{
		"nobody": passport.ErrNoUser, "norows": sql.ErrNoRows, "invalid": passport.ErrInvalidCredentials,
		"locked": &passport.Failure{Code: "locked", Status: 403}, "detour": &passport.Detour{URL: "/x"},
		"outage": errors.New("no LDAP"),
	}
	s := local.Func(func(_ context.Context, name, pw string) (*user, error) {
		called = append(called, pw)
		return &user{name}, answers[name]
	}, &local.Options[*user]{Limiter: free{}})
	if outcome, _ := decide(t, s, form("Alice", "anything")); outcome != passport.Succeeded {
		t.Errorf("alice: %v", outcome)
	}
	for _, name := range []string{"nobody", "norows", "invalid"} {
		if outcome, f := decide(t, s, form(name, "x")); outcome != passport.Failed || f.Code != "invalid-credentials" || f.Message == "" {
			t.Errorf("%s: %v, %v", name, outcome, f)
		}
	}
	if _, f := decide(t, s, form("locked", "x")); f.Code != "locked" {
		t.Errorf("locked: %v", f)
	}
	for _, name := range []string{"detour", "outage"} {
		if _, err := s.Authenticate(form(name, "x")); !errors.Is(err, answers[name]) {
			t.Errorf("%s: %v", name, err)
		}
	}
	called = nil
	for _, pw := range []string{"", "\x00", "right\x00", "\xff"} {
		if outcome, _ := decide(t, s, form("alice", pw)); outcome != passport.Failed {
			t.Errorf("%q: %v", pw, outcome)
		}
		if _, err := s.Verify(t.Context(), "alice", pw); err == nil {
			t.Errorf("Verify %q: no error", pw)
		}
	}
	if len(called) != 0 {
		t.Errorf("verify was called with %q", called)
	}
}

// Without an error there is a user. Nobody is answered as a wrong password is,
// is counted as one, and gets no new hash.
func TestNobody(t *testing.T) { // E16
	t.Parallel()
	var verdict throttle.Verdict
	o := &local.Options[*user]{
		Hasher:  newHasher(&quick{}),
		Limiter: judged{&verdict},
		Rehash:  func(context.Context, *user, string, string) error { t.Error("a hash is renewed"); return nil },
	}
	for name, s := range map[string]*local.Strategy[*user]{
		"New":  local.New(func(context.Context, string) (*user, string, error) { return nil, "old$" + digest("right"), nil }, o),
		"Func": local.Func(func(context.Context, string, string) (*user, error) { return nil, nil }, o),
	} {
		verdict = throttle.Right
		u, err := s.Verify(t.Context(), "alice", "right")
		f, refused := passport.AsRefusal(err)
		if u != nil || !refused || f.Code != passport.CodeInvalidCredentials || f.Message != "Wrong name or password." || verdict != throttle.Wrong {
			t.Errorf("%s: %v, %v, judged %v", name, u, err, verdict)
		} else if cause, _ := asFailure(f.Err); cause == nil || cause.Code != passport.CodeNilUser {
			t.Errorf("%s: the log tells %v", name, f)
		}
	}
}

// judged is a Limiter that lets everyone in, and keeps the last verdict.
type judged struct{ last *throttle.Verdict }

func (j judged) Attempt(context.Context, string, string) (func(throttle.Verdict), error) {
	return func(v throttle.Verdict) { *j.last = v }, nil
}

func TestBusy(t *testing.T) { // A16
	q := &quick{gate: make(chan struct{})}
	hasher := password.New(&password.Options{Scheme: q, Concurrent: 1, Queue: -1})
	s := local.New(accounts().find, &local.Options[*user]{Hasher: hasher, Limiter: throttle.NewMemory(nil)})
	first := make(chan passport.Outcome)
	go func() { o, _ := decide(t, s, form("alice", "right")); first <- o }()
	for q.verified.Load() == 0 {
		runtime.Gosched()
	}
	for range 20 { // and none of these counts as a failure
		outcome, f := decide(t, s, form("alice", "right"))
		if outcome != passport.Broken || f.Code != "busy" || f.Status != 503 || f.RetryAfter <= 0 {
			t.Fatalf("%v, %v; want busy", outcome, f)
		}
	}
	close(q.gate)
	if o := <-first; o != passport.Succeeded {
		t.Errorf("first: %v", o)
	}
}

func TestContextEnds(t *testing.T) { // A17, F04
	q := &quick{}
	s := local.New(accounts().find, &local.Options[*user]{Hasher: newHasher(q)})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 {
		if _, err := s.Authenticate(form("alice", "right").WithContext(ctx)); !errors.Is(err, context.Canceled) {
			t.Fatalf("error %v", err)
		}
	}
	if q.verified.Load() != 0 {
		t.Error("a request that had ended was hashed")
	}
	if outcome, f := decide(t, s, form("alice", "right")); outcome != passport.Succeeded {
		t.Errorf("attempts that were never decided count: %v", f)
	}
}

func TestWiringMistakes(t *testing.T) { // L1, F16
	find := accounts().find
	for name, f := range map[string]func(){
		"no find":     func() { local.New[*user](nil, nil) },
		"no verify":   func() { local.Func[*user](nil, nil) },
		"same fields": func() { local.New(find, &local.Options[*user]{NameField: "x", PasswordField: "x"}) },
		"negative":    func() { local.New(find, &local.Options[*user]{MaxBody: -1}) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if msg, _ := recover().(string); !strings.HasPrefix(msg, "local: ") {
					t.Errorf("panic %q, want one of this package", msg)
				}
			}()
			f()
		})
	}
}
