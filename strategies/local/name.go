package local

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Canonical makes one of all spellings of a name that people take for the
// same: Unicode NFKC, lower case, no space around. It is the default of
// [Options.Canonical]; store names in this form, with a unique index, and two
// people cannot register as "Ann" and "ann ".
func Canonical(name string) string {
	name = strings.ToLower(norm.NFKC.String(name))
	return strings.TrimSpace(norm.NFKC.String(name)) // lower case may come apart again
}

// account is the canonical form of a name that can be somebody's.
func (s *Strategy[U]) account(name string) (string, error) {
	if len(name) > s.o.MaxName {
		return "", tooLarge("The name is too long.", "name", int64(s.o.MaxName))
	}
	if !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		// A database might answer such a name with an error of its own.
		return "", bad("The name is not text.", errors.New("local: the name has control characters or is not UTF-8"))
	}
	account := s.o.Canonical(name)
	if account == "" {
		return "", missing("name")
	}
	return account, nil
}
