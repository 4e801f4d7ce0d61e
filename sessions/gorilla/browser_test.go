package gorilla_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gopassport/passport/sessions"
)

// A browser keeps cookies between the requests of a test.
type browser struct {
	keeper sessions.Keeper
	jar    map[string]string
}

func newBrowser(k sessions.Keeper) *browser { return &browser{keeper: k, jar: make(map[string]string)} }

// request is one with the cookies.
func (b *browser) request() *http.Request {
	r := httptest.NewRequest("GET", "https://example.com/", nil)
	for name, value := range b.jar {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	return r
}

// take keeps the cookies of a response.
func (b *browser) take(w *httptest.ResponseRecorder) {
	for _, c := range w.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(b.jar, c.Name)
		} else {
			b.jar[c.Name] = c.Value
		}
	}
}

// load is the session of a new request.
func (b *browser) load(t *testing.T) *sessions.Session {
	t.Helper()
	s, err := sessions.Load(b.keeper, b.request())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// user is who is signed in.
func (b *browser) user(t *testing.T) string {
	t.Helper()
	return b.load(t).Record().User
}

func (b *browser) signIn(t *testing.T, user string) {
	t.Helper()
	w := httptest.NewRecorder()
	must(t, b.load(t).Rotate(t.Context(), w, sessions.Record{User: user, AuthTime: 1}, nil, nil))
	b.take(w)
}

func (b *browser) signOut(t *testing.T) {
	t.Helper()
	w := httptest.NewRecorder()
	must(t, b.load(t).End(t.Context(), w))
	b.take(w)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, what string, want, got error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: got error %v, want %v", what, got, want)
	}
}
