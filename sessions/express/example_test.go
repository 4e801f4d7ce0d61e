package express_test

import (
	"fmt"
	"net/http/httptest"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/express"
)

func Example() {
	// A site has express.MySQL(db, nil) here, and the secrets of its
	// express-session.
	table := newMemory(row(`{` + cookieMember + `,"passport":{"user":7},"cart":["tea"]}`))
	keeper, err := express.New(table, express.NumberID, []string{"a long secret of express-session, 32 bytes and more"}, nil)
	if err != nil {
		panic(err)
	}

	// passport.Config has Sessions: keeper, and does the rest.
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Cookie", "connect.sid=s%3AQ2hhbmdlIG1lIHdoZW4geW91IGNhbg_-.uawXJywfzzZnV7kcdRmf7B3ack%2BAXjh6qBkPJ9ky9Z8")
	session, err := sessions.Load(keeper, r)
	if err != nil {
		panic(err)
	}
	cart := sessions.Key[[]string]("cart")
	items, _ := cart.Get(session)
	fmt.Println(session.Record().User, items)

	if err := cart.Set(session, append(items, "cake")); err != nil {
		panic(err)
	}
	if err := session.Save(r.Context(), httptest.NewRecorder()); err != nil {
		panic(err)
	}
	fmt.Println(table.rows[nodeID].Data)
	// Output:
	// 7 [tea]
	// {"cookie":{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"},"passport":{"user":7},"cart":["tea","cake"]}
}
