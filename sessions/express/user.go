package express

import (
	"encoding/json"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// An IDKind is what Passport.js keeps of a user. It is said, never guessed:
// user 7 and user "7" may be two people. The zero IDKind is none.
type IDKind int

// The kinds.
const (
	StringID IDKind = iota + 1 // passport.user is a JSON string
	NumberID                   // passport.user is a whole JSON number that JavaScript holds exactly
)

// errUser: the row has a user of another kind than New was told. Nobody is
// signed in then.
var errUser = errors.New("express: passport.user is not of the kind that New was given")

// user is passport.user, as a string.
func (k *Keeper) user(doc *document) (string, error) {
	held := doc.find(passportKey)
	passport, err := parse(held)
	if err != nil {
		return "", nil //nolint:nilerr // no object: Passport.js sees nobody in it either
	}
	switch raw := passport.find("user"); raw {
	case "", "null", "false", `""`:
		return "", nil
	default:
		if user, ok := k.kind.read(raw); ok {
			return user, nil
		}
		return "", errUser
	}
}

var wholeNumber = regexp.MustCompile(`^(0|-?[1-9][0-9]{0,15})$`)

// exact is the largest whole number n so that JavaScript tells n from n+1.
const exact = 1<<53 - 1

// isNumber tells whether both sides mean the same by the number.
func isNumber(s string) bool {
	n, err := strconv.ParseInt(s, 10, 64)
	return err == nil && wholeNumber.MatchString(s) && -exact <= n && n <= exact
}

// read is the id in the JSON of passport.user.
func (kind IDKind) read(raw string) (id string, ok bool) {
	if kind == NumberID {
		return raw, isNumber(raw)
	}
	ok = json.Unmarshal([]byte(raw), &id) == nil
	// U+FFFD stands for anything that Go's strings do not hold, and so for two
	// people.
	return id, ok && id != "" && !strings.ContainsRune(id, utf8.RuneError)
}

// write is the inverse of read, which refuses what JSON does not bring back.
func (kind IDKind) write(id string) (string, error) {
	if kind == NumberID {
		if !isNumber(id) {
			return "", errors.New("express: the serialized user is no whole number that JavaScript holds exactly")
		}
		return id, nil
	}
	raw, err := json.Marshal(id)
	return string(raw), err
}
