package gothprovider

import (
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/markbates/goth"

	"github.com/gopassport/passport/strategies/oauth"
)

// identity is who goth says it is.
func (p *Provider) identity(u goth.User, f *oauth.Flow) (*oauth.Identity, error) {
	if err := p.checkNonce(u.IDToken, f.Nonce); err != nil {
		return nil, err
	}
	id := &oauth.Identity{
		Issuer: p.issuer, Subject: u.UserID,
		Email: u.Email, Name: u.Name, Username: u.NickName, Picture: u.AvatarURL, Claims: u.RawData,
		Tokens: &oauth.Tokens{Access: u.AccessToken, Refresh: u.RefreshToken, Expiry: u.ExpiresAt},
	}
	if id.Name == "" {
		id.Name = strings.TrimSpace(u.FirstName + " " + u.LastName)
	}
	err := guard("naming the account", func() error {
		if name := p.c.Subject; name != nil {
			id.Subject = name(u)
		} else if name := p.traits.subject; name != nil {
			id.Subject = name(u)
		}
		if status := p.c.EmailStatus; status != nil {
			id.EmailStatus = status(u)
		} else if p.traits.emailFlag != "" {
			id.EmailStatus = flagged(u, p.traits.emailFlag)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", oauth.ErrBadAnswer, err)
	}
	if !names(id.Subject) {
		return nil, fmt.Errorf("%w: its user id has %d bytes, or is what goth makes of none", oauth.ErrBadAnswer, len(id.Subject))
	}
	return id, nil
}

// names tells whether a user id names somebody. Goth turns a missing number
// into "0", and some of its providers print what is not there: all accounts
// would be one.
func names(id string) bool {
	nobody := []string{"", "0", "-1", "<nil>", "nil", "null", "undefined", "none", "nan", "false"}
	return len(id) <= 255 && id == strings.TrimSpace(id) && !strings.Contains(id, "%!") &&
		!slices.Contains(nobody, strings.ToLower(id))
}

// flagged is what a flag of the profile says of the address there. It has to
// be a boolean, and the address goth's.
func flagged(u goth.User, flag string) oauth.EmailStatus {
	yes, told := u.RawData[flag].(bool)
	address, _ := u.RawData["email"].(string)
	switch {
	case !told || address != u.Email || address == "":
		return oauth.EmailUnknown
	case yes:
		return oauth.EmailVerified
	}
	return oauth.EmailUnverified
}

// checkNonce compares the nonce of an ID token, whose signature nobody has
// verified. Goth asked the provider for it, though, and nobody else. Some
// services issue ID tokens where none was asked for, and know no nonce then.
func (p *Provider) checkNonce(token, nonce string) error {
	if token == "" {
		return nil
	}
	_, rest, _ := strings.Cut(token, ".")
	payload, _, _ := strings.Cut(rest, ".")
	decoded, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return fmt.Errorf("%w: its ID token is none", oauth.ErrBadAnswer)
	}
	v, err := oauth.ParseJSON(decoded)
	if err != nil {
		return err
	}
	claims, _ := v.(map[string]any)
	got, told := claims["nonce"]
	if !told && !p.openID {
		return nil
	}
	if text, _ := got.(string); subtle.ConstantTimeCompare([]byte(text), []byte(nonce)) != 1 {
		return fmt.Errorf("%w: its ID token has another nonce", oauth.ErrBadAnswer)
	}
	return nil
}
