package gothtest_test

import (
	"net/http"
	"reflect"

	"github.com/markbates/goth"
	"github.com/markbates/goth/providers/amazon"
	"github.com/markbates/goth/providers/apple"
	"github.com/markbates/goth/providers/auth0"
	"github.com/markbates/goth/providers/azuread"
	"github.com/markbates/goth/providers/azureadv2"
	"github.com/markbates/goth/providers/battlenet"
	"github.com/markbates/goth/providers/bitbucket"
	"github.com/markbates/goth/providers/bitly"
	"github.com/markbates/goth/providers/box"
	"github.com/markbates/goth/providers/classlink"
	"github.com/markbates/goth/providers/cloudfoundry"
	"github.com/markbates/goth/providers/cognito"
	"github.com/markbates/goth/providers/dailymotion"
	"github.com/markbates/goth/providers/deezer"
	"github.com/markbates/goth/providers/digitalocean"
	"github.com/markbates/goth/providers/discord"
	"github.com/markbates/goth/providers/dropbox"
	"github.com/markbates/goth/providers/eveonline"
	"github.com/markbates/goth/providers/facebook"
	"github.com/markbates/goth/providers/faux"
	"github.com/markbates/goth/providers/fitbit"
	"github.com/markbates/goth/providers/gitea"
	"github.com/markbates/goth/providers/github"
	"github.com/markbates/goth/providers/gitlab"
	"github.com/markbates/goth/providers/google"
	"github.com/markbates/goth/providers/gplus"
	"github.com/markbates/goth/providers/heroku"
	"github.com/markbates/goth/providers/hubspot"
	"github.com/markbates/goth/providers/influxcloud"
	"github.com/markbates/goth/providers/instagram"
	"github.com/markbates/goth/providers/intercom"
	"github.com/markbates/goth/providers/kakao"
	"github.com/markbates/goth/providers/lark"
	"github.com/markbates/goth/providers/lastfm"
	"github.com/markbates/goth/providers/line"
	"github.com/markbates/goth/providers/linkedin"
	"github.com/markbates/goth/providers/mailru"
	"github.com/markbates/goth/providers/mastodon"
	"github.com/markbates/goth/providers/meetup"
	"github.com/markbates/goth/providers/microsoftonline"
	"github.com/markbates/goth/providers/naver"
	"github.com/markbates/goth/providers/nextcloud"
	"github.com/markbates/goth/providers/okta"
	"github.com/markbates/goth/providers/onedrive"
	"github.com/markbates/goth/providers/openidConnect"
	"github.com/markbates/goth/providers/oura"
	"github.com/markbates/goth/providers/patreon"
	"github.com/markbates/goth/providers/paypal"
	"github.com/markbates/goth/providers/reddit"
	"github.com/markbates/goth/providers/salesforce"
	"github.com/markbates/goth/providers/seatalk"
	"github.com/markbates/goth/providers/shopify"
	"github.com/markbates/goth/providers/slack"
	"github.com/markbates/goth/providers/soundcloud"
	"github.com/markbates/goth/providers/spotify"
	"github.com/markbates/goth/providers/steam"
	"github.com/markbates/goth/providers/strava"
	"github.com/markbates/goth/providers/stripe"
	"github.com/markbates/goth/providers/tiktok"
	"github.com/markbates/goth/providers/tumblr"
	"github.com/markbates/goth/providers/twitch"
	"github.com/markbates/goth/providers/twitter"
	"github.com/markbates/goth/providers/twitterv2"
	"github.com/markbates/goth/providers/typetalk"
	"github.com/markbates/goth/providers/uber"
	"github.com/markbates/goth/providers/vk"
	"github.com/markbates/goth/providers/wechat"
	"github.com/markbates/goth/providers/wecom"
	"github.com/markbates/goth/providers/wepay"
	"github.com/markbates/goth/providers/xero"
	"github.com/markbates/goth/providers/yahoo"
	"github.com/markbates/goth/providers/yammer"
	"github.com/markbates/goth/providers/yandex"
	"github.com/markbates/goth/providers/zoom"
)

const issuer = "https://op.example.com"

