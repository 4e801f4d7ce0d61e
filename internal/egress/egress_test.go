package egress_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gopassport/passport/internal/egress"
)

var errBad = errors.New("bad answer")

func TestClient(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	mux.HandleFunc("/fits", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "1234567890") })
	mux.HandleFunc("/long", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "12345678901") })
	mux.Handle("/moved", http.RedirectHandler("/fits", http.StatusFound))
	mux.Handle("/away", http.RedirectHandler(other.URL, http.StatusFound))
	mux.Handle("/loop", http.RedirectHandler("/loop", http.StatusFound))
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	client := egress.Client(egress.Options{Timeout: time.Second, MaxBody: 10, Bad: errBad})
	for path, tt := range map[string]struct {
		bad bool // errBad, and else none
	}{
		"/fits":  {},
		"/long":  {bad: true},
		"/moved": {},
		"/away":  {bad: true},
		"/loop":  {bad: true},
	} {
		for _, secret := range []bool{false, true} {
			r := httptest.NewRequest(http.MethodGet, server.URL+path, strings.NewReader(""))
			r.RequestURI = ""
			if secret {
				r.Header.Set("Authorization", "Bearer secret")
			}
			res, err := client.Do(r)
			if err == nil {
				_, err = io.ReadAll(res.Body)
				res.Body.Close()
			}
			if want := tt.bad || secret && path == "/moved"; errors.Is(err, errBad) != want || !want && err != nil {
				t.Errorf("%s with a secret %t: %v", path, secret, err)
			}
		}
	}
	if _, err := client.Get(server.URL + "/slow"); err == nil || errors.Is(err, errBad) {
		t.Errorf("an answer that does not come: %v", err)
	}
}
