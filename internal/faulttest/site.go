package faulttest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
)

// A user's stamp changes with the password.
type user struct {
	id    string
	stamp int
}

func (u *user) key() string { return u.id }

// users is the application's table of them, which all servers in this process
// share. Everybody has an account.
type users struct {
	mu     sync.Mutex
	stamps map[string]int
	found  func(id string) // called at a sign-in, once the user is found
}

func newUsers() *users { return &users{stamps: make(map[string]int)} }

func (us *users) byID(_ context.Context, id string) (*user, error) {
	us.mu.Lock()
	defer us.mu.Unlock()
	return &user{id, us.stamps[id]}, nil
}

// changePassword returns the user with the new stamp.
func (us *users) changePassword(id string) *user {
	us.mu.Lock()
	defer us.mu.Unlock()
	us.stamps[id]++
	return &user{id, us.stamps[id]}
}

// onFound sets a hook.
func (us *users) onFound(f func(id string)) {
	us.mu.Lock()
	defer us.mu.Unlock()
	us.found = f
}

func (us *users) signIn(r *http.Request) (res passport.Result[*user], err error) {
	id := r.PostFormValue("user")
	if id == "" {
		return res.Pass()
	}
	u, _ := us.byID(r.Context(), id)
	us.mu.Lock()
	found := us.found
	us.mu.Unlock()
	if found != nil {
		found(id)
	}
	return res.Success(u)
}

// A site is the application that the tests use.
type site struct {
	*passport.Authenticator[*user]
	http.Handler
	manager *sessions.Manager
	users   *users
	log     *corruptions
}

// refresh is short, so that a session that is only read is written often.
const refresh = time.Second

func newSite(store sessions.Store, us *users) *site {
	s := &site{users: us, log: new(corruptions)}
	logger := slog.New(slog.NewTextHandler(s.log, nil))
	s.manager = sessions.New(store, &sessions.Options{Refresh: refresh, Logger: logger})
	s.Authenticator = passport.New(passport.Config[*user]{
		Serializer: passport.StampBy(passport.SerializeBy((*user).key, us.byID), func(u *user) string { return strconv.Itoa(u.stamp) }),
		Sessions:   s.manager,
		Secrets:    [][]byte{[]byte("every server has the same secret")},
		Logger:     logger,
	})
	s.UseFunc("name", us.signIn)
	mux := http.NewServeMux()
	mux.Handle("POST /login", s.LoginHandler("name", &passport.LoginOptions{
		Remember: func(r *http.Request) bool { return r.PostFormValue("remember") != "" },
	}))
	mux.Handle("POST /logout", waits(s.LogoutHandler(nil)))
	mux.HandleFunc("GET /whoami", s.whoami)
	mux.Handle("POST /set", waits(http.HandlerFunc(s.set)))
	mux.HandleFunc("GET /get", func(w http.ResponseWriter, r *http.Request) {
		v, _ := sessions.Key[string](r.FormValue("key")).Get(s.Session(r.Context()))
		_, _ = io.WriteString(w, v)
	})
	mux.HandleFunc("POST /password", s.password)
	s.Handler = withDeadline(s.Authenticator.Handler(mux))
	return s
}

// nobody is what the site calls a stranger.
const nobody = "nobody"

func (s *site) whoami(w http.ResponseWriter, r *http.Request) {
	name := nobody
	if u, ok := s.User(r.Context()); ok {
		name = u.id
	}
	_, _ = io.WriteString(w, name)
}

func (s *site) set(w http.ResponseWriter, r *http.Request) {
	err := s.UpdateSession(w, r, func(ses *sessions.Session) error {
		return ses.Set(r.FormValue("key"), r.FormValue("value"))
	})
	s.answer(w, r, err)
}

// password changes the password: the other sessions end, this one gets a new id.
func (s *site) password(w http.ResponseWriter, r *http.Request) {
	u, ok := s.User(r.Context())
	if !ok {
		s.Refuse(w, r, passport.ErrForbidden)
		return
	}
	err := s.Login(w, r, s.users.changePassword(u.id), nil)
	if err == nil {
		_, err = s.manager.RevokeOthers(r.Context(), u.id, s.Session(r.Context()).Record().ID)
	}
	s.answer(w, r, err)
}

func (s *site) answer(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
		return
	case errors.Is(err, sessions.ErrGone):
		err = &passport.Failure{Code: passport.CodeSessionEnded, Err: err}
	case errors.Is(err, sessions.ErrConflict):
		err = &passport.Failure{Code: "conflict", Status: http.StatusConflict, Err: err}
	default:
		err = &passport.Failure{Code: passport.CodeUnavailable, Status: http.StatusServiceUnavailable, Err: err}
	}
	s.Refuse(w, r, err)
}

// waits makes a handler wait for the end of the request's body: so the client
// says when a request, whose session is loaded, goes on.
func waits(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		next.ServeHTTP(w, r)
	})
}

// deadlineHeader has the time that a request may take.
const deadlineHeader = "X-Deadline"

func withDeadline(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d, err := time.ParseDuration(r.Header.Get(deadlineHeader)); err == nil {
			ctx, cancel := context.WithTimeout(r.Context(), d)
			defer cancel()
			r = r.WithContext(ctx)
		}
		next.ServeHTTP(w, r)
	})
}

// corruptions is a log that counts the sessions that were ended because they
// cannot be decoded.
type corruptions struct{ n atomic.Int64 }

func (c *corruptions) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("cannot be decoded")) {
		c.n.Add(1)
	}
	return len(line), nil
}

var errNoDatabase = errors.New("faulttest: no such database")
