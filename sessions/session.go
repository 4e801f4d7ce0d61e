package sessions

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// A Session is one request's view of a record and its values. Nothing is
// stored before Save, which writes only what this request changed, so that
// two requests that change different keys both keep their change.
//
// Its methods may be called at once from several goroutines of the request.
// A Session must not be copied. The zero Session is empty and cannot be
// stored.
type Session struct {
	mu      sync.Mutex
	record  Record
	keeper  Keeper
	changes map[string]change
}

// A change is what Save does to one key.
type change struct {
	value string // JSON
	drop  bool
}

// Open makes s the view of a record that keeper loaded; it is for those who
// hand a Session to handlers. The zero Record is a
// session that is not stored yet.
func (s *Session) Open(keeper Keeper, r Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open(keeper, r)
}

func (s *Session) open(keeper Keeper, r Record) {
	s.keeper, s.record, s.changes = keeper, r, nil
}

// Load returns the session of a request's cookie; an empty one for a
// stranger. It is for programs that keep sessions without an Authenticator.
func Load(keeper Keeper, r *http.Request) (*Session, error) {
	record, _, err := keeper.Load(r)
	if err != nil {
		return nil, err
	}
	s := new(Session)
	s.Open(keeper, record)
	return s, nil
}

// Record is the record as it was loaded or last stored.
func (s *Session) Record() Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.record
}

// Handle is the public name of the stored session; empty when it is not
// stored.
func (s *Session) Handle() string {
	if r := s.Record(); r.Version > 0 {
		return r.ID.Handle()
	}
	return ""
}

// Changed tells whether there are changes that Save has not stored.
func (s *Session) Changed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.changes) > 0
}

// Get decodes the value of key into v, as encoding/json does, and tells
// whether there is one. See [Key] for the typed way.
func (s *Session) Get(key string, v any) (bool, error) {
	s.mu.Lock()
	value, ok := s.value(key)
	s.mu.Unlock()
	if !ok {
		return false, nil
	}
	return true, unmarshal(value, v)
}

// Set changes the value of key to the JSON of v. Save stores it.
func (s *Session) Set(key string, v any) error {
	value, err := json.Marshal(v)
	if err != nil {
		return err
	}
	s.change(key, change{value: string(value)})
	return nil
}

// Delete removes the value of key. Save stores that.
func (s *Session) Delete(key string) { s.change(key, change{drop: true}) }

// Revert drops the changes that Save has not stored.
func (s *Session) Revert() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes = nil
}

func (s *Session) change(key string, c change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changes == nil {
		s.changes = make(map[string]change)
	}
	s.changes[key] = c
}

// value is the JSON of key, with the changes of this request.
func (s *Session) value(key string) (string, bool) {
	if c, ok := s.changes[key]; ok {
		return c.value, !c.drop
	}
	return find(s.record.Data, key)
}

// saveTries bounds how often Save merges into what others stored meanwhile.
const saveTries = 16

// Save stores the changes of this request. An unchanged session is not
// written. A session that was not stored yet gets an id, and its cookie is
// set on w: call Save before the first byte of the response. For a session
// that is stored already w may be nil.
//
// Where another request stored changes meanwhile, those of this one go on
// top, key by key. ErrConflict: both changed the same key, or the session is
// written too often; the session then shows what is stored, and this
// request's changes are dropped. ErrGone: the session has ended, nothing was
// stored. ErrTooLarge: the values exceed MaxData.
func (s *Session) Save(ctx context.Context, w http.ResponseWriter) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.changes) == 0 {
		return nil
	}
	if s.keeper == nil {
		return ErrNoKeeper
	}
	base, record := s.record.Data, s.record
	for try := range saveTries {
		var err error
		if record.Data, err = merge(record.Data, s.changes); err != nil {
			return err
		}
		if record.Version == 0 && record.Data == "" {
			s.changes = nil // there is nothing to make a session for
			return nil
		}
		err = s.keeper.Save(ctx, w, &record)
		if err == nil {
			s.open(s.keeper, record)
			return nil
		}
		if !errors.Is(err, ErrConflict) {
			return err
		}
		if clash(base, record.Data, s.changes) {
			break
		}
		if try%2 == 0 && ctx.Err() == nil {
			continue // what a conflict returned is fresh: use it at once
		}
		if err := pause(ctx, try); err != nil {
			return err
		}
	}
	s.open(s.keeper, record)
	return ErrConflict
}

