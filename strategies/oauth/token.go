package oauth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/oauth2"
)

// A Refresher is a Provider that trades a refresh token for new tokens (RFC
// 6749 section 6), as package vault wants it.
type Refresher interface {
	// Refresh returns new tokens, with one request. t has a Refresh token, and
	// is not changed. What the provider leaves out stays as it was: a Refresh
	// token or Scopes that the answer does not have may be left empty, or be
	// those of t. ctx has a deadline. An error that wraps [ErrRefused] says
	// that the refresh token is no longer good (invalid_grant), so that the
	// person has to sign in again; with any other it may be tried again later.
	Refresh(ctx context.Context, t *Tokens) (*Tokens, error)
}

// Refresh implements [Refresher].
func (p *service) Refresh(ctx context.Context, t *Tokens) (*Tokens, error) {
	return Renew(ctx, p.client, p.config(), t)
}

// Redeem exchanges the code of a flow for tokens, with one request. It is for a
// [Provider] of one's own: its errors are those of Finish, and say nothing of
// what was answered. The client should be one of [Client]; c.Endpoint.AuthStyle
// has to be set, since nothing is probed with a code that counts once.
func Redeem(ctx context.Context, client *http.Client, c *oauth2.Config, f *Flow) (*oauth2.Token, error) {
	if f.Code == "" {
		return nil, fmt.Errorf("%w: the callback has no code", ErrRefused)
	}
	return ask(ctx, client, func(ctx context.Context) (*oauth2.Token, error) {
		return c.Exchange(ctx, f.Code, oauth2.VerifierOption(f.Verifier))
	})
}

// Renew trades a refresh token for new tokens, with one request, as [Redeem]
// does a code. ErrRefused: it is no longer good. What the answer leaves out is
// empty.
func Renew(ctx context.Context, client *http.Client, c *oauth2.Config, t *Tokens) (*Tokens, error) {
	token, err := ask(ctx, client, func(ctx context.Context) (*oauth2.Token, error) {
		return c.TokenSource(ctx, &oauth2.Token{RefreshToken: t.Refresh}).Token()
	})
	if err != nil {
		return nil, err
	}
	return Issued(token), nil
}

// Issued are the tokens in an answer.
func Issued(token *oauth2.Token) *Tokens {
	t := &Tokens{Access: token.AccessToken, Refresh: token.RefreshToken, Expiry: token.Expiry}
	if granted, _ := token.Extra("scope").(string); granted != "" {
		t.Scopes = strings.FieldsFunc(granted, func(c rune) bool { return c == ' ' || c == ',' })
	}
	return t
}

// ask lets x/oauth2 make one request of the token endpoint, and checks what it
// returns.
func ask(ctx context.Context, client *http.Client, request func(context.Context) (*oauth2.Token, error)) (*oauth2.Token, error) {
	careful := within(ctx, client)
	careful.Transport = strict{client.Transport}
	token, err := request(context.WithValue(ctx, oauth2.HTTPClient, careful)) // x/oauth2 takes it nowhere else
	if err != nil {
		return nil, tokenError(err)
	}
	if kind := token.TokenType; kind != "" && !strings.EqualFold(kind, "bearer") {
		return nil, fmt.Errorf("%w: a token of type %s", ErrBadAnswer, quoted(kind))
	}
	if len(token.AccessToken) > 16<<10 || !printable(token.AccessToken) {
		return nil, fmt.Errorf("%w: its access token has %d bytes, or is not text", ErrBadAnswer, len(token.AccessToken))
	}
	return token, nil
}

// isRefusal tells the words for a code, or a refresh token, that is not taken:
// that of RFC 6749, and those of GitHub and Slack.
func isRefusal(code string) bool {
	return slices.Contains([]string{"invalid_grant", "bad_verification_code", "bad_refresh_token", "invalid_code", "invalid_refresh_token"}, code)
}

// tokenError says what came instead of a token, and nothing of a body, which
// may hold secrets.
func tokenError(err error) error {
	if e, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		kind := ErrBadAnswer
		if isRefusal(e.ErrorCode) {
			kind = ErrRefused
		}
		return statusError(e.Response.StatusCode, fmt.Errorf("%w: the token endpoint has status %d, %s", kind, e.Response.StatusCode, quoted(e.ErrorCode)))
	}
	if _, sending := errors.AsType[*url.Error](err); sending {
		return fmt.Errorf("oauth: asking for tokens: %w", withoutURL(err))
	}
	return fmt.Errorf("%w: %s", ErrBadAnswer, quoted(err.Error()))
}

// statusError is cause, or an outage where the status tells one.
func statusError(status int, cause error) error {
	if status >= http.StatusInternalServerError || status == http.StatusTooManyRequests {
		return fmt.Errorf("oauth: the provider answered with status %d", status)
	}
	return cause
}

// strict is a transport whose answers, where they are JSON and no errors, are
// what [ParseJSON] takes.
type strict struct{ base http.RoundTripper }

func (s strict) RoundTrip(r *http.Request) (*http.Response, error) {
	base := s.base
	if base == nil {
		base = http.DefaultTransport
	}
	res, err := base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")) // as x/oauth2 does
	isForm := kind == "application/x-www-form-urlencoded" || kind == "text/plain"
	if !isForm && res.StatusCode/100 == 2 {
		if _, err := ParseJSON(body); err != nil {
			return nil, err
		}
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}
