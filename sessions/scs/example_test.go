package scs_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"github.com/alexedwards/scs/v2/memstore"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/scs"
)

func Example() {
	// Any store of scs: mysqlstore.New(db), goredisstore.New(client), ...
	store := scs.New(memstore.New(), nil)
	manager := sessions.New(store, nil) // Config.Sessions of an Authenticator

	session, err := sessions.Load(manager, httptest.NewRequest("GET", "/", nil))
	if err != nil {
		panic(err)
	}
	w := httptest.NewRecorder()
	err = session.Rotate(context.Background(), w, sessions.Record{User: "alice"}, nil, nil)
	fmt.Println(w.Result().Cookies()[0].Name, err)

	list, err := manager.List(context.Background(), "alice")
	fmt.Println(len(list), err)
	// Output:
	// __Host-session <nil>
	// 1 <nil>
}
