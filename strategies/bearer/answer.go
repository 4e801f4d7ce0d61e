package bearer

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// An answer is what RFC 7662 section 2.2 has in one. Names have their case,
// and none is there twice, or it is no answer.
type answer struct {
	Active    *bool          `json:"active"`
	Scope     string         `json:"scope"`
	ClientID  string         `json:"client_id"`
	Username  string         `json:"username"`
	TokenType string         `json:"token_type"`
	TokenUse  string         `json:"token_use"` // of some servers: access_token or refresh_token
	Expires   *float64       `json:"exp"`
	IssuedAt  *float64       `json:"iat"`
	NotBefore *float64       `json:"nbf"`
	Subject   string         `json:"sub"`
	Audience  audience       `json:"aud"`
	Issuer    string         `json:"iss"`
	ID        string         `json:"jti"`
	Bound     jsontext.Value `json:"cnf"`
}

// An audience is a string or a list of them (RFC 7519 section 4.1.3).
type audience []string

// UnmarshalJSON takes either.
func (a *audience) UnmarshalJSON(b []byte) error {
	if jsontext.Value(b).Kind() == '"' {
		*a = make([]string, 1)
		return json.Unmarshal(b, &(*a)[0])
	}
	return json.Unmarshal(b, (*[]string)(a))
}

// parse reads an answer. Its error holds nothing of it.
func parse(body []byte) (*answer, error) {
	var a answer
	if json.Unmarshal(body, &a) != nil || a.Active == nil {
		return nil, fmt.Errorf("%w: it is not of RFC 7662", errAnswer)
	}
	return &a, nil
}

// check says why a token is not good here.
func (in *Introspector) check(a *answer, now time.Time) error {
	switch {
	case !*a.Active:
		return errors.New("the token is not active")
	case a.TokenType == "" && !in.o.InsecureAnyType, a.TokenType != "" && !strings.EqualFold(a.TokenType, "Bearer"),
		a.TokenUse != "" && a.TokenUse != "access_token":
		return errors.New("it is no bearer access token")
	case a.Bound != nil:
		return errors.New("the token is bound to a key of the client")
	case in.o.Issuer != "" && a.Issuer != in.o.Issuer:
		return errors.New("it is of another issuer")
	case len(in.o.Audience) > 0 && !slices.ContainsFunc(a.Audience, func(s string) bool { return slices.Contains(in.o.Audience, s) }):
		return errors.New("it is for another audience")
	case a.Expires != nil && !(seconds(now) < *a.Expires):
		return errors.New("it has expired")
	case a.NotBefore != nil && !(seconds(now) >= *a.NotBefore):
		return errors.New("it is not valid yet")
	}
	return nil
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// when is the time of a NumericDate; zero for none, and for one beyond the
// calendar.
func when(s *float64) time.Time {
	if s == nil || math.Abs(*s) > 1<<40 {
		return time.Time{}
	}
	return time.UnixMilli(int64(*s * 1000))
}

func (a *answer) token(body []byte) *Token {
	return &Token{
		Subject: a.Subject, Username: a.Username, ClientID: a.ClientID, Issuer: a.Issuer, ID: a.ID,
		Audience: a.Audience, Scopes: strings.Fields(a.Scope),
		IssuedAt: when(a.IssuedAt), Expires: when(a.Expires), Answer: body,
	}
}

// String names the token without showing what the server says of its owner.
func (t *Token) String() string { return fmt.Sprintf("bearer.Token(%q of %q)", t.ID, t.ClientID) }
