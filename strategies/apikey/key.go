package apikey

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"hash/crc32"
	"strings"
	"time"
)

// A Key is what the application stores of an API key, in a row with its owner
// and a unique index on ID. Nothing in it can be used as a key.
//
// The hash is a plain SHA-256. A password needs a slow one because people
// choose few passwords, and a thief of the table tries them all; a key has 256
// random bits, which nobody tries, and is checked in every request.
type Key struct {
	ID       string    // 16 characters; no secret, and fit to be shown and logged
	Hash     [32]byte  // SHA-256 of the whole key
	Expires  time.Time // zero: never
	LastUsed time.Time // zero: never; at most Options.UsedEvery old
}

const (
	idChars     = 16
	secretChars = 52 // of base32: 260 bits, more than the 256 that are asked for
	sumChars    = 7
	tailChars   = 1 + idChars + 1 + secretChars + sumChars
	maxPrefix   = 32
)

// Generate makes a key, to be shown to its owner once, and what to store of
// it. Its shape is
//
//	acme_live_FQ2LGQ7ZPXKM5WZ6_…52 characters…CHECKSM
//
// The prefix says whose key it is, so that scanners for secrets find one that
// was published: give them the expression that [Pattern] returns. The
// checksum, of 32 bits, tells them a key from what looks like one. It panics on
// a prefix that is not of a letter and up to 31 letters, digits and
// underscores.
func Generate(prefix string, expires time.Time) (key string, stored Key) {
	mustPrefix(prefix)
	id := rand.Text()[:idChars]
	key = prefix + "_" + id + "_" + rand.Text() + rand.Text()
	key += checksum(key)
	return key, Key{ID: id, Hash: sha256.Sum256([]byte(key)), Expires: expires}
}

// Pattern is a regular expression for keys with the prefix, as scanners for
// secrets take it.
func Pattern(prefix string) string {
	mustPrefix(prefix)
	return prefix + `_[A-Z2-7]{16}_[A-Z2-7]{59}`
}

// checksum catches what was mistyped or made up, at no cost. It keeps nobody
// out.
func checksum(s string) string {
	sum := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(s)))
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum)
}

// parse finds the id of a well-formed key.
func parse(prefix, key string) (id string, ok bool) {
	tail, ok := strings.CutPrefix(key, prefix)
	if !ok || len(tail) != tailChars || tail[0] != '_' || tail[1+idChars] != '_' {
		return "", false
	}
	body := len(key) - sumChars
	if checksum(key[:body]) != key[body:] {
		return "", false
	}
	id, secret := tail[1:1+idChars], tail[1+idChars+1:]
	return id, isBase32(id) && isBase32(secret)
}

func isBase32(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'A' || c > 'Z') && (c < '2' || c > '7') {
			return false
		}
	}
	return true
}

func mustPrefix(prefix string) {
	ok := prefix != "" && len(prefix) <= maxPrefix
	for i := range len(prefix) {
		c := prefix[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		ok = ok && (letter || i > 0 && ('0' <= c && c <= '9' || c == '_'))
	}
	if !ok {
		panic("apikey: a prefix begins with a letter and has up to 32 letters, digits and underscores, such as acme_live")
	}
}
