package apps_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/gopassport/passport"
)

type tenantKey struct{}

// newTenants serves one site for each host name, each with people of its own
// and its own way to sign in. The strategy is a function that chooses.
func newTenants(tenants map[string]*People, ways map[string]passport.Strategy[*Person]) http.Handler {
	a := passport.New(passport.Config[*Person]{
		Serializer: tenantIDs{tenants},
		Logger:     config(nil).Logger,
	})
	a.UseFunc("tenant", func(r *http.Request) (res passport.Result[*Person], err error) {
		s, ok := ways[tenantOf(r.Context())]
		if !ok {
			return res.Pass()
		}
		return s.Authenticate(r)
	})
	mux := http.NewServeMux()
	mux.Handle("POST /login", a.LoginHandler("tenant", nil))
	mux.Handle("GET /{$}", a.RequireFunc(func(w http.ResponseWriter, r *http.Request, p *Person) {
		write(w, p.Name, " of ", tenantOf(r.Context()))
	}))
	inner := a.Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		tenant := strings.TrimSuffix(host, ".example.com")
		inner.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), tenantKey{}, tenant)))
	})
}

func tenantOf(ctx context.Context) string {
	tenant, _ := ctx.Value(tenantKey{}).(string)
	return tenant
}

// tenantIDs keeps tenant and user in the session, so that a cookie that is
// taken to another tenant is nobody's there.
type tenantIDs struct{ tenants map[string]*People }

func (s tenantIDs) Serialize(ctx context.Context, p *Person) (string, error) {
	return tenantOf(ctx) + "/" + p.ID, nil
}

func (s tenantIDs) Deserialize(ctx context.Context, id string) (*Person, error) {
	tenant, user, _ := strings.Cut(id, "/")
	if people, ok := s.tenants[tenant]; ok && tenant == tenantOf(ctx) {
		return people.ByID(ctx, user)
	}
	return nil, passport.ErrNoUser
}

func TestTenants(t *testing.T) {
	t.Parallel()
	red, blue := newPeople(), newPeople()
	blue.rows[0].Name = "zoe"
	v := visit(t, handler(newTenants(map[string]*People{"red": red, "blue": blue}, map[string]passport.Strategy[*Person]{
		"red": byPassword(red),
		"blue": passport.Credentials(passport.HeaderCredential("X-Badge"), func(ctx context.Context, badge string) (*Person, error) {
			return blue.ByID(ctx, strings.TrimPrefix(badge, "badge-"))
		}),
	})))
	v.header.Set("Accept", "application/json")
	at := func(tenant string) { v.header.Set("Host", tenant+".example.com") }
	v.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	at("red")
	v.sees("POST /login username=ann&password=wonderland-wonderland", "303 /login ")
	v.sees("GET /", "/ ann of red")
	at("blue") // where user 1 is somebody else
	v.sees("GET /", "401 / no-credentials")
	v.sees("POST /login username=ann&password=wonderland-wonderland", "401 /login no-credentials")
	v.header.Set("X-Badge", "badge-1")
	v.sees("POST /login", "303 /login ")
	v.sees("GET /", "/ zoe of blue")
	at("green")
	v.sees("POST /login", "401 /login no-credentials")
}
