package express

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gopassport/passport/sessions"
)

// Members of the stored object that are not values of a session.
const (
	cookieKey   = "cookie"
	passportKey = "passport"
	noteKey     = "gopassport"

	// idKey is only in Record.Data, and has the row's id, which a Record has
	// no other place for.
	idKey = "\x00express"
)

// reserved tells whether a key has no value of the application's.
func reserved(key string) bool {
	switch key {
	case cookieKey, passportKey, noteKey, idKey:
		return true
	// What express-session's Session has of itself, which it takes from no row.
	case "id", "req", "touch", "resetMaxAge", "save", "reload", "destroy", "regenerate":
		return true
	// And what every object of JavaScript has.
	case "constructor", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toLocaleString", "toString", "valueOf",
		"__proto__", "__defineGetter__", "__defineSetter__", "__lookupGetter__", "__lookupSetter__":
		return true
	}
	return false
}

// A stored session is a row and what it says.
type stored struct {
	row    Row
	doc    document
	record sessions.Record
	maxAge time.Duration // 0: the session's cookie has none
}

// A note is what Express has no place for. Node hands it on untouched, in the
// worst case to another session or user, so it says whom it is about.
type note struct {
	About    string `json:"about"`
	Factors  string `json:"factors,omitempty"`
	Stamp    string `json:"stamp,omitempty"`
	AuthTime int64  `json:"authTime,omitempty"` // unix milliseconds, as all times
	Created  int64  `json:"created"`
	Absolute int64  `json:"absolute"`
	Remember bool   `json:"remember,omitempty"`
}

// about binds a note to one session and user, by a hash.
func about(id, user string) string {
	return short("about\x00" + id + "\x00" + user)
}

