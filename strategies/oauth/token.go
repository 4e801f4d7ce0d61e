package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

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
// has to be set, since nothing is probed with a code that counts once. The
// token's Extra are [Claims], and strings where the answer was a form.
func Redeem(ctx context.Context, client *http.Client, c *oauth2.Config, f *Flow) (*oauth2.Token, error) {
	if f.Code == "" {
		return nil, fmt.Errorf("%w: the callback has no code", ErrRefused)
	}
	return ask(ctx, client, c, url.Values{
		"grant_type": {"authorization_code"}, "code": {f.Code}, "code_verifier": {f.Verifier}, "redirect_uri": {c.RedirectURL},
	})
}

// Renew trades a refresh token for new tokens, with one request, as [Redeem]
// does a code. ErrRefused: there is none, or it is no longer good. What the
// answer leaves out is empty.
func Renew(ctx context.Context, client *http.Client, c *oauth2.Config, t *Tokens) (*Tokens, error) {
	if t.Refresh == "" {
		return nil, fmt.Errorf("%w: there is no refresh token", ErrRefused)
	}
	token, err := ask(ctx, client, c, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {t.Refresh}})
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

// ask makes one request of the token endpoint (RFC 6749 sections 4.1.3 and 6),
// and returns what it issues (section 5.1).
func ask(ctx context.Context, client *http.Client, c *oauth2.Config, form url.Values) (*oauth2.Token, error) {
	r, err := tokenRequest(ctx, c, form)
	if err != nil {
		return nil, err
	}
	res, err := within(ctx, client).Do(r)
	if err != nil {
		return nil, fmt.Errorf("oauth: asking for tokens: %w", withoutURL(err))
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, fmt.Errorf("oauth: asking for tokens: %w", err)
	}
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	isForm := kind == formType || kind == "text/plain" // which some providers still send
	if res.StatusCode/100 != 2 {
		return nil, refusedTokens(res.StatusCode, errorCode(isForm, body))
	}
	answer, err := tokenAnswer(isForm, body)
	if err != nil {
		return nil, err
	}
	if code := answer["error"]; code != nil && code != "" { // with 200, as some have it
		return nil, refusedTokens(res.StatusCode, answer.String("error"))
	}
	return issue(answer)
}

const formType = "application/x-www-form-urlencoded"

// tokenRequest is the request, with the client's secret where the endpoint
// wants it (RFC 6749 section 2.3.1). What is empty is left out.
func tokenRequest(ctx context.Context, c *oauth2.Config, form url.Values) (*http.Request, error) {
	if c.Endpoint.AuthStyle == oauth2.AuthStyleAutoDetect {
		return nil, errors.New("oauth: Endpoint.AuthStyle has to be set")
	}
	inHeader := c.Endpoint.AuthStyle == oauth2.AuthStyleInHeader && c.ClientSecret != ""
	if !inHeader {
		form.Set("client_id", c.ClientID)
		form.Set("client_secret", c.ClientSecret)
	}
	maps.DeleteFunc(form, func(_ string, values []string) bool { return values[0] == "" })
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Endpoint.TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", formType)
	r.Header.Set("Accept", "application/json")
	if inHeader {
		r.SetBasicAuth(url.QueryEscape(c.ClientID), url.QueryEscape(c.ClientSecret))
	}
	return r, nil
}

// tokenAnswer reads an answer that may have tokens, and so reads it strictly.
func tokenAnswer(isForm bool, body []byte) (Claims, error) {
	if !isForm {
		v, err := ParseJSON(body)
		object, _ := v.(map[string]any) // what is no object has no token
		return object, err
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, fmt.Errorf("%w: it is no form", ErrBadAnswer)
	}
	answer := make(Claims, len(values))
	for name, all := range values {
		if len(all) > 1 {
			return nil, fmt.Errorf("%w: a member is repeated", ErrBadAnswer)
		}
		answer[name] = all[0]
	}
	return answer, nil
}

// errorCode is the error in an answer that has no tokens, whatever its state.
func errorCode(isForm bool, body []byte) string {
	if isForm {
		values, _ := url.ParseQuery(string(body))
		return values.Get("error")
	}
	var answer struct {
		Error string `json:"error"`
	}
	_ = json.Unmarshal(body, &answer)
	return answer.Error
}

// issue makes a token of an answer.
func issue(answer Claims) (*oauth2.Token, error) {
	for _, name := range []string{"access_token", "token_type", "refresh_token"} {
		if _, ok := answer[name].(string); !ok && answer[name] != nil {
			return nil, fmt.Errorf("%w: its %s is no string", ErrBadAnswer, name)
		}
	}
	t := &oauth2.Token{
		AccessToken: answer.String("access_token"), TokenType: answer.String("token_type"), RefreshToken: answer.String("refresh_token"),
	}
	if t.TokenType != "" && !strings.EqualFold(t.TokenType, "bearer") {
		return nil, fmt.Errorf("%w: a token of type %s", ErrBadAnswer, quoted(t.TokenType))
	}
	if t.AccessToken == "" || len(t.AccessToken) > 16<<10 || !printable(t.AccessToken) {
		return nil, fmt.Errorf("%w: its access token has %d bytes, or is not text", ErrBadAnswer, len(t.AccessToken))
	}
	seconds, err := expiresIn(answer)
	if err != nil {
		return nil, err
	}
	if seconds > 0 {
		t.ExpiresIn, t.Expiry = seconds, time.Now().Add(time.Duration(seconds)*time.Second)
	}
	return t.WithExtra(map[string]any(answer)), nil
}

// expiresIn is how many seconds a token lives, at most those of 68 years. Zero:
// it is not told. Some providers send a string, and some that their tokens never
// expire as a zero, as something negative or as something huge.
func expiresIn(answer Claims) (int64, error) {
	in := answer["expires_in"]
	if in == nil || in == "" {
		return 0, nil
	}
	seconds, err := strconv.ParseInt(fmt.Sprint(in), 10, 64)
	if errors.Is(err, strconv.ErrSyntax) {
		return 0, fmt.Errorf("%w: its expires_in is no number of seconds", ErrBadAnswer)
	}
	return min(max(seconds, 0), math.MaxInt32), nil
}

// isRefusal tells the words for a code, or a refresh token, that is not taken:
// that of RFC 6749, and those of GitHub and Slack.
func isRefusal(code string) bool {
	return slices.Contains([]string{"invalid_grant", "bad_verification_code", "bad_refresh_token", "invalid_code", "invalid_refresh_token"}, code)
}

// statusError is cause, or an outage where the status tells one.
func statusError(status int, cause error) error {
	if status >= http.StatusInternalServerError || status == http.StatusTooManyRequests {
		return fmt.Errorf("oauth: the provider answered with status %d", status)
	}
	return cause
}

// refusedTokens says what came instead of tokens, and nothing else of the
// answer, which may hold secrets.
func refusedTokens(status int, code string) error {
	kind := ErrBadAnswer
	if isRefusal(code) {
		kind = ErrRefused
	}
	return statusError(status, fmt.Errorf("%w: the token endpoint has status %d, %s", kind, status, quoted(code)))
}
