package bench_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gopassport/passport/sessions"
)

// A signed-in request takes one round trip to the database, two when the
// touch is due, a login at most three. Nothing is prepared twice: that would
// be one more.
func TestRoundTrips(t *testing.T) {
	for name, open := range map[string]func(testing.TB, *tap) sessions.Store{
		"sqlite":       tapSQLite,
		"mariadb":      tapMySQL,
		"postgres":     tapPGX,
		"postgres-pq":  tapPQ,
		"postgres-pgx": tapPool,
		"redis":        tapRedis,
	} {
		t.Run(name, func(t *testing.T) {
			tap := new(tap)
			store := open(t, tap)
			site := passportSite(store, nil)
			hasty := passportSite(store, &sessions.Options{Refresh: time.Nanosecond}) // touches are always due
			cookie := ""
			send := func(request string, due bool) int {
				method, path, _ := strings.Cut(request, " ")
				site := site
				if due {
					site = hasty
					time.Sleep(2 * time.Millisecond) // times are kept in milliseconds
				}
				before := tap.trips.Load()
				r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
				r.Header.Set("X-User", userID(1))
				r.Header.Set("Cookie", cookie)
				w := httptest.NewRecorder()
				site.ServeHTTP(w, r)
				if w.Code >= http.StatusBadRequest {
					t.Fatalf("%s: got %d %s", request, w.Code, w.Body)
				}
				for _, c := range w.Result().Cookies() {
					cookie = c.Name + "=" + c.Value
				}
				return int(tap.trips.Load() - before)
			}
			for round := range 20 { // the first one prepares what Migrate did not
				for _, step := range []struct {
					name        string
					request     string
					due         bool
					least, most int
				}{
					{"sign in", "POST /", false, 1, 3},
					{"request", "GET /", false, 1, 1},
					{"sign in again", "POST /", false, 2, 3},
					{"request", "GET /", false, 1, 1},
					{"request with a touch", "GET /", true, 2, 2},
					{"sign out", "POST /logout", false, 2, 2},
				} {
					if got := send(step.request, step.due); round > 0 && (got < step.least || got > step.most) {
						t.Errorf("round %d, %s: %d round trips, want %d to %d", round, step.name, got, step.least, step.most)
					}
				}
				cookie = ""
			}
		})
	}
}
