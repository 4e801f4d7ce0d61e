package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gopassport/passport"
)

// begin sends the browser to the provider, with a cookie to come back with.
func (s *Strategy[U]) begin(r *http.Request, env *passport.Env) (res passport.Result[U], err error) {
	if r.Header.Get("Sec-Purpose") != "" {
		// The browser fetches ahead what nobody has followed yet. An error it
		// does not use: it asks again when somebody does.
		return res, &passport.Failure{Code: CodeBadRequest, Status: http.StatusBadRequest, Err: errors.New("oauth: begun ahead of time")}
	}
	if !mayBegin(r, env.Purpose(), env.UserID()) {
		return res.Pass()
	}
	if err := s.cross.Check(r); err != nil {
		return res, &passport.Failure{Code: passport.CodeCrossOrigin, Status: http.StatusForbidden, Err: err}
	}
	a := newAttempt(s.provider, env)
	f := a.flow
	if s.o.Params != nil {
		f.Params = s.o.Params(r)
	}
	if err := CheckParams(f.Params.Extra); err != nil {
		return res, fmt.Errorf("oauth: Params.Extra %w", err)
	}
	if c, ok := s.provider.(AuthenticationChecker); (f.Params.MaxAge != 0 || len(f.Params.ACRValues) > 0) && (!ok || !c.ChecksAuthentication()) {
		return res, errors.New("oauth: the provider does not check Params.MaxAge and Params.ACRValues")
	}
	if f.Params.MaxAge < 0 || f.Params.MaxAge%time.Second != 0 {
		return res, fmt.Errorf("oauth: Params.MaxAge has to be whole seconds: %v", f.Params.MaxAge)
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.o.Timeout)
	defer cancel()
	location, err := s.provider.Begin(ctx, &f)
	if err != nil {
		return res, finishError(r.Context(), err)
	}
	if err := s.placed(location, &f); err != nil {
		return res, err
	}
	a.memo = f.Memo
	cookie, err := a.cookie(env)
	if err != nil {
		return res, err
	}
	for _, old := range oldest(r, env) {
		res = res.WithHeader("Set-Cookie", gone(env, old))
	}
	return res.WithHeader("Set-Cookie", cookie.String()).Redirect(location)
}

// mayBegin wants a POST, and somebody to link. A login may also begin where a
// person follows a link on the site itself, if the browser says so: anything
// else can make it send a GET.
func mayBegin(r *http.Request, purpose passport.Event, user string) bool {
	if purpose == passport.EventLink {
		return r.Method == http.MethodPost && user != ""
	}
	return r.Method == http.MethodPost || r.Method == http.MethodGet &&
		r.Header.Get("Sec-Fetch-Site") == "same-origin" && r.Header.Get("Sec-Fetch-Dest") == "document"
}

// placed makes sure that what protects the flow is where the browser goes,
// whoever wrote the provider.
func (s *Strategy[U]) placed(location string, f *Flow) error {
	u, err := url.Parse(location)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return errors.New("oauth: the provider's Begin returned no absolute URL")
	}
	if strings.Contains(location, f.Verifier) {
		return errors.New("oauth: the provider's Begin shows the code verifier")
	}
	if !hasOnce(u.RawQuery, "state", f.State) {
		return errors.New("oauth: the provider's Begin does not place the state")
	}
	o, ok := s.provider.(ChallengeOmitter)
	proven := hasOnce(u.RawQuery, "code_challenge", f.Challenge()) && hasOnce(u.RawQuery, "code_challenge_method", "S256")
	if !proven && (!ok || !o.OmitsChallenge()) {
		return errors.New("oauth: the provider's Begin does not place the challenge, by S256")
	}
	return nil
}

// hasOnce tells whether a query has a parameter once, with a value that no
// encoding changes. It parses no more than that, as every sign-in begins here.
func hasOnce(query, name, value string) bool {
	n, right := 0, false
	for pair := range strings.SplitSeq(query, "&") {
		if k, v, _ := strings.Cut(pair, "="); k == name {
			n, right = n+1, v == value
		}
	}
	return n == 1 && right
}
