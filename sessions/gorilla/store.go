package gorilla

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	gorilla "github.com/gorilla/sessions"

	"github.com/gopassport/passport/sessions"
)

// A Store is a gorilla Store over our sessions. Each of gorilla's sessions is
// one value of the browser's session, under [Key] of its name, so that what
// holds for the one holds for the other: it is kept on the server, it ends
// with the sign-in, and a new sign-in drops it unless [Key] is among the keys
// to keep.
//
// Of a session's Options only a negative MaxAge counts: Save then deletes the
// values of that name, whoever changed them since Get, and signs nobody out.
// The cookie is the Keeper's.
//
// Save writes only what changed since Get, one entry of Values at a time: two
// requests that change different entries both keep their change. Where both
// changed the same entry, the later gets [sessions.ErrConflict]; where the
// session has ended, [sessions.ErrGone]. With either, of the values of that
// name nothing is stored; what the handler changed in our session itself is
// saved before them, and stays. Values are encoded by gob, as gorilla's own
// stores do: types of one's own are registered with [gob.Register].
//
// It is safe for concurrent use; what it hands out belongs to the request.
type Store struct {
	keeper  sessions.Keeper
	session func(context.Context) *sessions.Session
}

var _ gorilla.Store = (*Store)(nil)

// NewStore returns a gorilla Store over the sessions of keeper. It panics when
// keeper is nil.
func NewStore(keeper sessions.Keeper) *Store {
	if keeper == nil {
		panic("gorilla: NewStore needs a Keeper, such as a *sessions.Manager")
	}
	return &Store{keeper: keeper}
}

// NewStoreOf returns a gorilla Store over the session that a request has
// already. Below the Handler of an Authenticator it must be the one of the
// Authenticator, so that both see one:
//
//	store := gorilla.NewStoreOf(a.Session)
//
// Outside of the Handler such a session cannot be saved:
// [sessions.ErrNoKeeper]. It panics when session is nil.
func NewStoreOf(session func(context.Context) *sessions.Session) *Store {
	if session == nil {
		panic("gorilla: NewStoreOf needs a function, such as the Session of an Authenticator")
	}
	return &Store{session: session}
}

// Key is where the values of the gorilla session of that name are kept in
// ours, such as for the Keep of a sign-in.
func Key(name string) string { return "gorilla." + name }

// Get returns the request's gorilla session of that name: the same one each
// time. With an error, which says that the store failed or the values do not
// decode, it is a new one.
func (s *Store) Get(r *http.Request, name string) (*gorilla.Session, error) {
	return gorilla.GetRegistry(r).Get(s.visitor(r), name)
}

// New returns a gorilla session that shows what is stored, and is not the one
// that Get returns.
func (s *Store) New(r *http.Request, name string) (*gorilla.Session, error) {
	return s.visitor(r).New(r, name)
}

// Save stores what changed in session. Call it before the first byte of the
// response. What the handler changed in our session itself is saved first.
func (s *Store) Save(r *http.Request, w http.ResponseWriter, session *gorilla.Session) error {
	return s.visitor(r).Save(r, w, session)
}

// visitors is the name under which gorilla's registry, which lives as long as
// the request, keeps the visitor of each Store.
const visitors = "passport.visitor"

// A visitor is the Store within one request.
type visitor struct {
	session *sessions.Session
	err     error // why there is none
	loaded  map[*gorilla.Session]beginning
}

// A beginning is what a gorilla session was loaded from.
type beginning struct {
	id      sessions.ID // of our session
	entries []entry
}

// visitor is the request's own, made when it is first asked for.
func (s *Store) visitor(r *http.Request) *visitor {
	hidden, _ := gorilla.GetRegistry(r).Get(registrar{}, visitors) // never fails
	v, ok := hidden.Values[s].(*visitor)
	if !ok {
		v = &visitor{loaded: make(map[*gorilla.Session]beginning)}
		hidden.Values[s] = v
		if s.session == nil {
			v.session, v.err = sessions.Load(s.keeper, r)
		}
	}
	if s.session != nil {
		v.session = s.session(r.Context()) // a middleware may have come in between
	}
	return v
}

// A registrar makes the session in the registry that holds the visitors, and
// does not save it.
type registrar struct{}

