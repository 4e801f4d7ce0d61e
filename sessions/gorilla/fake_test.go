package gorilla_test

import (
	"bytes"
	"crypto/rand"
	"database/sql"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"sync"

	gsessions "github.com/gorilla/sessions"
)

var errDown = errors.New("the database is down")

// A table is a gorilla Store as they are written for databases: an id in a
// cookie, and rows of encoded values. Its fields say in which of their ways it
// differs from the others.
type table struct {
	mu   sync.Mutex
	rows map[string][]byte
	down bool

	updates    bool  // UPDATE of a row that is gone does nothing
	keeps      bool  // knows no deletion: MaxAge does not count
	neverNew   bool  // IsNew is false, and an unknown session no error
	contexts   bool  // obeys the request's context
	json       bool  // keeps values as JSON
	byRequest  bool  // knows a session by the request it was loaded with
	oneCookie  bool  // gives all sessions one id
	noCookie   bool  // sets none
	forgets    bool  // stores nothing
	limit      int   // of a row, in bytes
	noSession  bool  // New returns nil
	refusesNew bool  // New returns an error
	loses      bool  // a change deletes the row
	onlyOne    bool  // has room for one row
	unknown    error // of an id without a row; nil: wraps sql.ErrNoRows

	loaded map[*http.Request]bool
	loads  int // of rows
	saves  int
}

func newTable() *table {
	return &table{rows: make(map[string][]byte), loaded: make(map[*http.Request]bool)}
}

func (s *table) Get(r *http.Request, name string) (*gsessions.Session, error) {
	return gsessions.GetRegistry(r).Get(s, name)
}

func (s *table) New(r *http.Request, name string) (*gsessions.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.noSession {
		return nil, nil
	}
	session := gsessions.NewSession(s, name)
	session.IsNew = !s.neverNew
	c, err := r.Cookie(name)
	if err != nil {
		if s.refusesNew {
			return session, errDown
		}
		return session, nil
	}
	if s.contexts && r.Context().Err() != nil {
		return session, r.Context().Err()
	}
	if s.down {
		return session, errDown
	}
	s.loads++
	session.ID = c.Value
	row, ok := s.rows[session.ID]
	if !ok && s.neverNew {
		return session, nil
	}
	if !ok && s.unknown != nil {
		return session, s.unknown
	}
	if !ok {
		return session, fmt.Errorf("session %s: %w", session.ID, sql.ErrNoRows)
	}
	session.IsNew = false
	s.loaded[r] = true
	return session, s.decode(row, session.Values)
}

func (s *table) Save(r *http.Request, w http.ResponseWriter, session *gsessions.Session) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saves++
	if s.contexts && r.Context().Err() != nil {
		return r.Context().Err()
	}
	if s.down {
		return errDown
	}
	if session.Options.MaxAge < 0 && !s.keeps {
		if s.byRequest && !s.loaded[r] {
			return nil
		}
		delete(s.rows, session.ID)
		http.SetCookie(w, gsessions.NewCookie(session.Name(), "", session.Options))
		return nil
	}
	isNew := session.ID == ""
	if s.byRequest {
		isNew = !s.loaded[r]
	}
	if isNew {
		session.ID = rand.Text()
		if s.oneCookie {
			session.ID = "1"
		}
	}
	row, err := s.encode(session.Values)
	if err != nil {
		return err
	}
	if s.limit > 0 && len(row) > s.limit {
		return errors.New("the value to store is too big")
	}
	_, exists := s.rows[session.ID]
	if s.onlyOne && isNew && len(s.rows) > 0 {
		return errDown
	}
	if s.loses && exists {
		delete(s.rows, session.ID)
	}
	if !s.forgets && (exists || isNew || !s.updates) && !(exists && s.loses) {
		s.rows[session.ID] = row
	}
	if !s.noCookie {
		http.SetCookie(w, gsessions.NewCookie(session.Name(), session.ID, session.Options))
	}
	return nil
}

func (s *table) encode(values map[any]any) ([]byte, error) {
	if s.json {
		m := make(map[string]any)
		for k, v := range values {
			m[k.(string)] = v
		}
		return json.Marshal(m)
	}
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(values)
	return b.Bytes(), err
}

func (s *table) decode(row []byte, values map[any]any) error {
	if s.json {
		m := make(map[string]any)
		err := json.Unmarshal(row, &m)
		for k, v := range m {
			values[k] = v
		}
		return err
	}
	m := make(map[any]any)
	err := gob.NewDecoder(bytes.NewReader(row)).Decode(&m)
	maps.Copy(values, m)
	return err
}

// setDown makes the table fail, or work again.
func (s *table) setDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

func (s *table) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.rows)
}
