package apikey_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/apikey"
)

type user struct{ name string }

// table is the application's.
type table struct {
	mu    sync.Mutex
	keys  map[string]apikey.Key
	err   error
	finds int
	used  []time.Time
}

func (k *table) byID(_ context.Context, id string) (*user, apikey.Key, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.finds++
	key, ok := k.keys[id]
	switch {
	case k.err != nil:
		return nil, apikey.Key{}, k.err
	case !ok:
		return nil, apikey.Key{}, passport.ErrNoUser
	}
	return &user{"ann"}, key, nil
}

func (k *table) markUsed(_ context.Context, id string, at time.Time) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.used = append(k.used, at)
	key := k.keys[id]
	key.LastUsed = at
	k.keys[id] = key
	return nil
}

// newKey puts one into the table.
func (k *table) newKey(expires time.Time) string {
	text, stored := apikey.Generate("acme_live", expires)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.keys == nil {
		k.keys = make(map[string]apikey.Key)
	}
	k.keys[stored.ID] = stored
	return text
}

func with(header string, values ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header[header] = values
	return r
}

// serve is the whole answer to r.
func serve(s passport.Strategy[*user], r *http.Request) *httptest.ResponseRecorder {
	a := passport.New(passport.Config[*user]{Logger: slog.New(slog.DiscardHandler)})
	a.Use("key", s)
	w := httptest.NewRecorder()
	a.RequireFunc(func(w http.ResponseWriter, _ *http.Request, u *user) { fmt.Fprint(w, u.name) }, "key").ServeHTTP(w, r)
	return w
}

// The shape is the one that scanners are given, and no two keys are alike.
func TestGenerate(t *testing.T) {
	t.Parallel()
	shape := regexp.MustCompile(`^` + apikey.Pattern("acme_live") + `$`)
	seen := make(map[string]bool)
	for range 1000 {
		text, stored := apikey.Generate("acme_live", time.Time{})
		id, ok := apikey.Parse("acme_live", text)
		if !shape.MatchString(text) || !ok || id != stored.ID || stored.Hash != sha256.Sum256([]byte(text)) {
			t.Fatalf("%s: %+v", text, stored)
		}
		if seen[text] || seen[stored.ID] {
			t.Fatalf("%s twice", text)
		}
		seen[text], seen[stored.ID] = true, true
	}
}

// A key that was changed anywhere is refused, and never looked up.
func TestMistyped(t *testing.T) {
	t.Parallel()
	k := &table{}
	text := k.newKey(time.Time{})
	s := apikey.New("acme_live", k.byID, nil)
	for i := range len(text) {
		for _, c := range []byte{'A', 'B', '2', 'a', '_', '=', 0, 0xff} {
			if bad := text[:i] + string([]byte{c}) + text[i+1:]; bad != text {
				if _, err := s.Verify(t.Context(), bad); err == nil {
					t.Fatalf("took %q", bad)
				}
			}
		}
	}
	for _, bad := range []string{"", text[1:], text + "A", text[:len(text)-1], " " + text, "acme" + text[len("acme_live"):]} {
		if _, err := s.Verify(t.Context(), bad); err == nil {
			t.Errorf("took %q", bad)
		}
	}
	if k.finds != 0 {
		t.Errorf("%d look-ups of what is no key", k.finds)
	}
}

