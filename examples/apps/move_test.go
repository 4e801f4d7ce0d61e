package apps_test

import (
	"net/http"
	"testing"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
)

// newMoved is an Express application, line by line. Each line of it is the
// comment above what it has become.
func newMoved(people *People) http.Handler {
	// app.use(session({ store: new MySQLStore(options), cookie: { maxAge: 86400000 } }))
	c := config(people)
	c.Sessions = sessions.New(sessions.NewMemoryStore(nil), &sessions.Options{Logger: c.Logger}) // or sqlstore.New(db, …)
	c.Secrets = [][]byte{[]byte("what all instances of the site know")}

	// passport.serializeUser((user, done) => done(null, user.id))
	// passport.deserializeUser((id, done) => User.findById(id, done))
	c.Serializer = passport.SerializeBy((*Person).Key, people.ByID)
	a := passport.New(c)

	// passport.use(new LocalStrategy((username, password, done) => {
	//   User.findOne({ username }, (err, user) => {
	//     if (err) return done(err)
	//     if (!user) return done(null, false)
	//     bcrypt.compare(password, user.hash, (err, ok) => done(err, ok && user))
	//   })
	// }))
	a.Use("local", byPassword(people))

	mux := http.NewServeMux()

	// app.post('/login', passport.authenticate('local', {
	//   successReturnToOrRedirect: '/', failureRedirect: '/login' }))
	mux.Handle("POST /login", a.LoginHandler("local", &passport.LoginOptions{SuccessRedirect: "/", FailureRedirect: "/login"}))

	// app.post('/logout', (req, res, next) => req.logout(err => err ? next(err) : res.redirect('/login')))
	mux.Handle("POST /logout", a.LogoutHandler(&passport.LogoutOptions{Redirect: "/login"}))

	// app.get('/', ensureLoggedIn('/login'), (req, res) => res.send('Hello ' + req.user.name))
	mux.Handle("GET /{$}", a.RequireFunc(hello))

	// app.get('/api/me', passport.authenticate('session'), (req, res) =>
	//   req.isAuthenticated() ? res.json(req.user.name) : res.sendStatus(401))
	mux.HandleFunc("GET /api/me", func(w http.ResponseWriter, r *http.Request) {
		user, ok := a.User(r.Context())
		if !ok {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		write(w, user.Name)
	})

	// app.post('/visits', (req, res) => { req.session.visits = (req.session.visits || 0) + 1; res.send(...) })
	visits := sessions.Key[int]("visits")
	mux.HandleFunc("POST /visits", func(w http.ResponseWriter, r *http.Request) {
		n := 0
		if err := a.UpdateSession(w, r, func(s *sessions.Session) error {
			n, _ = visits.Get(s)
			n++
			return visits.Set(s, n)
		}); err != nil {
			a.Refuse(w, r, err)
			return
		}
		write(w, "visit ", string(rune('0'+n)))
	})
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, _ *http.Request) { write(w, "Sign in") })

	// app.use(passport.initialize()); app.use(passport.session())
	return a.Handler(mux)
}

// home is the smallest site with a sign-in.
func home(a *passport.Authenticator[*Person]) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /login", a.LoginHandler("local", &passport.LoginOptions{FailureRedirect: "/login"}))
	mux.Handle("POST /logout", a.LogoutHandler(&passport.LogoutOptions{Redirect: "/login"}))
	mux.Handle("GET /{$}", a.RequireFunc(hello))
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, _ *http.Request) { write(w, "Sign in") })
	return a.Handler(mux)
}

func TestMoved(t *testing.T) {
	t.Parallel()
	v := visit(t, handler(newMoved(newPeople())))
	v.sees("GET /", "/login Sign in")
	v.sees("GET /api/me", "401 /api/me ")
	v.sees("POST /login username=ann&password=wrong", "/login Sign in")
	v.sees("POST /login username=ann&password=wonderland-wonderland", "/ Hello ann")
	v.sees("GET /api/me", "/api/me ann")
	v.sees("POST /visits", "/visits visit 1")
	v.sees("POST /visits", "/visits visit 2")
	v.sees("POST /logout", "/login Sign in")
	v.sees("GET /", "/login Sign in")
}
