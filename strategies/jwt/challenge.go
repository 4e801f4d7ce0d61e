package jwt

import (
	"errors"
	"net/http"

	"github.com/gopassport/passport"
)

// challenges are what a strategy asks for, made once (RFC 6750 section 3, RFC
// 9728 section 5.1). Their texts are fixed: nothing in them is of a request.
type challenges struct {
	params []string // realm and resource_metadata
	ask    string   // nothing came
	other  string   // the token is invalid
	old    string   // it has expired
	broken string   // the request is malformed
}

func newChallenges(realm, scope, metadata string) *challenges {
	c := &challenges{params: []string{"realm", realm}}
	if metadata != "" {
		c.params = append(c.params, "resource_metadata", metadata)
	}
	c.ask = c.bearer("scope", scope)
	c.other = c.bearer("error", "invalid_token", "error_description", "The token is not valid")
	c.old = c.bearer("error", "invalid_token", "error_description", "The token has expired")
	c.broken = c.bearer("error", "invalid_request", "error_description", "The request has no token in one place, in the right form")
	return c
}

// bearer is a challenge with more pairs of names and values. A value that is
// empty is left out.
func (c *challenges) bearer(more ...string) string {
	params := append([]string(nil), c.params...)
	for i := 0; i+1 < len(more); i += 2 {
		if more[i+1] != "" {
			params = append(params, more[i], more[i+1])
		}
	}
	return passport.Challenge("Bearer", params...)
}

// invalidToken is the failure of a token that is refused.
func (c *challenges) invalidToken(cause error) *passport.Failure {
	f := &passport.Failure{
		Code: CodeInvalidToken, Status: http.StatusUnauthorized,
		Message: "The token is not valid.", Challenge: c.other, Err: cause,
	}
	if errors.Is(cause, ErrExpired) {
		f.Message, f.Challenge = "The token has expired.", c.old
	}
	return f
}

// invalidRequest is the failure of a request whose token cannot be told.
func invalidRequest(cause string) *passport.Failure {
	return &passport.Failure{
		Code: CodeInvalidRequest, Status: http.StatusBadRequest,
		Message: "Send one token, in one place.", Err: errors.New("jwt: " + cause),
	}
}

// refusal is what is answered to err where it refuses a token, and otherwise
// err: an outage, or where the application sends people on.
func (c *challenges) refusal(err error) error {
	f, refused := passport.AsRefusal(err)
	if !refused {
		return err
	}
	switch _, chosen := errors.AsType[*passport.Failure](err); {
	case !chosen && f.Status != http.StatusForbidden:
		return c.invalidToken(err)
	case chosen && f.Challenge == "" && (f.Status == 0 || f.Status == http.StatusUnauthorized):
		asking := *f
		asking.Challenge = c.other
		return &asking
	}
	return f
}
