package gothprovider_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/markbates/goth"

	"github.com/gopassport/passport/strategies/oauth"
	"github.com/gopassport/passport/strategies/oauth/gothprovider"
)

// finish ends a sign-in of a stranger with a user.
func finish(t testing.TB, u goth.User, c gothprovider.Config) (*oauth.Identity, error) {
	t.Helper()
	c.InsecureOwnClient = true
	p := strange(t, &stranger{
		authorize: func(*stranger, goth.Params) error { return nil },
		user:      func(*stranger) (goth.User, error) { return u, nil },
	}, c)
	return p.Finish(t.Context(), newFlow(t, p))
}

// TestUserID: what goth makes of no user id names nobody: all would share an
// account. C22
func TestUserID(t *testing.T) {
	t.Parallel()
	for id, ok := range map[string]bool{
		"42": true, "ann": true, "{9b1f}": true, "a b": true, "00": true, "Zero": true, "https://x.example/42": true, strings.Repeat("1", 255): true,
		"": false, " ": false, "\t\n": false, " 42": false, "42 ": false, "0": false, "-1": false, "<nil>": false, "nil": false, "null": false,
		"NULL": false, "undefined": false, "None": false, "NaN": false, "%!s(<nil>)": false, "%!d(string=a)": false, "false": false,
		strings.Repeat("1", 256): false,
	} {
		got, err := finish(t, goth.User{UserID: id, Email: "ann@example.com"}, gothprovider.Config{})
		if ok && (err != nil || got.Subject != id) || !ok && (got != nil || !errors.Is(err, oauth.ErrBadAnswer)) {
			t.Errorf("%q: got %v, %v", id, got, err)
		}
	}
}

func TestSubject(t *testing.T) {
	t.Parallel()
	u := goth.User{UserID: "U1", RawData: map[string]any{"team": "T1"}}
	id, err := finish(t, u, gothprovider.Config{Subject: func(u goth.User) string { return u.RawData["team"].(string) + "/" + u.UserID }})
	if err != nil || id.Subject != "T1/U1" {
		t.Errorf("got %v, %v", id, err)
	}
	for name, subject := range map[string]func(goth.User) string{
		"nobody":  func(goth.User) string { return "" },
		"a panic": func(u goth.User) string { return u.RawData["other"].(string) },
	} {
		if id, err := finish(t, u, gothprovider.Config{Subject: subject}); id != nil || !errors.Is(err, oauth.ErrBadAnswer) {
			t.Errorf("%s: got %v, %v", name, id, err)
		}
	}
}

// TestEmailStatus: an address is worth nothing unless somebody says so. C24
func TestEmailStatus(t *testing.T) {
	t.Parallel()
	u := goth.User{UserID: "1", Email: "ann@example.com", RawData: map[string]any{"email": "ann@example.com", "verified": true, "email_verified": true, "verified_email": true}}
	if id, err := finish(t, u, gothprovider.Config{}); err != nil || id.EmailStatus != oauth.EmailUnknown || id.Email != u.Email {
		t.Errorf("got %v, %v", id, err)
	}
	says := func(goth.User) oauth.EmailStatus { return oauth.EmailVerified }
	if id, err := finish(t, u, gothprovider.Config{EmailStatus: says}); err != nil || id.EmailStatus != oauth.EmailVerified {
		t.Errorf("got %v, %v", id, err)
	}
}

func TestFlag(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		raw  map[string]any
		want oauth.EmailStatus
	}{
		"true":            {map[string]any{"email": "a@b.c", "f": true}, oauth.EmailVerified},
		"false":           {map[string]any{"email": "a@b.c", "f": false}, oauth.EmailUnverified},
		"a string":        {map[string]any{"email": "a@b.c", "f": "true"}, oauth.EmailUnknown},
		"a number":        {map[string]any{"email": "a@b.c", "f": 1.0}, oauth.EmailUnknown},
		"another address": {map[string]any{"email": "b@b.c", "f": true}, oauth.EmailUnknown},
		"no address":      {map[string]any{"f": true}, oauth.EmailUnknown},
		"another name":    {map[string]any{"email": "a@b.c", "F": true}, oauth.EmailUnknown},
		"nothing":         {nil, oauth.EmailUnknown},
	} {
		if got := gothprovider.Flagged(goth.User{Email: "a@b.c", RawData: test.raw}, "f"); got != test.want {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
	if got := gothprovider.Flagged(goth.User{RawData: map[string]any{"email": "", "f": true}}, "f"); got != oauth.EmailUnknown {
		t.Errorf("an empty address is %v", got)
	}
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	expiry := time.Now()
	id, err := finish(t, goth.User{
		UserID: "1", FirstName: "Ann", LastName: "Lee", NickName: "ann", AvatarURL: "https://a.example", Email: "ann@example.com",
		AccessToken: "at", RefreshToken: "rt", ExpiresAt: expiry, RawData: map[string]any{"a": "b"},
	}, gothprovider.Config{Issuer: "https://i.example"})
	if err != nil {
		t.Fatal(err)
	}
	want := &oauth.Identity{
		Issuer: "https://i.example", Subject: "1", Name: "Ann Lee", Username: "ann", Picture: "https://a.example", Email: "ann@example.com",
		Claims: oauth.Claims{"a": "b"}, Tokens: &oauth.Tokens{Access: "at", Refresh: "rt", Expiry: expiry},
	}
	if diff := cmp.Diff(want, id); diff != "" {
		t.Errorf("identity (-want +got):\n%s", diff)
	}
}

// FuzzNonce: an ID token with another nonce than ours is refused, whatever is
// in it.
func FuzzNonce(f *testing.F) {
	token := func(payload string) string {
		return "e30." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".c2ln"
	}
	for _, seed := range []string{
		"", ".", "a.b.c", token(`{"nonce":"n"}`), token(`{"nonce":"other"}`), token(`{}`), token(`{"nonce":null}`), token(`[1]`),
		token(`{"nonce":"other","nonce":"n"}`), token(`{"nonce":"n"}`) + ".d", "e30." + base64.URLEncoding.EncodeToString([]byte(`{"nonce":"n"} `)),
	} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, token string, openID bool) {
		err := gothprovider.CheckNonce(token, "n", openID)
		if token == "" {
			if err != nil {
				t.Errorf("no token: %v", err)
			}
			return
		}
		if err == nil && openID {
			parts := strings.Split(token, ".")
			payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
			v, perr := oauth.ParseJSON(payload)
			if claims, _ := v.(map[string]any); perr != nil || claims["nonce"] != "n" {
				t.Errorf("%q is taken: %s", token, payload)
			}
		}
		if err != nil && !errors.Is(err, oauth.ErrBadAnswer) {
			t.Errorf("got %v", err)
		}
	})
}

// FuzzLocation: wherever goth sends the browser, it goes there with our state
// and redirect URL, each once, or not at all.
func FuzzLocation(f *testing.F) {
	good := "https://s.example/?state=s&redirect_uri=https%3A%2F%2Fexample.com%2Fcallback"
	for _, seed := range []string{good, good + "&state=t", good + "#state=t", good + ";state=t", good + "&%73tate=t", "//s.example/?" + good[19:], "https:s.example?" + good[19:], "https://u@s.example/?" + good[19:]} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, location string) { gothprovider.Placed(t, callback, location) })
}
