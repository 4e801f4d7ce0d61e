package gorilla

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"time"

	gorilla "github.com/gorilla/sessions"

	"github.com/gopassport/passport/internal/wire"
	"github.com/gopassport/passport/sessions"
)

// A visit is what one call of the Keeper knows of the browser. The Manager
// hands it to the backend in the context of that call.
type visit struct {
	cookies []string     // of the store, in the request
	id      *sessions.ID // the record that they belong to; nil: not known yet
	found   map[sessions.ID]*place
	made    string // cookie of the store, by the last Commit
	created bool   // by a Commit of a new record
}

type visitKey struct{}

func (v *visit) in(ctx context.Context) context.Context {
	return context.WithValue(ctx, visitKey{}, v)
}

// visitOf is the visit in which the record was found. Its Origin holds the
// cookie, which alone leads nobody to it.
func visitOf(rec *sessions.Record) *visit {
	id := rec.ID
	v := &visit{id: &id}
	if rec.Version > 0 && rec.Origin != nil {
		v.cookies = []string{rec.Origin.Realm}
	}
	return v
}

// mark leaves the cookie in the record that the visit found or made.
func (v *visit) mark(rec *sessions.Record) {
	cookie := v.made
	if p, ok := v.found[rec.ID]; ok && cookie == "" {
		cookie = p.cookie
	}
	rec.Origin = &sessions.Origin{Realm: cookie}
}

// A place is where a record is: gorilla's session, and the request that it
// belongs to, by which some stores know it again.
type place struct {
	session *gorilla.Session
	request *http.Request
	cookie  string
}

func (v *visit) put(id sessions.ID, p *place) {
	if v.found == nil {
		v.found = make(map[sessions.ID]*place)
	}
	v.found[id] = p
}

// A backend keeps bytes in gorilla sessions, one for each record.
type backend struct {
	store    gorilla.Store
	name     string // of the sessions, and so of their cookies
	notFound func(error) bool
	gone     string // what the store says of a session that was deleted
}

// valueKey is the value of the gorilla session that holds the record, in
// base64: a store may write its values as JSON.
const valueKey = "passport"

// open asks the store for the session of a cookie; of none, for a new one.
func (b *backend) open(ctx context.Context, cookie string) (*place, error) {
	r := &http.Request{
		Method: http.MethodGet, URL: &url.URL{Path: "/"}, Header: make(http.Header),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	r = r.WithContext(ctx)
	if cookie != "" {
		r.AddCookie(&http.Cookie{Name: b.name, Value: cookie})
	}
	s, err := b.store.New(r, b.name)
	if s == nil && err == nil {
		err = errors.New("gorilla: the store made no session")
	}
	return &place{session: s, request: r, cookie: cookie}, err
}

// read returns the bytes that the store finds by a cookie. Stores disagree
// about IsNew, so that the value itself tells whether there is one.
func (b *backend) read(ctx context.Context, cookie string) (p *place, value []byte, found bool, err error) {
	p, err = b.open(ctx, cookie)
	if err != nil {
		if b.isNotFound(err) {
			err = nil
		}
		return nil, nil, false, err
	}
	text, ok := p.session.Values[valueKey].(string)
	if !ok {
		return nil, nil, false, nil
	}
	value, err = base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		value = nil // it is there, and no record
	}
	return p, value, true, nil
}

// isNotFound tells an unknown session from a store that fails.
func (b *backend) isNotFound(err error) bool {
	var decoding interface{ IsDecode() bool } // of securecookie
	return errors.As(err, &decoding) && decoding.IsDecode() ||
		errors.Is(err, fs.ErrNotExist) || errors.Is(err, sql.ErrNoRows) ||
		b.gone != "" && err.Error() == b.gone ||
		b.notFound != nil && b.notFound(err)
}

func visitIn(ctx context.Context) *visit {
	v, ok := ctx.Value(visitKey{}).(*visit)
	if !ok {
		return new(visit) // nothing is known of the browser
	}
	return v
}

// Find returns the bytes of the record among those of the visit's cookies.
func (b *backend) Find(ctx context.Context, id sessions.ID) ([]byte, bool, error) {
	v := visitIn(ctx)
	if v.id != nil && *v.id != id {
		return nil, false, nil // a new one
	}
	for _, cookie := range v.cookies {
		p, value, found, err := b.read(ctx, cookie)
		if err != nil {
			return nil, false, err
		}
		if !found {
			continue
		}
		if _, err := wire.Decode(value, id); errors.Is(err, sessions.ErrNotFound) {
			continue // another browser's, or an older one
		}
		v.put(id, p)
		return value, true, nil
	}
	return nil, false, nil
}

// Commit writes into the session that Find found, or else into a new one.
func (b *backend) Commit(ctx context.Context, id sessions.ID, value []byte, expiry time.Time) error {
	v := visitIn(ctx)
	p, ok := v.found[id]
	if !ok {
		var err error
		if p, err = b.open(ctx, ""); err != nil {
			return err
		}
	}
	p.session.Values[valueKey] = base64.RawURLEncoding.EncodeToString(value)
	cookie, err := b.save(p, max(1, int(time.Until(expiry).Seconds())))
	if err != nil {
		return err
	}
	if cookie == "" {
		return errors.New("gorilla: the store set no cookie for the session")
	}
	p.cookie, v.made, v.created = cookie, cookie, !ok
	v.put(id, p)
	return nil
}

// Remove deletes the record's session. Its value goes first, for stores that
// keep the rest.
func (b *backend) Remove(ctx context.Context, id sessions.ID) error {
	v := visitIn(ctx)
	p, found := v.found[id]
	var err error
	switch {
	case !found:
		_, found, err = b.Find(ctx, id)
		p = v.found[id]
	case p.request.Context().Err() != nil: // of an earlier call, which is over
		p, _, found, err = b.read(ctx, p.cookie)
	}
	if !found {
		return err
	}
	delete(p.session.Values, valueKey)
	_, err = b.save(p, -1)
	return err
}

// maxCookie is what browsers keep of a cookie's name and value.
const maxCookie = 4096

// save lets the store save, and returns the cookie that it sets. The
// attributes are those of ours, for stores that look at them.
func (b *backend) save(p *place, maxAge int) (string, error) {
	p.session.Options = &gorilla.Options{
		Path: "/", MaxAge: maxAge, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	w := response{header: make(http.Header)}
	if err := b.store.Save(p.request, w, p.session); err != nil {
		return "", err
	}
	cookie := ""
	for _, c := range (&http.Response{Header: w.header}).Cookies() {
		if c.Name == b.name {
			cookie = c.Value
		}
	}
	if len(b.name)+len(cookie) > maxCookie {
		return "", sessions.ErrTooLarge
	}
	return cookie, nil
}

// A response takes the store's cookie, and goes nowhere.
type response struct{ header http.Header }

func (w response) Header() http.Header       { return w.header }
func (response) Write(b []byte) (int, error) { return len(b), nil }
func (response) WriteHeader(int)             {}