// A27, E01: who has the id alone gets in no more than who has nothing, and
// all refusals are alike.
func TestRefused(t *testing.T) {
	t.Parallel()
	k := &table{}
	right, expired := k.newKey(time.Time{}), k.newKey(time.Now())
	unknown, _ := apikey.Generate("acme_live", time.Time{})
	// The id of a stored key with a secret of one's own.
	other := k.newKey(time.Time{})
	id, _ := apikey.Parse("acme_live", right)
	otherID, _ := apikey.Parse("acme_live", other)
	k.keys[id], k.keys[otherID] = k.keys[otherID], k.keys[id]
	stolen := right
	right = k.newKey(time.Time{})
	s := apikey.New("acme_live", k.byID, nil)
	if w := serve(s, with("X-Api-Key", right)); w.Code != 200 || w.Body.String() != "ann" {
		t.Fatalf("the right key: %d %s", w.Code, w.Body)
	}
	requestID := regexp.MustCompile(`"request_id":"\w+"`)
	var answers []string
	for name, text := range map[string]string{"expired": expired, "unknown": unknown, "another's secret": stolen, "no key": "x"} {
		w := serve(s, with("X-Api-Key", text))
		if got := w.Header()["Www-Authenticate"]; w.Code != 401 || len(got) != 1 || got[0] != `ApiKey realm="Users"` {
			t.Errorf("%s: %d %q", name, w.Code, got)
		}
		answers = append(answers, requestID.ReplaceAllString(w.Body.String(), ""))
	}
	for _, a := range answers {
		if a != answers[0] {
			t.Errorf("answers differ:\n%s\n%s", a, answers[0])
		}
	}
	if w := serve(s, with("X-Other")); w.Code != 401 || w.Header().Get("Www-Authenticate") != `ApiKey realm="Users"` {
		t.Errorf("nothing: %d %q", w.Code, w.Header()["Www-Authenticate"])
	}
	k.err = errors.New("no database")
	if w := serve(s, with("X-Api-Key", right)); w.Code != 500 {
		t.Errorf("an outage: %d", w.Code)
	}
	k.err = context.DeadlineExceeded
	if w := serve(s, with("X-Api-Key", right)); w.Code != 503 {
		t.Errorf("a slow database: %d", w.Code)
	}
}

// A27, F16: a stored key that is empty fits no key.
func TestZeroKey(t *testing.T) {
	t.Parallel()
	text, _ := apikey.Generate("acme", time.Time{})
	s := apikey.New("acme", func(context.Context, string) (*user, apikey.Key, error) { return &user{}, apikey.Key{}, nil }, nil)
	if _, err := s.Verify(t.Context(), text); err == nil {
		t.Error("the zero Key lets somebody in")
	}
}

// D33: one key, in one place.
func TestPlaces(t *testing.T) {
	t.Parallel()
	k := &table{}
	text := k.newKey(time.Time{})
	jwt := "Bearer eyJhbGciOiJFUzI1NiJ9.e30.c2ln"
	for _, c := range []struct {
		name   string
		scheme string
		key    []string
		auth   []string
		want   int
	}{
		{"header", "", []string{text}, nil, 200},
		{"header twice", "", []string{text, text}, nil, 400},
		{"Authorization is not looked at", "", nil, []string{"Bearer " + text}, 401},
		{"Authorization of others", "", []string{text}, []string{"Bearer x", "Basic y"}, 200},
		{"Bearer", "Bearer", nil, []string{"Bearer " + text}, 200},
		{"bearer", "Bearer", nil, []string{"bearer  " + text}, 200},
		{"ApiKey", "ApiKey", nil, []string{"ApiKey " + text}, 200},
		{"both", "ApiKey", []string{text}, []string{"ApiKey " + text}, 400},
		{"both, Bearer", "Bearer", []string{text}, []string{"Bearer " + text}, 400},
		{"both, another token", "Bearer", []string{text}, []string{jwt}, 400},
		{"two Authorization headers", "Bearer", nil, []string{"Bearer " + text, "Bearer " + text}, 400},
		{"malformed", "Bearer", nil, []string{"Bearer " + text + " x"}, 400},
		{"wrong under ApiKey", "ApiKey", nil, []string{"ApiKey x"}, 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := with("X-Api-Key", c.key...)
			r.Header["Authorization"] = c.auth
			if w := serve(apikey.New("acme_live", k.byID, &apikey.Options{Scheme: c.scheme}), r); w.Code != c.want {
				t.Errorf("%d, want %d\n%s", w.Code, c.want, w.Body)
			}
		})
	}
	s := apikey.New("acme_live", k.byID, &apikey.Options{Scheme: "Bearer"})
	if res, err := s.Authenticate(with("Authorization", jwt)); err != nil || res.Outcome() != passport.Passed {
		t.Errorf("a token that is no key: %v, %v; it is another strategy's", res.Outcome(), err)
	}
	w := serve(s, with("Authorization", "Bearer acme_live_x"))
	if got, want := w.Header().Get("Www-Authenticate"), `Bearer realm="Users", error="invalid_token", error_description="The key is not valid."`; w.Code != 401 || got != want {
		t.Errorf("%d %s, want %s", w.Code, got, want)
	}
}

