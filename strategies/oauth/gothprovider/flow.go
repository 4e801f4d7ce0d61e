package gothprovider

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"runtime"
	"slices"
	"strings"

	"github.com/markbates/goth"

	"github.com/gopassport/passport/strategies/oauth"
)

// Begin implements [oauth.Provider].
func (p *Provider) Begin(ctx context.Context, f *oauth.Flow) (string, error) {
	type begun struct{ location, memo string }
	w := p.wire(f)
	b, err := within(ctx, func() (b begun, err error) {
		made, err := p.make(w.client(ctx, p.c.Client))
		if err != nil {
			return b, err
		}
		b.location, b.memo, err = begin(made, f.State)
		return b, err
	})
	if err != nil {
		return "", w.explain(ctx, "beginning", err)
	}
	if len(b.memo) > maxMemo {
		return "", fmt.Errorf("gothprovider: the session has %d bytes, more than %d", len(b.memo), maxMemo)
	}
	u, err := p.check(b.location, f.State)
	if err != nil {
		return "", fmt.Errorf("gothprovider: %w", err)
	}
	f.Memo = b.memo
	return p.place(u, f), nil
}

// begin asks goth where to send the browser, and what to keep.
func begin(made goth.Provider, state string) (location, memo string, err error) {
	err = guard("beginning", func() error {
		session, err := made.BeginAuth(state)
		if err != nil {
			return err
		}
		memo = session.Marshal()
		location, err = session.GetAuthURL()
		return err
	})
	return location, memo, err
}

// check makes sure that goth sends the browser where it may go, with the state
// and the redirect URL of this sign-in.
func (p *Provider) check(location, state string) (*url.URL, error) {
	u, err := url.Parse(location)
	if err != nil || !p.mayBe(u) {
		return nil, errors.New("its authorization URL is no https URL")
	}
	query, err := url.ParseQuery(u.RawQuery)
	switch {
	case err != nil:
		return nil, errors.New("the query of its authorization URL is malformed")
	case !slices.Equal(query["state"], []string{state}):
		return nil, errors.New("its authorization URL does not have the state, which protects a sign-in from others: it cannot be used")
	case query.Has("response_type") && !slices.Equal(query["response_type"], []string{"code"}):
		return nil, errors.New("its authorization URL asks for another response_type than code")
	case !slices.Equal(query["redirect_uri"], []string{p.c.RedirectURL}):
		return nil, errors.New("its authorization URL does not have the redirect URL: hand the callback on where it is made")
	}
	return u, nil
}

// place puts into an authorization URL what goth does not: the challenge, the
// nonce, and what this request asks for.
func (p *Provider) place(u *url.URL, f *oauth.Flow) string {
	query := u.Query()
	f.AddTo(query)
	if p.c.InsecureNoPKCE { // who sees a challenge asks for the verifier
		query.Del("code_challenge")
		query.Del("code_challenge_method")
	}
	if scope := query.Get("scope"); len(f.Params.Scopes) > 0 {
		separator := " "
		if strings.Contains(scope, ",") {
			separator = ","
		}
		more := strings.Join(f.Params.Scopes, separator)
		query.Set("scope", strings.TrimPrefix(scope+separator+more, separator))
	}
	if asksOpenID(query) {
		query.Set("nonce", f.Nonce)
	}
	// Some providers do not know that a plus is a space.
	u.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20")
	return u.String()
}

func asksOpenID(query url.Values) bool {
	scopes := strings.FieldsFunc(query.Get("scope"), func(r rune) bool { return r == ' ' || r == ',' })
	return slices.Contains(scopes, "openid")
}

// Finish implements [oauth.Provider].
func (p *Provider) Finish(ctx context.Context, f *oauth.Flow) (*oauth.Identity, error) {
	if f.Code == "" {
		return nil, fmt.Errorf("%w: it has no code", oauth.ErrBadAnswer)
	}
	w := p.wire(f)
	user, err := within(ctx, func() (user goth.User, err error) {
		made, err := p.make(w.client(ctx, p.c.Client))
		if err != nil {
			return user, err
		}
		err = guard("redeeming the code", func() error {
			session, err := made.UnmarshalSession(f.Memo)
			if err != nil {
				return err
			}
			if _, err := session.Authorize(made, p.params(f)); err != nil {
				return err
			}
			user, err = made.FetchUser(session)
			return err
		})
		return user, err
	})
	if err != nil {
		return nil, w.explain(ctx, "redeeming the code, or reading the profile", err)
	}
	if !w.redeemed() && !p.c.InsecureOwnClient {
		return nil, fmt.Errorf("%w: the provider did not send the code by the client that it was given (Config.InsecureOwnClient takes it nevertheless)", oauth.ErrBadAnswer)
	}
	return p.identity(user, f)
}

// params are what goth sees of the callback. Some providers let a redirect_uri
// or a code_verifier in it stand for their own, so that no other parameter of
// the flow is passed on.
func (p *Provider) params(f *oauth.Flow) url.Values {
	params := url.Values{"code": {f.Code}, "state": {f.State}}
	if !p.c.InsecureNoPKCE {
		params.Set("code_verifier", f.Verifier)
	}
	for _, name := range p.ExtraParams() {
		if value, ok := f.Extra[name]; ok {
			params.Set(name, value)
		}
	}
	return params
}

// mayBe tells whether codes, secrets and tokens may go to u.
func (p *Provider) mayBe(u *url.URL) bool {
	if u.Host == "" || u.User != nil {
		return false
	}
	host := u.Hostname()
	local := net.ParseIP(host).IsLoopback() || host == "localhost" || strings.HasSuffix(host, ".localhost")
	return u.Scheme == "https" || u.Scheme == "http" && (local || p.c.InsecureHTTP)
}

// errPanicked is what a panic in goth becomes.
var errPanicked = errors.New("gothprovider: goth panicked")

// guard runs what goth does. Its panics are errors: a profile without what
// goth expects is enough for one.
func guard(what string, run func() error) (err error) {
	defer func() {
		switch v := recover().(type) {
		case nil:
		case runtime.Error: // which names types and lengths, and nothing else
			err = fmt.Errorf("%w when %s: %w", errPanicked, what, v)
		default:
			err = fmt.Errorf("%w when %s: a %T", errPanicked, what, v)
		}
	}()
	return run()
}

// within is what f returns, unless ctx ends before. Goth knows no context: f
// ends by itself then, since its client answers nothing any more.
func within[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		r := result{err: errPanicked} // where f does not return, as by runtime.Goexit
		defer func() { done <- r }()
		r.value, r.err = f()
	}()
	select {
	case r := <-done:
		if ctx.Err() == nil {
			return r.value, r.err
		}
	case <-ctx.Done():
	}
	var none T
	return none, ctx.Err()
}
