package redisstore

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math/rand/v2"

	"github.com/gopassport/passport/sessions"
)

// A record is a string: a head of fixed places, which lua/record.lua lists,
// then the origin, then the rest. Find decodes it without copying.
const (
	format   = 1
	remember = 1 // of the flags
	head     = 94
)

var errRecord = errors.New("not a record of this format")

// encode leaves the origin out where r has none: it is an empty one in a new
// record, and in an Update what is stored stays.
func encode(r sessions.Record) []byte {
	var realm string
	var origin []byte
	if o := r.Origin; o != nil {
		realm = o.Realm
		origin = append(text(text(nil, o.Realm), o.Address), o.Agent...)
	}
	b := make([]byte, 0, head+len(origin)+12+len(r.User)+len(r.Factors)+len(r.Stamp)+len(r.Data))
	b = append(b, format, 0)
	if r.Remember {
		b[1] = remember
	}
	b = number(b, r.Version)
	b = binary.BigEndian.AppendUint64(b, rand.Uint64()) // marks this write
	for _, time := range [...]int64{r.LastSeen, r.Idle, r.Absolute, r.AuthTime} {
		b = number(b, time)
	}
	b = append(b, digest(r.User)...)
	b = append(b, digest(realm)...)
	b = number(b, r.Created)
	b = binary.BigEndian.AppendUint32(b, uint32(len(origin)))
	b = append(b, origin...)
	b = text(text(text(b, r.User), r.Factors), r.Stamp)
	return append(b, r.Data...)
}

func number(b []byte, n int64) []byte { return binary.BigEndian.AppendUint64(b, uint64(n)) }

func text(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

// digest stands for a realm or a user in the indexes: of fixed length, and
// nobody's name.
func digest(name string) []byte {
	sum := sha256.Sum256([]byte(name))
	return sum[:16]
}

// decode reads a record, without its id. It shares the memory of value. The
// origin is read when there is one to read it into.
func decode(value string, o *sessions.Origin) (sessions.Record, error) {
	if len(value) < head || value[0] != format || value[1]&^remember != 0 {
		return sessions.Record{}, errRecord
	}
	in := reader{rest: value[2:]}
	r := sessions.Record{Remember: value[1] == remember, Origin: o}
	r.Version = in.number()
	in.take(8) // the write
	r.LastSeen, r.Idle, r.Absolute, r.AuthTime = in.number(), in.number(), in.number(), in.number()
	in.take(32) // the digests
	r.Created = in.number()
	origin := reader{rest: in.text()}
	if o != nil && origin.rest != "" {
		o.Realm, o.Address, o.Agent = origin.text(), origin.text(), origin.rest
	}
	r.User, r.Factors, r.Stamp, r.Data = in.text(), in.text(), in.text(), in.rest
	if in.short || origin.short || r.Version < 1 {
		return sessions.Record{}, errRecord
	}
	return r, nil
}

// A reader takes values off the front of a string.
type reader struct {
	rest  string
	short bool // something was missing
}

func (in *reader) take(n int) string {
	if n > len(in.rest) {
		in.rest, in.short = "", true
		return ""
	}
	taken := in.rest[:n]
	in.rest = in.rest[n:]
	return taken
}

func (in *reader) unsigned(size int) (n uint64) {
	for _, b := range []byte(in.take(size)) {
		n = n<<8 | uint64(b)
	}
	return n
}

func (in *reader) number() int64 { return int64(in.unsigned(8)) }
func (in *reader) text() string  { return in.take(int(in.unsigned(4))) }
