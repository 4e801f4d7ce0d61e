package oauth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
)

// maxAnswer bounds the parameters of a callback, in bytes.
const maxAnswer = 16 << 10

// An answer is what is read of a callback.
type answer struct {
	code, state, iss     string
	failure, description string
	extra                map[string]string
	sealed               []string // what bounce made of extra; nil: nothing
}

// sealedParam has what a form_post callback brought besides, sealed.
const sealedParam = "passport_extra"

// readAnswer reads a query or a form. What it does not name is not read.
func readAnswer(encoded string, extras []string) (answer, error) {
	if len(encoded) > maxAnswer {
		return answer{}, badRequest("the callback is too long")
	}
	values, err := url.ParseQuery(encoded)
	if err != nil {
		return answer{}, badRequest("the callback is malformed")
	}
	known := []string{"code", "state", "iss", "error", "error_description", "error_uri", sealedParam}
	for name, all := range values {
		if len(all) > 1 && (slices.Contains(known, name) || slices.Contains(extras, name)) {
			// Which one counts is where programs differ, and attackers get in.
			return answer{}, badRequest("the callback repeats " + name)
		}
	}
	a := answer{
		code: values.Get("code"), state: values.Get("state"), iss: values.Get("iss"), sealed: values[sealedParam],
		failure: values.Get("error"), description: values.Get("error_description"),
	}
	for _, name := range extras {
		if values.Has(name) {
			if a.extra == nil {
				a.extra = make(map[string]string)
			}
			a.extra[name] = values.Get(name)
		}
	}
	return a, nil
}

// end decides about a callback: first everything that costs nothing, then the
// state is spent, then the code.
func (s *Strategy[U]) end(r *http.Request, env *passport.Env) (res passport.Result[U], err error) {
	ans, err := readAnswer(r.URL.RawQuery, s.extras)
	if err != nil {
		return res, err
	}
	a, err := findAttempt(s.provider, r, env, ans.state)
	if err != nil {
		return res, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.o.Timeout)
	defer cancel()
	if err := s.checkIssuer(ctx, ans); err != nil {
		return res, err
	}
	if ans.code == "" && ans.failure == "" {
		return res, badRequest("the callback has neither code nor error")
	}
	if err := s.unseal(env, &ans); err != nil {
		return res, err
	}
	switch err := env.Once(ctx, a.spend, time.Now().Add(life)); {
	case errors.Is(err, sessions.ErrUsed):
		return res, invalidState("the state is used up")
	case err != nil:
		return res, &passport.Failure{Code: passport.CodeUnavailable, Status: http.StatusServiceUnavailable, Err: err}
	}
	res = res.WithHeader("Set-Cookie", gone(env, cookieSuffix(ans.state)))
	if ans.failure != "" {
		return res, denied(ans)
	}
	f := a.flow
	f.Memo, f.Code, f.Extra = a.memo, ans.code, ans.extra
	id, err := s.identify(ctx, &f)
	if err != nil {
		return res, finishError(r.Context(), err)
	}
	env.Claim(id.Key())
	env.Resume(a.returnTo)
	user, err := s.verify(r.Context(), id)
	if err != nil {
		return res, err
	}
	for key, value := range id.SessionValues {
		res = res.WithValue(key, value)
	}
	return res.WithInfo(id).Success(user)
}

// checkIssuer refuses an answer of another provider than this one (RFC 9207).
func (s *Strategy[U]) checkIssuer(ctx context.Context, ans answer) error {
	if ans.iss != "" {
		if ans.iss != s.provider.Issuer() {
			return issuerMismatch("iss is " + quoted(ans.iss))
		}
		return nil
	}
	sender, ok := s.provider.(IssuerSender)
	if !ok {
		return nil
	}
	sends, err := sender.SendsIssuer(ctx)
	if err != nil {
		return finishError(ctx, err)
	}
	if sends {
		return issuerMismatch("iss is missing")
	}
	return nil
}

// identify asks the provider who it is, and checks what it says.
func (s *Strategy[U]) identify(ctx context.Context, f *Flow) (*Identity, error) {
	id, err := s.provider.Finish(ctx, f)
	if err == nil && id == nil {
		err = fmt.Errorf("%w: it names nobody", ErrBadAnswer)
	}
	if err != nil {
		return nil, err
	}
	if id.Issuer == "" {
		id.Issuer = s.provider.Issuer()
	}
	if !s.o.KeepTokens {
		id.Tokens = nil
	}
	return id, id.check()
}

// bounce answers a form_post callback. The browser withholds its cookies from
// a POST of another site, so that nothing can be decided: it is sent to the
// same path by GET, where they are there again.
func (s *Strategy[U]) bounce(r *http.Request, env *passport.Env) (res passport.Result[U], err error) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != formType {
		return res, badRequest("the callback is no form")
	}
	encoded := r.PostForm.Encode() // where somebody read it before us
	if r.PostForm == nil && r.Body != nil {
		body, err := io.ReadAll(io.LimitReader(r.Body, maxAnswer+1))
		if err != nil {
			return res, badRequest("the callback cannot be read")
		}
		encoded = string(body)
	}
	ans, err := readAnswer(encoded, s.extras)
	if err != nil {
		return res, err
	}
	query := url.Values{}
	for name, value := range map[string]string{"code": ans.code, "state": ans.state, "iss": ans.iss, "error": ans.failure} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if len(ans.extra) > 0 {
		// A name and an address, which belong in no log and no history.
		plain, _ := json.Marshal(ans.extra)
		query.Set(sealedParam, env.Seal(append([]byte(extraTag+ans.state+"\x00"), plain...), time.Now().Add(life)))
	}
	return res.Redirect(s.callback.EscapedPath() + "?" + query.Encode())
}

// unseal opens what bounce sealed, for the state that it came with.
func (s *Strategy[U]) unseal(env *passport.Env, ans *answer) error {
	if ans.sealed == nil {
		return nil
	}
	plain, err := env.Open(ans.sealed[0])
	tagged, values, _ := bytes.Cut(plain, []byte{0})
	if err != nil || string(tagged) != extraTag+ans.state || json.Unmarshal(values, &ans.extra) != nil {
		return badRequest("the sealed part of the callback is not ours")
	}
	return nil
}
