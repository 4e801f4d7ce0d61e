package oauth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"

	"golang.org/x/oauth2"
)

// GitHub signs in with github.com. The subject is the number of the account.
// With the scope user:email the address is the primary one, verified where
// GitHub says so; otherwise it is what the profile shows, of unknown status.
func GitHub() Service {
	return Service{
		Issuer: "https://github.com/login/oauth",
		Endpoint: oauth2.Endpoint{
			AuthURL:   "https://github.com/login/oauth/authorize",
			TokenURL:  "https://github.com/login/oauth/access_token",
			AuthStyle: oauth2.AuthStyleInParams,
		},
		API: "https://api.github.com",
		Profile: func(ctx context.Context, api *API) (*Identity, error) {
			c, err := api.Object(ctx, "/user")
			if err != nil {
				return nil, err
			}
			id := &Identity{
				Subject: c.Integer("id"), Email: c.String("email"),
				Name: c.String("name"), Username: c.String("login"), Picture: c.String("avatar_url"), Claims: c,
			}
			if !api.Granted("user:email", "user") {
				return id, nil
			}
			emails, err := api.List(ctx, "/user/emails")
			if err != nil {
				return nil, err
			}
			id.Email, id.EmailStatus = primary(emails, "primary", "verified")
			return id, nil
		},
	}
}

// primary finds the address that is marked as the primary one.
func primary(emails []Claims, isPrimary, isVerified string) (string, EmailStatus) {
	for _, e := range emails {
		if yes, _ := e.Bool(isPrimary); yes {
			yes, _ := e.Bool(isVerified)
			return e.String("email"), verified(yes)
		}
	}
	return "", EmailUnknown
}

// GitLab signs in with gitlab.com. For an instance of your own, put its URL in
// the place of https://gitlab.com in Issuer, Endpoint and API. The subject is
// the account's sub; the address, with the scope email, is verified where
// email_verified is true.
func GitLab() Service {
	return Service{
		Issuer: "https://gitlab.com",
		Endpoint: oauth2.Endpoint{
			AuthURL:   "https://gitlab.com/oauth/authorize",
			TokenURL:  "https://gitlab.com/oauth/token",
			AuthStyle: oauth2.AuthStyleInParams,
		},
		API:    "https://gitlab.com/oauth",
		Scopes: []string{"openid"},
		Profile: func(ctx context.Context, api *API) (*Identity, error) {
			c, err := api.Object(ctx, "/userinfo")
			if err != nil {
				return nil, err
			}
			id := c.Identity()
			if id.Username == "" {
				id.Username = c.String("nickname")
			}
			return id, nil
		},
	}
}

// Discord signs in with Discord. The subject is the account's id; the address,
// with the scope email, is verified where the account's verified is true.
func Discord() Service {
	return Service{
		Issuer: "https://discord.com",
		Endpoint: oauth2.Endpoint{
			AuthURL:   "https://discord.com/oauth2/authorize",
			TokenURL:  "https://discord.com/api/oauth2/token",
			AuthStyle: oauth2.AuthStyleInHeader,
		},
		API:    "https://discord.com/api",
		Scopes: []string{"identify"},
		Profile: func(ctx context.Context, api *API) (*Identity, error) {
			c, err := api.Object(ctx, "/users/@me")
			if err != nil {
				return nil, err
			}
			id := &Identity{
				Subject: c.String("id"), Email: c.String("email"),
				Name: c.String("global_name"), Username: c.String("username"), Claims: c,
			}
			if yes, told := c.Bool("verified"); told {
				id.EmailStatus = verified(yes)
			}
			if avatar := c.String("avatar"); avatar != "" {
				id.Picture = "https://cdn.discordapp.com/avatars/" + url.PathEscape(id.Subject) + "/" + url.PathEscape(avatar) + ".png"
			}
			return id, nil
		},
	}
}

// Facebook signs in with Facebook. The subject is the account's id for this
// application, and no other; the address comes with the scope email, and its
// status is unknown, as Facebook tells none.
func Facebook() Service {
	return Service{
		Issuer: "https://www.facebook.com",
		Endpoint: oauth2.Endpoint{
			AuthURL:   "https://www.facebook.com/v22.0/dialog/oauth",
			TokenURL:  "https://graph.facebook.com/v22.0/oauth/access_token",
			AuthStyle: oauth2.AuthStyleInParams,
		},
		API: "https://graph.facebook.com/v22.0",
		Profile: func(ctx context.Context, api *API) (*Identity, error) {
			c, err := api.Object(ctx, "/me?fields=id,name,email,picture&appsecret_proof="+api.proof())
			if err != nil {
				return nil, err
			}
			return &Identity{
				Subject: c.String("id"), Email: c.String("email"), Name: c.String("name"),
				Picture: c.Object("picture").Object("data").String("url"), Claims: c,
			}, nil
		},
	}
}

