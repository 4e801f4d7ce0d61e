package local_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/local"
)

// A28: neither the password nor a hash shows in an answer, an error, a log
// record at any level, or a value printed with all its fields.
func TestNoSecretShows(t *testing.T) {
	const canary = "CANARY-IN-THE-COAL-MINE"
	var seen bytes.Buffer
	log := slog.New(slog.NewTextHandler(&seen, &slog.HandlerOptions{Level: slog.LevelDebug}))
	u := accounts()
	u.hash["canary"] = "old$" + digest(canary)
	u.hash["poisoned"] = "$2a$31$" + canary
	hook := errors.New("no disk")
	s := local.New(u.find, &local.Options[*user]{
		Hasher: newHasher(&quick{}), Limiter: free{}, Logger: log,
		Rehash: func(context.Context, *user, string, string) error { return hook },
	})
	a := passport.New(passport.Config[*user]{
		Logger:     log,
		Serializer: passport.SerializeBy(func(u *user) string { return u.name }, func(_ context.Context, id string) (*user, error) { return &user{id}, nil }),
		OnAttempt:  func(_ context.Context, at passport.Attempt) { fmt.Fprintf(&seen, "%+v %v\n", at, at.Cause) },
	})
	a.Use("local", s)
	h := a.Handler(a.LoginHandler("local", nil))
	passwords := []string{canary, canary + "\x00", canary + "\xff", strings.Repeat(canary, 4), strings.Repeat(canary, 100), strings.Repeat(canary, 5000)}
	for _, pw := range passwords {
		for _, name := range append([]string{"canary", "outage", "maintenance"}, unproven...) {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, form(name, pw))
			fmt.Fprintln(&seen, w.Body, w.Header())
			res, err := s.Authenticate(form(name, pw))
			fmt.Fprintf(&seen, "%+v %+v %#v %v\n", res, res.Failure(), res.Failure(), err)
			_, err = s.Verify(t.Context(), name, pw)
			fmt.Fprintf(&seen, "%+v %v\n", err, err)
		}
	}
	for _, body := range []string{`{"username":"alice","password":["` + canary + `"]}`, `{"password":"` + canary + `","password":1}`, `{"password":"` + canary} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, post(jsonType, body))
		fmt.Fprintln(&seen, w.Body, w.Header())
	}
	fmt.Fprintf(&seen, "%+v %#v\n", s, s)
	text := seen.String()
	if !strings.Contains(text, "no disk") || !strings.Contains(text, "invalid-credentials") {
		t.Fatal("the test sees nothing")
	}
	for _, secret := range []string{canary, digest(canary), digest("right")} {
		if i := strings.Index(text, secret); i >= 0 {
			t.Errorf("shows %q: …%s…", secret, text[max(0, i-300):i+len(secret)])
		}
	}
}
