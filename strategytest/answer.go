package strategytest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/gopassport/passport"
)

// answerRules are about what others are told.
func answerRules[U any]() []Rule[U] {
	return []Rule[U]{{
		Name:  "NoSecret",
		Rule:  "No credential may stand in an error, a message or a challenge: they end up in logs and in answers.",
		Check: checkSecrets[U],
	}, {
		Name:  "ChallengeWellFormed",
		Rule:  "A challenge must be as RFC 9110 section 11.6.1 has it (use passport.Challenge): clients cannot read another, and one that is not printable ASCII is dropped.",
		Check: checkChallenges[U],
	}, {
		Name:  "AbsentAllocatesNothing",
		Rule:  "A request without credentials must cost no allocation: every request to a route with several strategies pays for those that pass.",
		Check: checkAllocations[U],
	}}
}

func checkSecrets[U any](ctx context.Context, c Cases[U]) error {
	for _, s := range c.decided() {
		strategy, r := s.make()
		body, err := bodyOf(r)
		if err != nil {
			return fmt.Errorf("%s: reading the body of the case: %w", s.name, err)
		}
		secrets := credentials(r, body)
		d, err := c.stage(strategy)(r.WithContext(ctx))
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		texts := d.texts()
		for _, where := range slices.Sorted(maps.Keys(texts)) {
			text := texts[where]
			for _, what := range slices.Sorted(maps.Keys(secrets)) {
				secret := secrets[what]
				if !slices.Contains(c.Public, secret) && strings.Contains(text, secret) {
					return fmt.Errorf("%s: %s has the request's %s", s.name, where, what)
				}
			}
		}
	}
	return nil
}

// texts are all that a decision says, by where.
func (d decision[U]) texts() map[string]string {
	all := make(map[string]string)
	add := func(where string, err error) {
		if err != nil {
			all[where] = err.Error() + fmt.Sprintf("%+v", err)
		}
		if f, ok := errors.AsType[*passport.Failure](err); ok && f != nil {
			all["the Failure's Message"], all["the Failure's Challenge"] = f.Message, f.Challenge
			all["the Failure's Code"] = f.Code
		}
	}
	add("the error", d.err)
	if f := d.res.Failure(); f != nil {
		add("the Failure's Error", f)
	}
	if err := d.res.Err(); err != nil && d.err == nil {
		add("the Result's Err", err)
	}
	return all
}

// credentials are the values of a request that may be secret, by where they
// stand.
func credentials(r *http.Request, body []byte) map[string]string {
	const least = 8
	all := make(map[string]string)
	add := func(what, value string) {
		if len(value) >= least {
			all[what] = value
		}
	}
	for name, values := range r.Header {
		if slices.Contains([]string{"Accept", "Accept-Encoding", "Accept-Language", "Content-Length", "Content-Type", "User-Agent", "Origin"}, name) {
			continue
		}
		for _, value := range values {
			add("header "+name, value)
			_, token, _ := strings.Cut(value, " ")
			add("header "+name+", after its scheme", token)
			if plain, err := base64.StdEncoding.DecodeString(token); err == nil {
				_, password, _ := strings.Cut(string(plain), ":")
				add("header "+name+", after its colon", password)
			}
		}
	}
	for _, cookie := range r.Cookies() {
		add("cookie "+cookie.Name, cookie.Value)
	}
	for name, values := range r.URL.Query() {
		add("query parameter "+name, strings.Join(values, ""))
	}
	if form, err := url.ParseQuery(string(body)); err == nil {
		for name, values := range form {
			add("form field "+name, strings.Join(values, ""))
		}
	}
	var members map[string]any
	if json.Unmarshal(body, &members) == nil {
		for name, value := range members {
			if text, ok := value.(string); ok {
				add("JSON member "+name, text)
			}
		}
	}
	return all
}

// The grammar of a challenge: a scheme, and a token68 or parameters.
var challenge = regexp.MustCompile(func() string {
	const (
		token  = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
		quoted = `"(?:[ !#-\[\]-~]|\\[ -~])*"`
		param  = token + "[ \t]*=[ \t]*(?:" + token + "|" + quoted + ")"
	)
	return "^" + token + "(?: +(?:[A-Za-z0-9._~+/-]+=*|" + param + "(?:[ \t]*,[ \t]*" + param + ")*))?$"
}())

func checkChallenges[U any](ctx context.Context, c Cases[U]) error {
	for _, s := range c.decided() {
		strategy, r := s.make()
		var log strings.Builder
		staged := c
		staged.Config.Logger = slog.New(slog.NewTextHandler(&log, nil))
		staged.Config.LoginPage, staged.Config.Error = "", nil
		a := staged.authenticator(strategy)
		w := httptest.NewRecorder()
		a.Require(Name)(http.NotFoundHandler()).ServeHTTP(w, r.WithContext(ctx))
		if strings.Contains(log.String(), "dropped a challenge") {
			return fmt.Errorf("%s: a challenge is not printable ASCII", s.name)
		}
		for _, value := range w.Header()["Www-Authenticate"] {
			if !challenge.MatchString(value) {
				return fmt.Errorf("%s: %q is no challenge", s.name, value)
			}
		}
	}
	return nil
}

// checkAllocations counts as testing.AllocsPerRun does, which does not go with
// parallel tests: of several tries the one that others disturbed least counts.
func checkAllocations[U any](ctx context.Context, c Cases[U]) error {
	const tries, runs = 20, 100
	s, r := c.Absent()
	least := ^uint64(0)
	a := c.authenticator(passport.StrategyFunc[U](func(r *http.Request) (passport.Result[U], error) {
		_, _ = s.Authenticate(r) // once for what is made once
		for range tries {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range runs {
				_, _ = s.Authenticate(r)
			}
			runtime.ReadMemStats(&after)
			least = min(least, (after.Mallocs-before.Mallocs)/runs)
		}
		return passport.Result[U]{}, nil
	}))
	a.Require(Name)(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), r.WithContext(ctx))
	if least > 0 {
		return fmt.Errorf("Absent: %d allocations", least)
	}
	return nil
}