// D35: a key that the application refuses, in its own words, is no less wrong.
func TestBearerChallenge(t *testing.T) {
	t.Parallel()
	k := &table{err: &passport.Failure{Code: "used-up"}}
	text := k.newKey(time.Time{})
	w := serve(apikey.New("acme_live", k.byID, &apikey.Options{Scheme: "Bearer"}), with("Authorization", "Bearer "+text))
	if got, want := w.Header().Get("Www-Authenticate"), `Bearer realm="Users", error="invalid_token", error_description="The key is not valid."`; w.Code != 401 || got != want {
		t.Errorf("%d %s, want %s", w.Code, got, want)
	}
}

// E16: without an error there is a user, and who has none used no key.
func TestNobody(t *testing.T) {
	t.Parallel()
	text, stored := apikey.Generate("acme", time.Time{})
	s := apikey.New("acme", func(context.Context, string) (*user, apikey.Key, error) { return nil, stored, nil }, &apikey.Options{
		Used: func(context.Context, string, time.Time) error { t.Error("a use is stored"); return nil },
	})
	u, err := s.Verify(t.Context(), text)
	f, refused := passport.AsRefusal(err)
	if u != nil || !refused || f.Code != passport.CodeInvalidCredentials || f.Message != "The key is not valid." {
		t.Errorf("%v, %v", u, err)
	} else if cause, _ := errors.AsType[*passport.Failure](f.Err); cause == nil || cause.Code != passport.CodeNilUser {
		t.Errorf("the log tells %v", f)
	}
}

// An expiry counts at its very moment, and last-used is written at most once
// a minute.
func TestTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := &table{}
		text := k.newKey(time.Now().Add(10 * time.Minute))
		s := apikey.New("acme_live", k.byID, &apikey.Options{Used: k.markUsed})
		start := time.Now()
		for time.Since(start) < 10*time.Minute {
			var requests sync.WaitGroup
			for range 10 {
				requests.Go(func() {
					if _, err := s.Verify(t.Context(), text); err != nil {
						t.Errorf("after %v: %v", time.Since(start), err)
					}
				})
			}
			requests.Wait()
			time.Sleep(time.Second)
		}
		if _, err := s.Verify(t.Context(), text); err == nil {
			t.Error("good at the moment it expires")
		}
		if len(k.used) != 10 {
			t.Errorf("%d writes in ten minutes", len(k.used))
		}
	})
}

// Neither a store that is slow to tell when a key was used, nor a restart,
// makes more writes; a refused key makes none.
func TestUsedSparingly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k, writes := &table{}, 0
		text, expired := k.newKey(time.Time{}), k.newKey(time.Now())
		count := &apikey.Options{Used: func(context.Context, string, time.Time) error { writes++; return nil }}
		verify := func(s *apikey.Strategy[*user], key string, want int, what string) {
			t.Helper()
			_, _ = s.Verify(t.Context(), key)
			if writes != want {
				t.Errorf("%s: %d writes, want %d", what, writes, want)
			}
		}
		s := apikey.New("acme_live", k.byID, count)
		verify(s, expired, 0, "an expired key")
		verify(s, text, 1, "the first use")
		verify(s, text, 1, "the stored time is not there yet")
		time.Sleep(time.Minute)
		verify(s, text, 2, "a minute later")
		id, _ := apikey.Parse("acme_live", text)
		if err := k.markUsed(t.Context(), id, time.Now()); err != nil {
			t.Fatal(err)
		}
		verify(apikey.New("acme_live", k.byID, count), text, 2, "after a restart")
	})
}

