package routers_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	connectrpc "connectrpc.com/connect"
	ginframework "github.com/gin-gonic/gin"
	fiberframework "github.com/gofiber/fiber/v3"
	googlegrpc "google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/examples/internal/process"
	"github.com/gopassport/passport/examples/routers/chi"
	"github.com/gopassport/passport/examples/routers/connect"
	"github.com/gopassport/passport/examples/routers/echo"
	"github.com/gopassport/passport/examples/routers/fiber"
	"github.com/gopassport/passport/examples/routers/gin"
	"github.com/gopassport/passport/examples/routers/grpc"
	"github.com/gopassport/passport/examples/routers/nethttp"
	"github.com/gopassport/passport/examples/routers/site"
)

// serve serves a handler of net/http, and returns where.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// serveFiber serves an application of fiber.
func serveFiber(t *testing.T, app *fiberframework.App) string {
	t.Helper()
	l := listen(t)
	ended := make(chan error, 1)
	go func() { ended <- app.Listener(l, fiberframework.ListenConfig{DisableStartupMessage: true}) }()
	t.Cleanup(func() {
		_ = app.ShutdownWithTimeout(5 * time.Second)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// TestRouters: the site is the same on each of them.
func TestRouters(t *testing.T) {
	t.Parallel()
	ginframework.SetMode(ginframework.TestMode)
	for name, start := range map[string]func(*testing.T) string{
		"net/http": func(t *testing.T) string { return serve(t, nethttp.New(site.New())) },
		"chi":      func(t *testing.T) string { return serve(t, chi.New(site.New())) },
		"gin":      func(t *testing.T) string { return serve(t, gin.New(site.New())) },
		"echo":     func(t *testing.T) string { return serve(t, echo.New(site.New())) },
		"fiber":    func(t *testing.T) string { return serveFiber(t, fiber.New(site.New())) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr := start(t)
			visit(t, addr)
			guard(t, addr)
		})
	}
}

// visit is what somebody does who signs in.
func visit(t *testing.T, addr string) {
	t.Helper()
	c := process.NewClient(addr)
	c.Header.Set("Accept", "text/html")
	step := func(method, path, form string, status int, location, body string) {
		t.Helper()
		res, got := c.Do(t, method, path, form)
		if res.StatusCode != status || res.Header.Get("Location") != location || !strings.Contains(got, body) {
			t.Fatalf("%s %s: got %d %q %s, want %d %q %s", method, path, res.StatusCode, res.Header.Get("Location"), got, status, location, body)
		}
		if status == http.StatusOK && res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s %s: Cache-Control %q", method, path, res.Header.Get("Cache-Control"))
		}
	}
	const right = "username=alice&password=wonderland"
	step("GET", "/account", "", 303, "/login", "")
	step("POST", "/login", "username=alice&password=wrong", 401, "", "")
	step("POST", "/login", right, 303, "/account", "") // where it was on its way to
	step("GET", "/account", "", 200, "", "Hello, alice")
	step("GET", "/api/me", "", 200, "", "alice by session")
	old := c.Cookies["__Host-session"]
	step("POST", "/logout", "", 303, "/", "")
	c.Cookies["__Host-session"] = old
	step("GET", "/account", "", 303, "/login", "")
}

// guard is what programs see, and other origins.
func guard(t *testing.T, addr string) {
	t.Helper()
	for name, test := range map[string]struct {
		method, path string
		header       [2]string
		status       int
		body         string
	}{
		"a key":           {"GET", "/api/me", [2]string{"X-Api-Key", "k-4711"}, 200, "alice by key"},
		"a wrong key":     {"GET", "/api/me", [2]string{"X-Api-Key", "k-4712"}, 401, "invalid-credentials"},
		"nothing":         {"GET", "/api/me", [2]string{}, 401, "no-credentials"},
		"not here":        {"GET", "/account", [2]string{"X-Api-Key", "k-4711"}, 401, "no-credentials"},
		"another origin":  {"POST", "/login", [2]string{"Sec-Fetch-Site", "cross-site"}, 403, "cross-origin"},
		"sign-out by GET": {"GET", "/logout", [2]string{}, 0, ""},
	} {
		c := process.NewClient(addr)
		if test.header[0] != "" {
			c.Header.Set(test.header[0], test.header[1])
		}
		res, body := c.Do(t, test.method, test.path, "")
		if test.status == 0 && res.StatusCode != http.StatusMethodNotAllowed && res.StatusCode != http.StatusNotFound ||
			test.status != 0 && res.StatusCode != test.status || !strings.Contains(body, test.body) {
			t.Errorf("%s: got %d %s, want %d %s", name, res.StatusCode, body, test.status, test.body)
		}
		if res.StatusCode == http.StatusUnauthorized && res.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: a 401 without a challenge", name)
		}
	}
}

