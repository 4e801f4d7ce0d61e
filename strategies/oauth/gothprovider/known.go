package gothprovider

import (
	"reflect"
	"slices"
	"strings"

	"github.com/markbates/goth"
	"golang.org/x/oauth2"
)

// What is known of the providers of goth v1.82. docs/goth-providers.md has
// each, and a test measures it anew.
type traits struct {
	host           string // of the authorization URL; empty where tenants or servers differ
	noState        bool   // the callback brings no state back
	unnamed        bool   // the user id is missing, or an address
	noPKCE         bool   // the code is sent without a verifier
	ownClient      bool   // asks by http.DefaultClient
	inForm         bool   // the client secret goes into the form
	emailFlag      string // of the profile: the address is verified
	callbackParams []string
	subject        func(goth.User) string
}

// known are the traits of a provider of goth, by the name of its package.
func known(name string) traits {
	is := func(names ...string) bool { return slices.Contains(names, name) }
	ownClient := []string{
		"apple", "auth0", "dailymotion", "discord", "faux", "fitbit", "intercom", "mailru", "oura", "reddit", "seatalk", "wechat", "yandex",
	}
	t := traits{
		host:      host(name),
		noState:   is("lastfm", "steam", "tumblr", "twitter", "twitterv2", "xero"),
		unnamed:   is("azuread", "bitly"),
		ownClient: is(ownClient...),
		// What leaves by another client has no verifier, but where goth takes one.
		noPKCE: is("lark", "tiktok", "wecom") || is(ownClient...) && !is("fitbit"),
		inForm: is(
			"amazon", "azuread", "azureadv2", "box", "classlink", "dailymotion", "deezer", "digitalocean", "dropbox", "facebook", "github",
			"gitlab", "google", "gplus", "heroku", "hubspot", "instagram", "intercom", "kakao", "line", "linkedin", "mastodon", "meetup",
			"microsoftonline", "naver", "okta", "onedrive", "patreon", "salesforce", "shopify", "slack", "soundcloud", "strava", "stripe",
			"twitch", "vk",
		),
	}
	switch name {
	case "auth0", "gplus", "intercom", "openidConnect":
		t.emailFlag = "email_verified"
	case "discord":
		t.emailFlag = "verified"
	case "google":
		t.emailFlag = "verified_email"
	case "shopify":
		t.callbackParams = []string{"hmac", "host", "shop", "timestamp"}
	case "onedrive":
		t.subject = func(u goth.User) string { return text(u, "id") }
	case "slack":
		t.subject = func(u goth.User) string { // users' ids are unique in a workspace alone
			if team := text(u, "team_id"); team != "" && u.UserID != "" {
				return team + "/" + u.UserID
			}
			return ""
		}
	}
	return t
}

func text(u goth.User, name string) string {
	s, _ := u.RawData[name].(string)
	return s
}

// inForm tells where the client secret goes.
func (p *Provider) inForm() bool {
	if p.c.AuthStyle != oauth2.AuthStyleAutoDetect {
		return p.c.AuthStyle == oauth2.AuthStyleInParams
	}
	return p.traits.inForm
}

// kind is the name of a provider's package, and whether it is one of goth's.
func kind(made goth.Provider) (name string, ours bool) {
	t := reflect.TypeOf(made)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return strings.CutPrefix(t.PkgPath(), "github.com/markbates/goth/providers/")
}

// host is where the accounts of a provider are the same for everybody. Those
// that are missing have tenants, or servers of one's own.
func host(name string) string {
	return map[string]string{
		"amazon": "www.amazon.com", "apple": "appleid.apple.com", "battlenet": "us.battle.net", "bitbucket": "bitbucket.org",
		"bitly": "bitly.com", "box": "app.box.com", "classlink": "launchpad.classlink.com", "dailymotion": "www.dailymotion.com",
		"deezer": "connect.deezer.com", "digitalocean": "cloud.digitalocean.com", "discord": "discord.com", "dropbox": "www.dropbox.com",
		"eveonline": "login.eveonline.com", "facebook": "www.facebook.com", "fitbit": "www.fitbit.com", "gitea": "gitea.com",
		"github": "github.com", "gitlab": "gitlab.com", "google": "accounts.google.com", "gplus": "accounts.google.com",
		"heroku": "id.heroku.com", "hubspot": "app.hubspot.com", "influxcloud": "cloud.influxdata.com", "instagram": "api.instagram.com",
		"intercom": "app.intercom.io", "kakao": "kauth.kakao.com", "line": "access.line.me", "linkedin": "www.linkedin.com",
		"mailru": "oauth.mail.ru", "meetup": "secure.meetup.com", "microsoftonline": "login.microsoftonline.com", "naver": "nid.naver.com",
		"onedrive": "login.live.com", "oura": "cloud.ouraring.com", "patreon": "www.patreon.com", "paypal": "www.paypal.com",
		"reddit": "www.reddit.com", "salesforce": "login.salesforce.com", "seatalk": "seatalkweb.com", "slack": "slack.com",
		"soundcloud": "soundcloud.com", "spotify": "accounts.spotify.com", "strava": "www.strava.com", "stripe": "connect.stripe.com",
		"tiktok": "open-api.tiktok.com", "twitch": "id.twitch.tv", "typetalk": "typetalk.com", "uber": "login.uber.com",
		"vk": "oauth.vk.com", "wechat": "open.weixin.qq.com", "wepay": "www.wepay.com", "yahoo": "api.login.yahoo.com",
		"yammer": "www.yammer.com", "yandex": "oauth.yandex.ru", "zoom": "zoom.us",
	}[name]
}
