package gothprovider_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"

	"github.com/markbates/goth"
	"github.com/markbates/goth/providers/discord"
	"github.com/markbates/goth/providers/twitch"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/oauth"
	"github.com/gopassport/passport/strategies/oauth/gothprovider"
)

// A Person is what the application knows of somebody.
type Person struct{ ID string }

func Example() {
	provider, err := gothprovider.New(func(callback string, client *http.Client) goth.Provider {
		p := twitch.New("the id that Twitch gave us", "and the secret", callback)
		p.HTTPClient = client
		return p
	}, gothprovider.Config{RedirectURL: "https://example.com/auth/twitch/callback"})
	if err != nil {
		panic(err)
	}
	fmt.Println(provider.Issuer())

	a := passport.New(passport.Config[*Person]{
		Serializer: passport.SerializeBy(
			func(p *Person) string { return p.ID },
			func(_ context.Context, id string) (*Person, error) { return &Person{id}, nil },
		),
		Logger: slog.New(slog.DiscardHandler),
	})
	a.Use("twitch", oauth.New(provider, func(_ context.Context, id *oauth.Identity) (*Person, error) {
		return &Person{id.Key()}, nil
	}, nil))
	mux := http.NewServeMux()
	signIn := a.LoginHandler("twitch", nil)
	mux.Handle("POST /auth/twitch", signIn)
	mux.Handle("GET /auth/twitch/callback", signIn)

	w := httptest.NewRecorder()
	a.Handler(mux).ServeHTTP(w, httptest.NewRequest("POST", "/auth/twitch", nil))
	to, _ := url.Parse(w.Header().Get("Location"))
	fmt.Println(w.Code, to.Host+to.Path, to.Query().Get("code_challenge_method"), to.Query().Get("scope"))
	// Output:
	// goth:twitch
	// 303 id.twitch.tv/oauth2/authorize S256 user:read:email
}

// What cannot be made safe is refused, with a word on what there is to do.
func ExampleNew_refused() {
	_, err := gothprovider.New(func(callback string, client *http.Client) goth.Provider {
		p := discord.New("id", "secret", callback)
		p.HTTPClient = client
		return p
	}, gothprovider.Config{RedirectURL: "https://example.com/auth/discord/callback"})
	fmt.Println(err)
	// Output:
	// gothprovider: discord: it sends no code verifier (Config.InsecureNoPKCE takes it nevertheless)
}