// proof tells Facebook that the token is used by whom it was issued to.
func (a *API) proof() string {
	mac := hmac.New(sha256.New, []byte(a.p.config().ClientSecret))
	mac.Write([]byte(a.token.AccessToken))
	return hex.EncodeToString(mac.Sum(nil))
}

// Slack signs in with Slack. The subject is workspace and user, "T…/U…", as
// the ids of users are unique in a workspace alone; the address, with the
// scope email, is verified where email_verified is true.
func Slack() Service {
	return Service{
		Issuer: "https://slack.com",
		Endpoint: oauth2.Endpoint{
			AuthURL:   "https://slack.com/openid/connect/authorize",
			TokenURL:  "https://slack.com/api/openid.connect.token",
			AuthStyle: oauth2.AuthStyleInParams,
		},
		API:    "https://slack.com/api",
		Scopes: []string{"openid"},
		Profile: func(ctx context.Context, api *API) (*Identity, error) {
			c, err := api.Object(ctx, "/openid.connect.userInfo")
			if err != nil {
				return nil, err
			}
			id, team := c.Identity(), c.String("https://slack.com/team_id")
			if ok, _ := c.Bool("ok"); !ok || id.Subject == "" || team == "" {
				return nil, fmt.Errorf("%w: the profile says %s, or names nobody", ErrBadAnswer, quoted(c.String("error")))
			}
			id.Subject = team + "/" + id.Subject
			return id, nil
		},
	}
}

// Spotify signs in with Spotify. The subject is the account's id; the address,
// with the scope user-read-email, is unverified, as Spotify says.
func Spotify() Service {
	return Service{
		Issuer: "https://accounts.spotify.com",
		Endpoint: oauth2.Endpoint{
			AuthURL:   "https://accounts.spotify.com/authorize",
			TokenURL:  "https://accounts.spotify.com/api/token",
			AuthStyle: oauth2.AuthStyleInHeader,
		},
		API: "https://api.spotify.com/v1",
		Profile: func(ctx context.Context, api *API) (*Identity, error) {
			c, err := api.Object(ctx, "/me")
			if err != nil {
				return nil, err
			}
			id := &Identity{
				Subject: c.String("id"), Email: c.String("email"), EmailStatus: EmailUnverified,
				Name: c.String("display_name"), Claims: c,
			}
			if images := c.List("images"); len(images) > 0 {
				id.Picture = images[0].String("url")
			}
			return id, nil
		},
	}
}

// Bitbucket signs in with bitbucket.org. The subject is the account's uuid;
// with the scope email the address is the primary one, verified where it is
// confirmed.
func Bitbucket() Service {
	return Service{
		Issuer: "https://bitbucket.org",
		Endpoint: oauth2.Endpoint{
			AuthURL:   "https://bitbucket.org/site/oauth2/authorize",
			TokenURL:  "https://bitbucket.org/site/oauth2/access_token",
			AuthStyle: oauth2.AuthStyleInHeader,
		},
		API:    "https://api.bitbucket.org/2.0",
		Scopes: []string{"account"},
		Profile: func(ctx context.Context, api *API) (*Identity, error) {
			c, err := api.Object(ctx, "/user")
			if err != nil {
				return nil, err
			}
			id := &Identity{
				Subject: c.String("uuid"), Name: c.String("display_name"), Username: c.String("username"),
				Picture: c.Object("links").Object("avatar").String("href"), Claims: c,
			}
			if !api.Granted("email") {
				return id, nil
			}
			emails, err := api.Object(ctx, "/user/emails")
			if err != nil {
				return nil, err
			}
			id.Email, id.EmailStatus = primary(emails.List("values"), "is_primary", "is_confirmed")
			return id, nil
		},
	}
}

// LinkedIn signs in with LinkedIn. The subject is the account's sub for this
// application; the address, with the scope email, is verified where
// email_verified is true.
func LinkedIn() Service {
	return Service{
		Issuer: "https://www.linkedin.com/oauth",
		Endpoint: oauth2.Endpoint{
			AuthURL:   "https://www.linkedin.com/oauth/v2/authorization",
			TokenURL:  "https://www.linkedin.com/oauth/v2/accessToken",
			AuthStyle: oauth2.AuthStyleInParams,
		},
		API:     "https://api.linkedin.com/v2",
		Scopes:  []string{"openid"},
		Profile: UserInfo("/userinfo"),
	}
}
