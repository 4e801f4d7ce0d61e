package oidcprovider

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gopassport/passport/strategies/oauth"
)

// asked is what a request asked for, which is checked when the browser is
// back. It is the Memo of the flow.
type asked struct {
	Scopes    []string `json:"s,omitempty"`
	ACRValues []string `json:"a,omitempty"`
	MaxAge    int64    `json:"m,omitempty"` // seconds
	At        int64    `json:"t,omitempty"` // when, in unix seconds
}

// ask adds it to the query, and makes the Memo.
func ask(params oauth.Params, query url.Values) (memo string) {
	a := asked{Scopes: params.Scopes, ACRValues: params.ACRValues, MaxAge: int64(params.MaxAge / time.Second)}
	if a.MaxAge > 0 {
		a.At = time.Now().Unix()
		query.Set("max_age", strconv.FormatInt(a.MaxAge, 10))
	}
	if len(a.ACRValues) > 0 {
		query.Set("acr_values", strings.Join(a.ACRValues, " "))
	}
	text, _ := json.Marshal(a)
	if string(text) == "{}" {
		return ""
	}
	return string(text)
}

// recall is the inverse of ask. The Memo was sealed: it is ours.
func recall(memo string) (a asked) {
	if memo == "" {
		return a
	}
	_ = json.Unmarshal([]byte(memo), &a)
	return a
}

// check refuses a token of somebody who was not authenticated as it was asked
// for (OpenID Connect Core section 3.1.3.7, 12 and 13). How long he stayed at
// the provider does not count.
func (a asked) check(claims oauth.Claims) error {
	if a.MaxAge > 0 {
		at, err := instant(claims, "auth_time")
		if err != nil {
			return err
		}
		if at.Before(time.Unix(a.At-a.MaxAge, 0).Add(-leeway)) || at.After(time.Now().Add(leeway)) {
			return fmt.Errorf("%w: it authenticated the person %v ago", oauth.ErrRefused, time.Since(at).Round(time.Second))
		}
	}
	if len(a.ACRValues) > 0 && !slices.Contains(a.ACRValues, claims.String("acr")) {
		return fmt.Errorf("%w: it authenticated the person by %+.50q", oauth.ErrRefused, claims.String("acr"))
	}
	return nil
}
