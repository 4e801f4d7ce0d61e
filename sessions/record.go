package sessions

import (
	"crypto/sha256"
	"encoding/base64"
	"time"
)

// ID is the key of a record: SHA-256 of the realm, a zero byte and the
// cookie's token. It cannot be turned back into a cookie.
type ID [32]byte

// Handle is the id's public name: safe to show, to log and to put into a
// form, useless as a cookie and as a key. 22 characters of base64url.
func (id ID) Handle() string {
	sum := sha256.Sum256(append([]byte("handle\x00"), id[:]...))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// A Record is a session as it is stored. All times are unix milliseconds, UTC.
// Strings rather than byte slices, so that a copy of a Record shares nothing
// that can change. The order and size of its fields keep a signed-in request
// within its allocation budget.
type Record struct {
	ID      ID
	User    string // serialized user; empty: nobody is signed in
	Data    string // encoded values, see Session; at most MaxData bytes
	Factors string // how the user was authenticated: RFC 8176 amr values, by space
	Stamp   string // short hash of the user's stamp at sign-in

	AuthTime int64 // when the last factor was shown; 0: none was; without a User: somebody is on the way
	Created  int64
	LastSeen int64 // at most one refresh interval old
	Idle     int64 // deadline that moves with use; never beyond Absolute
	Absolute int64 // deadline that does not move
	Version  int64 // 1 at creation, one more with each Update; 0: not stored

	Remember bool    // has the longer lifetimes and a persistent cookie
	Origin   *Origin // never changed once stored; Find may leave it nil
}

// Origin is what a record keeps for its owner's list of sessions, read by
// List alone.
type Origin struct {
	Realm   string // name of the Manager that made the record
	Address string // client address at creation, at most 45 bytes
	Agent   string // User-Agent at creation, at most 256 bytes
}

// Expired tells whether a deadline of the record has come: at the deadline
// itself the record is expired.
func (r *Record) Expired(now time.Time) bool {
	ms := now.UnixMilli()
	return ms >= r.Idle || ms >= r.Absolute
}