func short(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// version tells texts apart: no two that meet have one.
func version(text string) int64 {
	sum := sha256.Sum256([]byte(text))
	return int64(binary.BigEndian.Uint64(sum[:])>>1) | 1
}

// id is the key under which the rest of the program knows a row: no cookie.
func (k *Keeper) id(id string) sessions.ID {
	return sha256.Sum256([]byte(k.opts.Name + "\x00" + id))
}

var errCookie = errors.New("express: no cookie in the session")

// read makes sense of a row. With errUser the rest does.
func (k *Keeper) read(row Row) (*stored, error) {
	doc, err := parse(row.Data)
	if err != nil {
		return nil, err
	}
	cookie := doc.find(cookieKey)
	var age struct {
		Original any `json:"originalMaxAge"`
	}
	if !strings.HasPrefix(cookie, "{") || json.Unmarshal([]byte(cookie), &age) != nil {
		return nil, errCookie // of which Node makes nothing either
	}
	s := &stored{row: row, doc: doc}
	if ms, ok := age.Original.(float64); ok && ms >= 1 {
		const century = 100 * 365 * 24 * time.Hour
		s.maxAge = time.Duration(min(ms, float64(century.Milliseconds()))) * time.Millisecond
	}
	user, wrong := k.user(&doc)
	s.record = sessions.Record{ID: k.id(row.ID), Version: version(row.Data), User: user, Idle: row.Expires, Absolute: Never}
	k.recall(s)
	s.record.LastSeen = row.Expires - k.life(s).Milliseconds()
	s.record.Data, err = values(row.ID, &doc)
	if err != nil {
		return nil, err
	}
	return s, wrong
}

// recall takes the session's note, if it is about this session and user. A
// session that Node signed in has none.
func (k *Keeper) recall(s *stored) {
	r := &s.record
	var n note
	raw := s.doc.find(noteKey)
	if json.Unmarshal([]byte(raw), &n) == nil && n.About == about(s.row.ID, r.User) {
		r.Factors, r.Stamp, r.AuthTime = n.Factors, n.Stamp, n.AuthTime
		r.Created, r.Absolute, r.Remember = n.Created, n.Absolute, n.Remember
		return
	}
	if k.opts.StampKey == "" || r.User == "" {
		return
	}
	switch raw := s.doc.find(k.opts.StampKey); {
	case raw == "" || strings.ContainsAny(raw[:1], "ntf{["): // none, or null, a boolean, an object, an array
	case raw[0] == '"':
		var stamp string
		if json.Unmarshal([]byte(raw), &stamp) == nil {
			r.Stamp = short(stamp)
		}
	default:
		r.Stamp = short(raw)
	}
}

// life is how long the session lasts from its last use.
func (k *Keeper) life(s *stored) time.Duration {
	if s.maxAge > 0 {
		return s.maxAge
	}
	return k.opts.Idle
}

// values are those of a session, with the row's id.
func values(id string, doc *document) (string, error) {
	all := make(map[string]json.RawMessage, len(doc.members)+1)
	for _, m := range doc.members {
		if !reserved(m.key) {
			all[m.key] = json.RawMessage(m.value())
		}
	}
	raw, err := json.Marshal(id)
	if err != nil {
		return "", err
	}
	all[idKey] = raw
	return sessions.EncodeValues(all)
}

// rowID is the id that values left in a record.
func rowID(r *sessions.Record) (id string, ok bool) {
	raw, ok := sessions.DecodeValues(r.Data)[idKey]
	return id, ok && json.Unmarshal(raw, &id) == nil
}

// write puts the values of a record into the document of its session.
func write(doc *document, data string) error {
	all := sessions.DecodeValues(data)
	doc.keep(func(key string) bool {
		_, ok := all[key]
		return ok || reserved(key)
	})
	for _, key := range slices.Sorted(maps.Keys(all)) {
		switch {
		case key == idKey:
		case reserved(key):
			return fmt.Errorf("express: a session has no value of the application's under %q, which means something to Node: use another key", key)
		default:
			doc.set(key, string(all[key]))
		}
	}
	return nil
}

// fresh is the document of a new session, as express-session begins one.
func (k *Keeper) fresh(id string, r sessions.Record, maxAge time.Duration, expires int64) (document, error) {
	cookie := struct {
		MaxAge   *int64  `json:"originalMaxAge"`
		Expires  *string `json:"expires"`
		Secure   bool    `json:"secure,omitempty"`
		HTTPOnly bool    `json:"httpOnly"`
		Domain   string  `json:"domain,omitempty"`
		Path     string  `json:"path"`
		SameSite string  `json:"sameSite,omitempty"`
	}{Secure: !k.opts.InsecureHTTP, HTTPOnly: true, Domain: k.opts.Domain, Path: k.opts.Path}
	if maxAge > 0 {
		ms, at := maxAge.Milliseconds(), date(expires)
		cookie.MaxAge, cookie.Expires = &ms, &at
	}
	switch k.opts.SameSite {
	case http.SameSiteLaxMode:
		cookie.SameSite = "lax"
	case http.SameSiteStrictMode:
		cookie.SameSite = "strict"
	case http.SameSiteNoneMode:
		cookie.SameSite = "none"
	}
	doc := document{head: "{", tail: "}"}
	add := func(key string, v any) error {
		raw, err := json.Marshal(v)
		if err == nil {
			doc.set(key, string(raw))
		}
		return err
	}
	if err := add(cookieKey, cookie); err != nil {
		return doc, err
	}
	if r.User != "" {
		user, err := k.kind.write(r.User)
		if err != nil {
			return doc, err
		}
		doc.set(passportKey, `{"user":`+user+`}`)
	}
	err := add(noteKey, note{
		About: about(id, r.User), Factors: r.Factors, Stamp: r.Stamp,
		AuthTime: r.AuthTime, Created: r.Created, Absolute: r.Absolute, Remember: r.Remember,
	})
	if err != nil {
		return doc, err
	}
	return doc, write(&doc, r.Data)
}

// renew moves the end that the document itself states, if it states one.
func renew(s *stored, expires int64) {
	held := s.doc.find(cookieKey)
	cookie, err := parse(held)
	if err != nil || s.maxAge == 0 {
		return
	}
	cookie.set("expires", strconv.Quote(date(expires)))
	s.doc.set(cookieKey, cookie.String())
}

// date is a time as JavaScript's JSON has it.
func date(ms int64) string {
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
}
