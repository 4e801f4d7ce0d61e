package apps_test

import (
	"context"
	"database/sql"
	"net/http"
	"testing"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/strategies/oauth"
	"github.com/gopassport/passport/strategies/oauth/oauthtest"
)

// newSocial signs in with GitHub, Google or a password. Whoever is new chooses
// a nickname first, and whoever is signed in may join more accounts.
func newSocial(people *People, provider func(name, callback string) oauth.Provider) http.Handler {
	a := passport.New(config(people))
	a.Use("local", byPassword(people))
	mux := http.NewServeMux()
	accounts := oauth.Accounts[*Person]{ByIdentity: people.byIdentity, Create: askForNickname}
	for _, name := range []string{"github", "google"} {
		a.Use(name, oauth.New(provider(name, "/auth/"+name+"/callback"), accounts.Resolve, nil))
		signIn := a.LoginHandler(name, nil)
		mux.Handle("POST /auth/"+name, signIn)
		mux.Handle("GET /auth/"+name+"/callback", signIn)

		account := oauth.New(provider(name, "/connect/"+name+"/callback"), itself, nil)
		connect := passport.Link(a, account, people.join, &passport.LoginOptions{SuccessRedirect: "/me"})
		mux.Handle("POST /connect/"+name, connect)
		mux.Handle("GET /connect/"+name+"/callback", connect)
	}

	// The last step of a new account finds in the session whose it is.
	a.UseFunc("nickname", func(r *http.Request) (res passport.Result[*Person], err error) {
		identity, ok := newcomer.Get(a.Session(r.Context()))
		if !ok {
			return res.Pass()
		}
		person := people.Add(Person{Name: r.PostFormValue("nickname")})
		if err := people.join(r.Context(), person, &identity); err != nil {
			return res, err
		}
		return res.Success(person)
	})
	mux.Handle("POST /nickname", a.LoginHandler("nickname", nil))
	mux.HandleFunc("GET /nickname", func(w http.ResponseWriter, _ *http.Request) { write(w, "Choose a nickname") })

	mux.Handle("POST /login", a.LoginHandler("local", nil))
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, _ *http.Request) { write(w, "Sign in") })
	mux.Handle("POST /logout", a.LogoutHandler(&passport.LogoutOptions{Redirect: "/login"}))
	mux.Handle("GET /{$}", a.RequireFunc(hello))
	mux.Handle("GET /me", a.RequireFunc(hello))
	return a.Handler(mux)
}

func hello(w http.ResponseWriter, _ *http.Request, p *Person) { write(w, "Hello ", p.Name) }

// newcomer is who waits for a nickname.
const newcomer = sessions.Key[oauth.Identity]("newcomer")

func askForNickname(_ context.Context, id *oauth.Identity) (*Person, error) {
	return nil, &passport.Detour{URL: "/nickname", Key: string(newcomer), Value: oauth.Identity{Issuer: id.Issuer, Subject: id.Subject}}
}

// itself is the verify function of an account that is only joined.
func itself(_ context.Context, id *oauth.Identity) (*oauth.Identity, error) { return id, nil }

func (t *People) byIdentity(ctx context.Context, id *oauth.Identity) (*Person, error) {
	t.mu.Lock()
	person, ok := t.linked[id.Key()]
	t.mu.Unlock()
	if !ok {
		return nil, sql.ErrNoRows
	}
	return t.ByID(ctx, person)
}

// join joins an account to a person, unless it is somebody else's.
func (t *People) join(_ context.Context, p *Person, id *oauth.Identity) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if owner, ok := t.linked[id.Key()]; ok && owner != p.ID {
		return &passport.Failure{Code: "taken", Status: http.StatusConflict, Message: "This account belongs to somebody else."}
	}
	t.linked[id.Key()] = p.ID
	return nil
}

func TestSocial(t *testing.T) {
	t.Parallel()
	// Two providers that GitHub and Google are played by.
	github, google := oauthtest.Start(t), oauthtest.Start(t)
	github.Page("/user", map[string]any{"id": 42, "login": "octo"})
	github.Break(oauthtest.NoIssuer) // as GitHub has none
	google.SignIn(oauthtest.User{Subject: "g-7"})
	v := visit(t, func(site string) http.Handler {
		return newSocial(newPeople(), func(name, callback string) oauth.Provider {
			if name == "google" {
				return google.Provider(site + callback)
			}
			p, err := oauth.NewProvider(github.As(oauth.GitHub()), github.Config(site+callback))
			if err != nil {
				t.Fatal(err)
			}
			return p
		})
	})

	// A new account, with the nickname step. Nobody is signed in before it.
	v.sees("POST /auth/github", "/nickname Choose a nickname")
	v.sees("GET /me", "/login Sign in")
	v.sees("POST /nickname nickname=octocat", "/me Hello octocat")
	v.sees("POST /logout", "/login Sign in")
	v.sees("POST /auth/github", "/ Hello octocat")

	// A second account is joined, and signs the same person in.
	v.sees("POST /connect/google", "/me Hello octocat")
	v.sees("POST /logout", "/login Sign in")
	v.sees("POST /auth/google", "/ Hello octocat")
	v.sees("POST /logout", "/login Sign in")

	// Nobody else can have it, and strangers can join nothing.
	v.sees("POST /connect/google", "401 /connect/google Sign in to go on.")
	v.header.Set("Accept", "application/json")
	v.sees("POST /login username=bob&password=wonderland-wonderland", "/ Hello bob")
	v.sees("POST /connect/google", "409 /connect/google/callback taken")
	v.sees("POST /nickname nickname=mallory", "401 /nickname no-credentials")
}
