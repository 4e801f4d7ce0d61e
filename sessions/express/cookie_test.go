package express_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/express"
)

// The values are those that express-session made of ids and secrets.
func TestCookiesOfNode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ id, secret, value string }{
		{nodeID, secret, signed},
		{"8f14e45f.ceea-167a~!*'() é/+", "Schlüssel 🔑", "s%3A8f14e45f.ceea-167a~!*'()%20%C3%A9%2F%2B.%2FAiENj66gZcVGPBIQtFyRcL9z0fHJqe%2BtsJaTo7hyf8"},
		{"a", "x", "s%3Aa.HHjGPdBrjR1IOq27qS3ES8MRab5pNdPQ3n20W%2BIRVw0"},
	} {
		text := strings.Replace(session(""), `"originalMaxAge":null`, `"originalMaxAge":60000`, 1)
		table := newMemory(express.Row{ID: c.id, Data: text, Expires: express.Never})
		k, err := express.New(table, express.NumberID, []string{c.secret}, short)
		if err != nil {
			t.Fatal(err)
		}
		if !known(t, k, c.value) {
			t.Errorf("%s: the cookie is refused", c.value)
			continue
		}
		s := load(t, k, c.value) // whose cookie a save sends again
		w := httptest.NewRecorder()
		if err := s.Set("a", 1); err != nil {
			t.Fatal(err)
		}
		if err := s.Save(t.Context(), w); err != nil {
			t.Fatal(err)
		}
		if line := w.Header().Get("Set-Cookie"); !strings.HasPrefix(line, "connect.sid="+c.value+";") {
			t.Errorf("got %s, want the value %s", line, c.value)
		}
	}
}

// badCookies are not what Node signed.
var badCookies = map[string]string{
	"empty":               "",
	"not signed":          nodeID,
	"no prefix":           signed[len("s%3A"):],
	"no signature":        "s%3A" + nodeID,
	"empty signature":     "s%3A" + nodeID + ".",
	"no id":               "s%3A.S4gjXyywQXlQhu4BiKtrd3bKBt%2FVUNDsh%2FEJkkwfwOQ",
	"cut off":             signed[:len(signed)-1],
	"longer":              signed + "A",
	"padded":              signed + "%3D",
	"another id":          strings.Replace(signed, "Q2hh", "Q2hi", 1),
	"another signature":   signed[:len(signed)-1] + "R",
	"URL alphabet":        strings.ReplaceAll(signed, "%2F", "_"),
	"half an escape":      signed[:len(signed)-1] + "%5",
	"no escape":           signed + "%zz",
	"a space":             signed + "+",
	"in quotes":           `"` + signed + `"`,
	"no UTF-8":            "s%3A%ff.HHjGPdBrjR1IOq27qS3ES8MRab5pNdPQ3n20W%2BIRVw0",
	"over 4 KiB":          "s%3A" + strings.Repeat("a", 4096) + ".S4gjXyywQXlQhu4BiKtrd3bKBt%2FVUNDsh%2FEJkkwfwOQ",
	"a JSON cookie":       "j%3A%7B%7D",
	"case of the prefix":  "S" + signed[1:],
	"of another secret":   "s%3A" + nodeID + ".HHjGPdBrjR1IOq27qS3ES8MRab5pNdPQ3n20W%2BIRVw0",
	"the id and a NUL":    strings.Replace(signed, ".", "%00.", 1),
	"the id and a space":  strings.Replace(signed, ".", "%20.", 1),
	"the id in full, raw": "s:" + nodeID + ".S4gjXyywQXlQhu4BiKtrd3bKBt/VUNDsh/EJkkwfwOQ=",
}

// B20: no such cookie is an error, and none asks the database.
func TestBadCookies(t *testing.T) {
	t.Parallel()
	for name, value := range badCookies {
		table := newMemory(row(session(`"passport":{"user":7}`)))
		if known(t, keeper(t, table, nil), value) {
			t.Errorf("%s: let in", name)
		}
		if len(table.calls) > 0 {
			t.Errorf("%s: asked the table: %v", name, table.calls)
		}
	}
}

