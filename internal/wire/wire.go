// Package wire is a session record as bytes, for stores that keep nothing
// but bytes.
package wire

import (
	"encoding/binary"
	"fmt"

	"github.com/gopassport/passport/sessions"
)

// A record is one version byte, its id, one byte of flags, its numbers as
// varints, and its strings behind their lengths, Origin's last. Every record
// has one spelling.
const (
	version = 1

	remember = 1 << 0
	origin   = 1 << 1
)

// Encode returns the whole record, Origin included.
func Encode(r sessions.Record) []byte {
	var flags byte
	if r.Remember {
		flags |= remember
	}
	if r.Origin != nil {
		flags |= origin
	}
	b := make([]byte, 0, 160+len(r.User)+len(r.Data)+len(r.Factors)+len(r.Stamp))
	b = append(b, version)
	b = append(b, r.ID[:]...)
	b = append(b, flags)
	for _, n := range numbers(&r) {
		b = binary.AppendVarint(b, *n)
	}
	for _, s := range texts(&r) {
		b = binary.AppendUvarint(b, uint64(len(*s)))
		b = append(b, *s...)
	}
	return b
}

// Decode is the inverse of Encode. A record of another id: ErrNotFound. What
// Encode did not make: an error that wraps [sessions.ErrCorrupt].
func Decode(b []byte, id sessions.ID) (sessions.Record, error) {
	var r sessions.Record
	if len(b) < 2+len(r.ID) || b[0] != version {
		return sessions.Record{}, corrupt("has no version that is known")
	}
	b = b[1+copy(r.ID[:], b[1:]):]
	if r.ID != id {
		return sessions.Record{}, sessions.ErrNotFound
	}
	flags := b[0]
	if flags&^(remember|origin) != 0 {
		return sessions.Record{}, corrupt("has flags that are not known")
	}
	r.Remember = flags&remember != 0
	if flags&origin != 0 {
		r.Origin = new(sessions.Origin)
	}
	b = b[1:]
	for _, n := range numbers(&r) {
		var size int
		if *n, size = binary.Varint(b); size <= 0 || size > 1 && b[size-1] == 0 {
			return sessions.Record{}, corrupt("is cut in a number")
		}
		b = b[size:]
	}
	for _, s := range texts(&r) {
		n, size := binary.Uvarint(b)
		if size <= 0 || size > 1 && b[size-1] == 0 || n > uint64(len(b)-size) {
			return sessions.Record{}, corrupt("is cut in a text")
		}
		*s = string(b[size : size+int(n)])
		b = b[size+int(n):]
	}
	if len(b) > 0 {
		return sessions.Record{}, corrupt("has bytes behind its end")
	}
	return r, nil
}

func corrupt(why string) error {
	return fmt.Errorf("%w: it %s", sessions.ErrCorrupt, why)
}

func numbers(r *sessions.Record) [6]*int64 {
	return [...]*int64{&r.AuthTime, &r.Created, &r.LastSeen, &r.Idle, &r.Absolute, &r.Version}
}

func texts(r *sessions.Record) []*string {
	all := []*string{&r.User, &r.Data, &r.Factors, &r.Stamp}
	if r.Origin != nil {
		all = append(all, &r.Origin.Realm, &r.Origin.Address, &r.Origin.Agent)
	}
	return all
}