// providers makes each provider of goth, by the name of its package.
var providers = map[string]func(callback string, client *http.Client) goth.Provider{
	"amazon": func(callback string, client *http.Client) goth.Provider {
		return with(client, amazon.New("id", "secret", callback))
	},
	"apple": func(callback string, client *http.Client) goth.Provider {
		return with(client, apple.New("id", "secret", callback, client))
	},
	"auth0": func(callback string, client *http.Client) goth.Provider {
		return with(client, auth0.New("id", "secret", callback, "tenant.example.com"))
	},
	"azuread": func(callback string, client *http.Client) goth.Provider {
		return with(client, azuread.New("id", "secret", callback, nil))
	},
	"azureadv2": func(callback string, client *http.Client) goth.Provider {
		return with(client, azureadv2.New("id", "secret", callback, azureadv2.ProviderOptions{}))
	},
	"battlenet": func(callback string, client *http.Client) goth.Provider {
		return with(client, battlenet.New("id", "secret", callback))
	},
	"bitbucket": func(callback string, client *http.Client) goth.Provider {
		return with(client, bitbucket.New("id", "secret", callback))
	},
	"bitly": func(callback string, client *http.Client) goth.Provider {
		return with(client, bitly.New("id", "secret", callback))
	},
	"box": func(callback string, client *http.Client) goth.Provider {
		return with(client, box.New("id", "secret", callback))
	},
	"classlink": func(callback string, client *http.Client) goth.Provider {
		return with(client, classlink.New("id", "secret", callback))
	},
	"cloudfoundry": func(callback string, client *http.Client) goth.Provider {
		return with(client, cloudfoundry.New("https://uaa.example.com", "id", "secret", callback))
	},
	"cognito": func(callback string, client *http.Client) goth.Provider {
		return with(client, cognito.New("id", "secret", "https://pool.example.com", callback))
	},
	"dailymotion": func(callback string, client *http.Client) goth.Provider {
		return with(client, dailymotion.New("id", "secret", callback))
	},
	"deezer": func(callback string, client *http.Client) goth.Provider {
		return with(client, deezer.New("id", "secret", callback))
	},
	"digitalocean": func(callback string, client *http.Client) goth.Provider {
		return with(client, digitalocean.New("id", "secret", callback))
	},
	"discord": func(callback string, client *http.Client) goth.Provider {
		return with(client, discord.New("id", "secret", callback))
	},
	"dropbox": func(callback string, client *http.Client) goth.Provider {
		return with(client, dropbox.New("id", "secret", callback))
	},
	"eveonline": func(callback string, client *http.Client) goth.Provider {
		return with(client, eveonline.New("id", "secret", callback))
	},
	"facebook": func(callback string, client *http.Client) goth.Provider {
		return with(client, facebook.New("id", "secret", callback))
	},
	"faux": func(callback string, client *http.Client) goth.Provider { return with(client, &faux.Provider{}) },
	"fitbit": func(callback string, client *http.Client) goth.Provider {
		return with(client, fitbit.New("id", "secret", callback))
	},
	"gitea": func(callback string, client *http.Client) goth.Provider {
		return with(client, gitea.New("id", "secret", callback))
	},
	"github": func(callback string, client *http.Client) goth.Provider {
		return with(client, github.New("id", "secret", callback))
	},
	"gitlab": func(callback string, client *http.Client) goth.Provider {
		return with(client, gitlab.New("id", "secret", callback))
	},
	"google": func(callback string, client *http.Client) goth.Provider {
		return with(client, google.New("id", "secret", callback))
	},
	"gplus": func(callback string, client *http.Client) goth.Provider {
		return with(client, gplus.New("id", "secret", callback))
	},
	"heroku": func(callback string, client *http.Client) goth.Provider {
		return with(client, heroku.New("id", "secret", callback))
	},
	"hubspot": func(callback string, client *http.Client) goth.Provider {
		return with(client, hubspot.New("id", "secret", callback))
	},
	"influxcloud": func(callback string, client *http.Client) goth.Provider {
		return with(client, influxcloud.New("id", "secret", callback))
	},
	"instagram": func(callback string, client *http.Client) goth.Provider {
		return with(client, instagram.New("id", "secret", callback))
	},
	"intercom": func(callback string, client *http.Client) goth.Provider {
		return with(client, intercom.New("id", "secret", callback))
	},
	"kakao": func(callback string, client *http.Client) goth.Provider {
		return with(client, kakao.New("id", "secret", callback))
	},
	"lark": func(callback string, client *http.Client) goth.Provider {
		return with(client, lark.New("id", "secret", callback))
	},
	"lastfm": func(callback string, client *http.Client) goth.Provider {
		return with(client, lastfm.New("id", "secret", callback))
	},
	"line": func(callback string, client *http.Client) goth.Provider {
		return with(client, line.New("id", "secret", callback))
	},
	"linkedin": func(callback string, client *http.Client) goth.Provider {
		return with(client, linkedin.New("id", "secret", callback))
	},
	"mailru": func(callback string, client *http.Client) goth.Provider {
		return with(client, mailru.New("id", "secret", callback))
	},
	"mastodon": func(callback string, client *http.Client) goth.Provider {
		return with(client, mastodon.NewCustomisedURL("id", "secret", callback, "https://social.example.com"))
	},
	"meetup": func(callback string, client *http.Client) goth.Provider {
		return with(client, meetup.New("id", "secret", callback))
	},
	"microsoftonline": func(callback string, client *http.Client) goth.Provider {
		return with(client, microsoftonline.New("id", "secret", callback))
	},
	"naver": func(callback string, client *http.Client) goth.Provider {
		return with(client, naver.New("id", "secret", callback))
	},
	"nextcloud": func(callback string, client *http.Client) goth.Provider {
		return with(client, nextcloud.NewCustomisedDNS("id", "secret", callback, "https://cloud.example.com"))
	},
	"okta": func(callback string, client *http.Client) goth.Provider {
		return with(client, okta.New("id", "secret", "https://org.example.com", callback))
	},
	"onedrive": func(callback string, client *http.Client) goth.Provider {
		return with(client, onedrive.New("id", "secret", callback))
	},
	"openidConnect": func(callback string, client *http.Client) goth.Provider {
		return with(client, must(openidConnect.NewCustomisedURL("id", "secret", callback, issuer+"/authorize", issuer+"/token", issuer, issuer+"/userinfo", "")))
	},
	"oura": func(callback string, client *http.Client) goth.Provider {
		return with(client, oura.New("id", "secret", callback))
	},
	"patreon": func(callback string, client *http.Client) goth.Provider {
		return with(client, patreon.New("id", "secret", callback))
	},
	"paypal": func(callback string, client *http.Client) goth.Provider {
		return with(client, paypal.New("id", "secret", callback))
	},
	"reddit": func(callback string, client *http.Client) goth.Provider {
		return with(client, new(reddit.New("id", "secret", callback, "permanent", "https://www.reddit.com/api/v1/access_token", "https://oauth.reddit.com/api/v1/me")))
	},
	"salesforce": func(callback string, client *http.Client) goth.Provider {
		return with(client, salesforce.New("id", "secret", callback))
	},
	"seatalk": func(callback string, client *http.Client) goth.Provider {
		return with(client, seatalk.New("id", "secret", callback))
	},
	"shopify": func(callback string, client *http.Client) goth.Provider {
		return with(client, shopify.New("id", "secret", callback))
	},
	"slack": func(callback string, client *http.Client) goth.Provider {
		return with(client, slack.New("id", "secret", callback))
	},
	"soundcloud": func(callback string, client *http.Client) goth.Provider {
		return with(client, soundcloud.New("id", "secret", callback))
	},
	"spotify": func(callback string, client *http.Client) goth.Provider {
		return with(client, spotify.New("id", "secret", callback))
	},
	"steam": func(callback string, client *http.Client) goth.Provider {
		return with(client, steam.New("key", callback))
	},
	"strava": func(callback string, client *http.Client) goth.Provider {
		return with(client, strava.New("id", "secret", callback))
	},
	"stripe": func(callback string, client *http.Client) goth.Provider {
		return with(client, stripe.New("id", "secret", callback))
	},
	"tiktok": func(callback string, client *http.Client) goth.Provider {
		return with(client, tiktok.New("id", "secret", callback))
	},
	"tumblr": func(callback string, client *http.Client) goth.Provider {
		return with(client, tumblr.New("id", "secret", callback))
	},
	"twitch": func(callback string, client *http.Client) goth.Provider {
		return with(client, twitch.New("id", "secret", callback))
	},
	"twitter": func(callback string, client *http.Client) goth.Provider {
		return with(client, twitter.New("id", "secret", callback))
	},
	"twitterv2": func(callback string, client *http.Client) goth.Provider {
		return with(client, twitterv2.New("id", "secret", callback))
	},
	"typetalk": func(callback string, client *http.Client) goth.Provider {
		return with(client, typetalk.New("id", "secret", callback))
	},
	"uber": func(callback string, client *http.Client) goth.Provider {
		return with(client, uber.New("id", "secret", callback))
	},
	"vk": func(callback string, client *http.Client) goth.Provider {
		return with(client, vk.New("id", "secret", callback))
	},
	"wechat": func(callback string, client *http.Client) goth.Provider {
		return with(client, wechat.New("id", "secret", callback, wechat.WECHAT_LANG_EN))
	},
	"wecom": func(callback string, client *http.Client) goth.Provider {
		return with(client, wecom.New("id", "secret", "agent", callback))
	},
	"wepay": func(callback string, client *http.Client) goth.Provider {
		return with(client, wepay.New("id", "secret", callback))
	},
	"xero": func(callback string, client *http.Client) goth.Provider {
		return with(client, xero.New("id", "secret", callback))
	},
	"yahoo": func(callback string, client *http.Client) goth.Provider {
		return with(client, yahoo.New("id", "secret", callback))
	},
	"yammer": func(callback string, client *http.Client) goth.Provider {
		return with(client, yammer.New("id", "secret", callback))
	},
	"yandex": func(callback string, client *http.Client) goth.Provider {
		return with(client, yandex.New("id", "secret", callback))
	},
	"zoom": func(callback string, client *http.Client) goth.Provider {
		return with(client, zoom.New("id", "secret", callback))
	},
}

// with sets the field of a provider that has its client, as a line of the
// application does. Three of goth's call it otherwise, or have none.
func with(client *http.Client, p goth.Provider) goth.Provider {
	for _, name := range []string{"HTTPClient", "Client"} {
		if field := reflect.ValueOf(p).Elem().FieldByName(name); field.IsValid() {
			field.Set(reflect.ValueOf(client))
		}
	}
	return p
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