func (g registrar) Get(r *http.Request, name string) (*gorilla.Session, error) { return g.New(r, name) }

func (g registrar) New(_ *http.Request, name string) (*gorilla.Session, error) {
	return gorilla.NewSession(g, name), nil
}

func (registrar) Save(*http.Request, http.ResponseWriter, *gorilla.Session) error { return nil }

// Get implements gorilla's Store for the sessions that the visitor made.
func (v *visitor) Get(r *http.Request, name string) (*gorilla.Session, error) {
	return gorilla.GetRegistry(r).Get(v, name)
}

// New implements gorilla's Store.
func (v *visitor) New(_ *http.Request, name string) (*gorilla.Session, error) {
	g := gorilla.NewSession(v, name)
	g.Options = &gorilla.Options{Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	g.IsNew = true
	if v.err != nil {
		return g, v.err
	}
	stored, err := load(v.session, name)
	if err != nil {
		return g, err
	}
	v.loaded[g] = beginning{v.session.Record().ID, stored}
	if err := decode(stored, g.Values); err != nil {
		clear(g.Values)
		return g, fmt.Errorf("gorilla: session %q: %w", name, err)
	}
	g.IsNew = len(stored) == 0
	return g, nil
}

// saveTries bounds how often Save merges into what others stored meanwhile.
const saveTries = 16

// Save implements gorilla's Store.
func (v *visitor) Save(r *http.Request, w http.ResponseWriter, g *gorilla.Session) error {
	if v.err != nil {
		return v.err
	}
	if g.Options != nil && g.Options.MaxAge < 0 {
		clear(g.Values)
		return v.end(r.Context(), w, g)
	}
	now, err := encode(g.Values)
	if err != nil {
		return fmt.Errorf("gorilla: session %q: %w", g.Name(), err)
	}
	// What else was changed in our session cannot be merged here.
	if err := v.session.Save(r.Context(), w); err != nil {
		return err
	}
	for range saveTries {
		stored, err := load(v.session, g.Name())
		if err != nil {
			stored = nil // it is written over
		}
		// Where this request made the session, or signed somebody in, what it
		// changed goes in, and what it only loaded does not come along.
		began := v.loaded[g]
		merged, clash := merge(began.entries, now, stored)
		if clash && began.id == v.session.Record().ID {
			return sessions.ErrConflict
		}
		if err = v.store(r.Context(), w, g.Name(), stored, merged); err == nil {
			v.loaded[g] = beginning{v.session.Record().ID, now}
			return nil
		}
		if !errors.Is(err, sessions.ErrConflict) {
			return err
		}
	}
	return sessions.ErrConflict
}

// end deletes the values of that name, whatever others stored meanwhile: it is
// how a handler of gorilla's signs somebody out. A conflict of what else was
// changed in our session is told, and does not stop it.
func (v *visitor) end(ctx context.Context, w http.ResponseWriter, g *gorilla.Session) error {
	saved := v.session.Save(ctx, w)
	if saved != nil && !errors.Is(saved, sessions.ErrConflict) {
		return saved
	}
	err := sessions.ErrConflict
	for try := 0; try < saveTries && errors.Is(err, sessions.ErrConflict); try++ {
		v.session.Delete(Key(g.Name()))
		if err = v.session.Save(ctx, w); err != nil {
			v.session.Revert()
		}
	}
	if err == nil {
		v.loaded[g] = beginning{id: v.session.Record().ID}
	}
	return errors.Join(saved, err)
}

// store writes the entries, unless they are what is stored.
func (v *visitor) store(ctx context.Context, w http.ResponseWriter, name string, stored, entries []entry) error {
	if same(stored, entries) {
		return nil
	}
	if len(entries) == 0 {
		v.session.Delete(Key(name))
	} else if err := v.session.Set(Key(name), entries); err != nil {
		return err
	}
	err := v.session.Save(ctx, w)
	if err != nil {
		v.session.Revert()
	}
	return err
}

// load returns the entries that are stored under the name.
func load(s *sessions.Session, name string) ([]entry, error) {
	var stored []entry
	if _, err := s.Get(Key(name), &stored); err != nil {
		return nil, fmt.Errorf("gorilla: session %q: %w", name, err)
	}
	return stored, nil
}