// Take removes the value of key from the store and then decodes it into v.
// Of any number of requests that take it, one gets it: for messages and codes
// that count once. It stores no other change. False: there is no value, or
// another request took it.
func (s *Session) Take(ctx context.Context, key string, v any) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	value, ok := s.value(key)
	if !ok {
		return false, nil
	}
	if s.keeper == nil && s.record.Version > 0 {
		return false, ErrNoKeeper
	}
	drop := map[string]change{key: {drop: true}}
	left, err := merge(s.record.Data, drop)
	if err != nil {
		return false, err
	}
	won, record := true, s.record
	for try := 0; record.Version > 0; try++ {
		stored, there := find(record.Data, key)
		_, pending := s.changes[key]
		if !there {
			won = pending // then only this request knows the value
			break
		}
		if !pending {
			value = stored
		}
		if record.Data, err = merge(record.Data, drop); err != nil {
			return false, err
		}
		err = s.keeper.Save(ctx, nil, &record)
		if err == nil {
			if try == 0 {
				s.record = record
			} // else Save must still see what others changed since Load
			break
		}
		if !errors.Is(err, ErrConflict) || try == saveTries*saveTries {
			return false, err
		}
		if err := pause(ctx, try); err != nil {
			return false, err
		}
	}
	s.record.Data = left
	delete(s.changes, key)
	if !won {
		return false, nil
	}
	return true, unmarshal(value, v)
}

// Rotate puts next in the place of the stored record, under a new id, in one
// step, and sets its cookie: the way every change of who is signed in is
// made. Of the values only those of the keys in keep are carried over, and
// values are written with them. Changes that were not saved count where keep
// names them, and are dropped otherwise.
//
// When the old record has ended meanwhile: if it belonged to nobody, next is
// created all the same (a double click); if somebody was signed in with it, or
// on the way, ErrGone, since what was decided on its ground does not hold any
// more.
func (s *Session) Rotate(ctx context.Context, w http.ResponseWriter, next Record, keep []string, values map[string]any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keeper == nil {
		return ErrNoKeeper
	}
	fresh := make(map[string]string, len(values))
	for key, v := range values {
		value, err := json.Marshal(v)
		if err != nil {
			return err
		}
		fresh[key] = string(value)
	}
	for try := range saveTries {
		if err := ctx.Err(); err != nil {
			return err
		}
		carried := make(map[string]string, len(keep)+len(fresh))
		for _, key := range keep {
			if value, ok := s.value(key); ok {
				carried[key] = value
			}
		}
		maps.Copy(carried, fresh)
		var err error
		if next.Data, err = encode(carried); err != nil {
			return err
		}
		record := next
		err = s.keeper.Replace(ctx, w, &s.record, &record)
		switch {
		case err == nil:
			s.open(s.keeper, record)
			return nil
		case errors.Is(err, ErrGone) && s.record.User == "" && s.record.AuthTime == 0:
			s.record.Version = 0 // its values were loaded: they are carried all the same
		case !errors.Is(err, ErrConflict):
			return err
		default:
			if err := pause(ctx, try); err != nil {
				return err
			}
		}
	}
	return ErrConflict
}

// End deletes the stored session and expires its cookie. The session is then
// empty, and the next Save makes a new one. With an error s and the cookie are
// as they were, and the record may still be there.
func (s *Session) End(ctx context.Context, w http.ResponseWriter) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keeper == nil {
		return ErrNoKeeper
	}
	if err := s.keeper.End(ctx, w, &s.record); err != nil {
		return err
	}
	s.open(s.keeper, Record{})
	return nil
}

// merge is data with the changes on top.
func merge(data string, changes map[string]change) (string, error) {
	values := decode(data)
	for key, c := range changes {
		if c.drop {
			delete(values, key)
		} else {
			values[key] = c.value
		}
	}
	return encode(values)
}

// clash tells whether a key of the changes differs between base and stored.
func clash(base, stored string, changes map[string]change) bool {
	for key := range changes {
		before, had := find(base, key)
		now, has := find(stored, key)
		if had != has || before != now {
			return true
		}
	}
	return false
}

// pause waits a little, longer with every try and never the same, so that
// writers of one session do not meet again.
func pause(ctx context.Context, try int) error {
	limit := time.Millisecond << min(try, 6)
	timer := time.NewTimer(rand.N(limit))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