// F08: the user is the request's own, on fiber too, which uses its contexts
// again.
func TestFiberSharesNobody(t *testing.T) {
	t.Parallel()
	addr := serveFiber(t, fiber.New(site.New()))
	done := make(chan struct{})
	for i := range 16 {
		go func() {
			defer func() { done <- struct{}{} }()
			for range 50 {
				c := process.NewClient(addr)
				want := http.StatusUnauthorized
				if i%2 == 0 {
					c.Header.Set("X-Api-Key", "k-4711")
					want = http.StatusOK
				}
				if res, body := c.Do(t, "GET", "/api/me", ""); res.StatusCode != want {
					t.Errorf("got %d %s, want %d", res.StatusCode, body, want)
				}
			}
		}()
	}
	for range 16 {
		<-done
	}
}

// A caller calls WhoAmI with a key.
type caller func(ctx context.Context, key string) (name string, err error)

// broken is a site whose strategy is out of order.
func broken() *passport.Authenticator[*site.User] {
	a := passport.New(passport.Config[*site.User]{})
	a.UseFunc("key", func(*http.Request) (res passport.Result[*site.User], err error) {
		return res, errors.New("dial tcp db-7.internal:3306: connection refused")
	})
	return a
}

func TestConnect(t *testing.T) {
	t.Parallel()
	start := func(a *passport.Authenticator[*site.User]) caller {
		client := connectrpc.NewClient[emptypb.Empty, wrapperspb.StringValue](http.DefaultClient, "http://"+serve(t, connect.New(a))+connect.WhoAmI)
		return func(ctx context.Context, key string) (string, error) {
			call := connectrpc.NewRequest(new(emptypb.Empty))
			call.Header().Set("X-Api-Key", key)
			res, err := client.CallUnary(ctx, call)
			if err != nil {
				return "", err
			}
			return res.Msg.GetValue(), nil
		}
	}
	calls(t, start(site.New()), start(broken()), func(err error) string { return connectrpc.CodeOf(err).String() }, "unauthenticated", "unavailable")
}

func TestGRPC(t *testing.T) {
	t.Parallel()
	start := func(a *passport.Authenticator[*site.User]) caller {
		server, l := grpc.New(a), listen(t)
		go func() { _ = server.Serve(l) }()
		t.Cleanup(server.Stop)
		conn, err := googlegrpc.NewClient(l.Addr().String(), googlegrpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return func(ctx context.Context, key string) (string, error) {
			var out wrapperspb.StringValue
			err := conn.Invoke(metadata.AppendToOutgoingContext(ctx, "x-api-key", key), grpc.WhoAmI, new(emptypb.Empty), &out)
			return out.GetValue(), err
		}
	}
	calls(t, start(site.New()), start(broken()), func(err error) string { return status.Code(err).String() }, codes.Unauthenticated.String(), codes.Unavailable.String())
}

// calls: the right key is let through, others are told apart from outages, and
// no cause gets out.
func calls(t *testing.T, call, down caller, code func(error) string, refused, unavailable string) {
	t.Helper()
	if name, err := call(t.Context(), "k-4711"); err != nil || name != "alice" {
		t.Errorf("got %q, %v", name, err)
	}
	for _, key := range []string{"", "k-4712"} {
		if name, err := call(t.Context(), key); name != "" || code(err) != refused {
			t.Errorf("%q: got %q, %v, want %s", key, name, err, refused)
		}
	}
	if name, err := down(t.Context(), "k-4711"); name != "" || code(err) != unavailable || strings.Contains(err.Error(), "db-7") {
		t.Errorf("an outage: got %q, %v, want %s", name, err, unavailable)
	}
}