// B19: of several valid cookies none is chosen, and more than a browser sends
// are not looked at.
func TestSeveralCookies(t *testing.T) {
	t.Parallel()
	table := newMemory(row(session("")))
	k := keeper(t, table, nil)
	other := signIn(t, k, sessions.Record{User: "7"}).Value
	bad := badCookies["another signature"]
	for name, c := range map[string]struct {
		values []string
		want   bool
	}{
		"one":                   {[]string{signed}, true},
		"the same twice":        {[]string{signed, signed}, true},
		"two":                   {[]string{signed, other}, false},
		"a bad one first":       {[]string{bad, signed}, true},
		"a bad one last":        {[]string{signed, bad}, true},
		"five":                  {[]string{bad, bad, bad, bad, signed}, false},
		"two in one line":       {[]string{signed + "; connect.sid=" + other}, false},
		"beside another's":      {[]string{"; a=b; connect.sid=" + signed + "; c=d"}, true},
		"under another name":    {[]string{"; connect_sid=" + signed}, false},
		"under a name in caps":  {[]string{"; Connect.sid=" + signed}, false},
		"one of an ended one":   {[]string{signed, "s%3Aa.edbG35Gr26gZvywfgQZIlXexpmG3HzrYZyKzt%2F55vSw"}, true},
		"with spaces around it": {[]string{"; \t connect.sid=" + signed + " ;"}, true},
	} {
		if got := known(t, k, c.values...); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

// B34: a collation that takes two ids for one lets nobody in.
func TestIDsAreCompared(t *testing.T) {
	t.Parallel()
	table := newMemory(express.Row{ID: "a", Data: session(`"passport":{"user":7}`), Expires: express.Never})
	k, err := express.New(table, express.NumberID, []string{"x"}, short)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := table.Find(t.Context(), "a "); err != nil {
		t.Fatal("this table should find a for the id with a space")
	}
	const value = "s%3Aa%20.vxoGCfiJvtyf1BD1lirVUMT56nh7u3xsFB93NXYpHU4" // express-session's
	if known(t, k, value) {
		t.Error("let in by another id")
	}
	if !slices.Contains(table.calls[1:], "Find") {
		t.Error("the cookie is refused for another reason")
	}
}

// B16, B17, B40: what the browser gets.
func TestSetCookie(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	for name, c := range map[string]struct {
		o        *express.Options
		remember bool
		want     http.Cookie
		life     time.Duration
	}{
		"defaults":   {nil, false, http.Cookie{Name: "connect.sid", Path: "/", Secure: true, SameSite: http.SameSiteLaxMode}, 0},
		"remembered": {nil, true, http.Cookie{Name: "connect.sid", Path: "/", Secure: true, SameSite: http.SameSiteLaxMode}, 14 * day},
		"all": {
			&express.Options{Name: "sid", Path: "/app", Domain: "example.com", SameSite: http.SameSiteStrictMode, InsecureHTTP: true, MaxAge: day}, false,
			http.Cookie{Name: "sid", Path: "/app", Domain: "example.com", SameSite: http.SameSiteStrictMode}, day,
		},
		"no longer than the session": {&express.Options{MaxAge: 90 * day}, false, http.Cookie{Name: "connect.sid", Path: "/", Secure: true, SameSite: http.SameSiteLaxMode}, 30 * day},
	} {
		k := keeper(t, newMemory(), c.o)
		w := httptest.NewRecorder()
		w.Header().Add("Set-Cookie", c.want.Name+"=earlier")
		record := sessions.Record{User: "7", Remember: c.remember}
		if err := k.Save(t.Context(), w, &record); err != nil {
			t.Fatal(err)
		}
		got := w.Result().Cookies()
		if len(got) != 1 {
			t.Fatalf("%s: got %d cookies, want 1", name, len(got))
		}
		check := func(got *http.Cookie) {
			if got.Name != c.want.Name || got.Path != c.want.Path || got.Domain != c.want.Domain ||
				got.Secure != c.want.Secure || got.SameSite != c.want.SameSite || !got.HttpOnly {
				t.Errorf("%s: got %s", name, got.Raw)
			}
		}
		check(got[0])
		switch life := time.Until(got[0].Expires); {
		case c.life == 0 && !got[0].Expires.IsZero(), got[0].MaxAge != 0:
			t.Errorf("%s: got %s, want one that ends with the browser", name, got[0].Raw)
		case c.life > 0 && (life < c.life-time.Minute || life > c.life):
			t.Errorf("%s: ends in %v, want %v", name, life, c.life)
		}
		if h := w.Header(); h.Get("Cache-Control") != "no-store" || h.Get("Vary") != "Cookie" {
			t.Errorf("%s: a cache may keep the cookie: %v", name, h)
		}
		w = httptest.NewRecorder() // B08
		if err := k.End(t.Context(), w, &record); err != nil {
			t.Fatal(err)
		}
		got = w.Result().Cookies()
		if len(got) != 1 || got[0].MaxAge >= 0 || got[0].Value != "" {
			t.Fatalf("%s: End sets %v, want one cookie that is over", name, got)
		}
		check(got[0])
	}
}

// The cookies beside it are not Node's, so they are as ours are.
func TestCookieBeside(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		o    express.Options
		want string
	}{
		{express.Options{}, "__Host-connect.sid-flash=; Path=/; HttpOnly; Secure; SameSite=Lax"},
		{express.Options{Name: "__Host-sid"}, "__Host-sid-flash=; Path=/; HttpOnly; Secure; SameSite=Lax"},
		{express.Options{Domain: "example.com", Path: "/app", SameSite: http.SameSiteNoneMode}, "__Host-connect.sid-flash=; Path=/; HttpOnly; Secure; SameSite=Lax"},
		{express.Options{InsecureHTTP: true}, "connect.sid-flash=; Path=/; HttpOnly; SameSite=Lax"},
	} {
		if got := keeper(t, newMemory(), &c.o).Cookie("flash").String(); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

// FuzzCookie: whatever a browser sends is an id that the secret signed, or
// nothing.
func FuzzCookie(f *testing.F) {
	f.Add("connect.sid=" + signed)
	for _, value := range badCookies {
		f.Add("connect.sid=" + value)
	}
	f.Add("a=b; connect.sid=" + signed + ";; connect.sid=x;=;")
	f.Fuzz(func(t *testing.T, header string) {
		table := newMemory(row(session("")))
		k := keeper(t, table, nil)
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		r.Header.Set("Cookie", header)
		_, ok, err := k.Load(r)
		if err != nil {
			t.Fatal(err)
		}
		if ok != slices.Contains(table.calls, "Find") {
			t.Errorf("asked the table without a signature: %q", header)
		}
		if ok && !strings.Contains(header, nodeID[:8]) && !strings.Contains(header, "%") {
			t.Errorf("let in without the id: %q", header)
		}
	})
}
