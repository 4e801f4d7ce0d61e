package apps_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
)

// cart is what somebody wants to buy, signed in or not.
const cart = sessions.Key[[]string]("cart")

// newShop keeps a cart in the session, which a sign-in carries over.
func newShop(people *People) http.Handler {
	a := passport.New(config(people))
	a.Use("local", byPassword(people))
	mux := http.NewServeMux()
	mux.Handle("POST /login", a.LoginHandler("local", &passport.LoginOptions{Keep: []string{string(cart)}}))
	mux.HandleFunc("POST /cart", func(w http.ResponseWriter, r *http.Request) {
		if err := a.UpdateSession(w, r, func(s *sessions.Session) error {
			items, _ := cart.Get(s)
			return cart.Set(s, append(items, r.PostFormValue("item")))
		}); err != nil {
			a.Refuse(w, r, err)
		}
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		items, _ := cart.Get(a.Session(r.Context()))
		user, ok := a.User(r.Context())
		if ok {
			write(w, user.Name, ": ")
		}
		write(w, strings.Join(items, ", "))
	})
	return a.Handler(mux)
}

func TestShop(t *testing.T) {
	t.Parallel()
	v := visit(t, handler(newShop(newPeople())))
	v.sees("POST /cart item=tea", "/cart ")
	v.sees("POST /cart item=milk", "/cart ")
	v.sees("GET /", "/ tea, milk")
	v.sees("POST /login username=ann&password=wonderland-wonderland", "/ ann: tea, milk")

	// Two tabs at once: nothing is lost.
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() { v.sees(fmt.Sprintf("POST /cart item=%d", i), "/cart ") })
	}
	wg.Wait()
	res, err := v.client.Get(v.site + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.ContentLength != int64(len("ann: tea, milk")+8*len(", 0")) {
		t.Errorf("%d bytes of cart", res.ContentLength)
	}
}