// What fails beside the decision refuses nobody.
func TestUsedFails(t *testing.T) {
	t.Parallel()
	for name, used := range map[string]func(context.Context, string, time.Time) error{
		"error": func(context.Context, string, time.Time) error { return errors.New("no disk") },
		"panic": func(context.Context, string, time.Time) error { panic("no disk") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := &table{}
			text := k.newKey(time.Time{})
			var log bytes.Buffer
			s := apikey.New("acme_live", k.byID, &apikey.Options{Used: used, Logger: slog.New(slog.NewTextHandler(&log, nil))})
			if _, err := s.Verify(t.Context(), text); err != nil || !strings.Contains(log.String(), "no disk") {
				t.Errorf("%v\n%s", err, &log)
			}
		})
	}
}

// A28: a key does not show in answers, errors, logs or what is printed.
func TestNoSecretShows(t *testing.T) {
	t.Parallel()
	k := &table{}
	text := k.newKey(time.Now())
	secret := text[len("acme_live")+18:]
	var seen bytes.Buffer
	a := passport.New(passport.Config[*user]{
		Logger:    slog.New(slog.NewTextHandler(&seen, &slog.HandlerOptions{Level: slog.LevelDebug})),
		OnAttempt: func(_ context.Context, at passport.Attempt) { fmt.Fprintf(&seen, "%s %v\n", at.Name, at.Cause) },
	})
	s := apikey.New("acme_live", k.byID, nil)
	a.Use("key", s)
	for _, sent := range []string{text, text + "x", strings.ToLower(text)} {
		w := httptest.NewRecorder()
		a.Require("key")(http.NotFoundHandler()).ServeHTTP(w, with("X-Api-Key", sent))
		fmt.Fprintln(&seen, w.Body, w.Header())
	}
	fmt.Fprintf(&seen, "%+v", s)
	if !strings.Contains(seen.String(), "has expired") {
		t.Fatal("the test sees nothing")
	}
	if strings.Contains(strings.ToUpper(seen.String()), secret[:20]) {
		t.Errorf("shows the key:\n%s", &seen)
	}
}

// F16
func TestWiringMistakes(t *testing.T) {
	t.Parallel()
	find := (&table{}).byID
	for name, f := range map[string]func(){
		"no function":   func() { apikey.New[*user]("acme", nil, nil) },
		"no prefix":     func() { apikey.New("", find, nil) },
		"hyphen":        func() { apikey.New("acme-live", find, nil) },
		"digit first":   func() { apikey.Generate("1acme", time.Time{}) },
		"long prefix":   func() { apikey.Generate(strings.Repeat("a", 33), time.Time{}) },
		"Authorization": func() { apikey.New("acme", find, &apikey.Options{Header: "authorization"}) },
		"realm":         func() { apikey.New("acme", find, &apikey.Options{Realm: "\n"}) },
		"scheme":        func() { apikey.New("acme", find, &apikey.Options{Scheme: "Api Key"}) },
		"negative":      func() { apikey.New("acme", find, &apikey.Options{UsedEvery: -1}) },
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
}

// F13: what is parsed is of the shape that scanners look for.
func FuzzParse(f *testing.F) {
	shape := regexp.MustCompile(`\A` + apikey.Pattern("acme") + `\z`)
	f.Fuzz(func(t *testing.T, text string) {
		id, ok := apikey.Parse("acme", text)
		if ok != (id != "") || ok && (!shape.MatchString(text) || !strings.HasPrefix(text, "acme_"+id+"_")) {
			t.Fatalf("%q: %q, %v", text, id, ok)
		}
	})
}
