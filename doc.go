// Package passport authenticates requests to Go web servers, in the manner of
// Passport.js: an [Authenticator] dispatches each request to registered
// strategies and serializes the user they find into a session kept in a
// database.
//
//	a := passport.New(passport.Config[*User]{
//		Serializer: passport.SerializeBy((*User).Key, users.ByID),
//	})
//	a.Use("local", local.New(users.ByName, nil))
//
//	mux.Handle("POST /login", a.LoginHandler("local", nil))
//	mux.Handle("POST /logout", a.LogoutHandler(nil))
//	mux.Handle("GET /account", a.RequireFunc(account))
//	http.ListenAndServe(addr, a.Handler(mux))
//
// A [Strategy] looks at one request and decides, by one verb of [Result]:
// Success, Fail, Redirect or Pass. Only the Authenticator writes the
// response. The zero Result lets nobody in.
//
// Functions of the application speak plain Go: ErrInvalidCredentials,
// ErrNoUser, ErrForbidden, sql.ErrNoRows and a *[Failure] with a status below
// 500 refuse; a context that ended, and an [Unavailable], is 503; anything else
// is broken, 500. What is broken never falls through to another strategy.
//
// Optional abilities are one-method interfaces: a Strategy may be a
// [Navigator], a Serializer a [Stamper], an error [Unavailable]. A
// [sessions.Keeper] may be a [sessions.Once], and have a method
// Cookie(suffix string) *http.Cookie for the cookies beside its own.
package passport
