package jwt

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxDepth   = 32  // of nested objects and lists
	maxMembers = 256 // of all objects together
)

// A member is one of a JSON object.
type member struct {
	name  string // without escapes
	value string // as it is written, without the spaces around it
	text  string // all of it, between two commas
}

// scan walks over the members of a JSON object, within the limits, and hands
// them out. It does not tell that they are JSON: what it finds counts once it
// is plain, or a strict decoder has taken its text, without a member twice.
func scan(s string, found func(member)) error {
	first := skip(s, 0) + 1
	if first > len(s) || s[first-1] != '{' {
		return errors.New("its JSON is no object")
	}
	depth, members := 1, 0
	name, begin, value := "", first, 0 // where member and value begin; 0 before the value
	for i := first; i < len(s); i++ {
		switch s[i] {
		case '"':
			last := closing(s, i+1)
			if last < 0 {
				return errors.New("a string of its JSON does not end")
			}
			if value == 0 {
				var ok bool
				if name, ok = text(s[i : last+1]); !ok {
					return errors.New("a name of its JSON is none")
				}
			}
			i = last
		case ':':
			if members++; members > maxMembers {
				return errors.New("its JSON has too many members")
			}
			if value == 0 {
				value = i + 1
			}
		case '{', '[':
			if depth++; depth > maxDepth {
				return errors.New("its JSON is too deep")
			}
		case ',', '}', ']':
			if s[i] != ',' {
				depth--
			}
			if depth > 1 || depth == 1 && s[i] != ',' {
				continue
			}
			switch {
			case value > 0:
				found(member{name, trim(s[value:i]), s[begin:i]})
			case depth > 0 || begin > first || skip(s, begin) < i:
				return errors.New("a member of its JSON is none")
			}
			if depth == 0 {
				if s[i] != '}' || skip(s, i+1) < len(s) {
					return errors.New("its JSON ends with a wrong bracket, or with something behind it")
				}
				return nil
			}
			name, begin, value = "", i+1, 0
		}
	}
	return errors.New("its JSON does not end")
}

// plain tells that m is JSON for certain, as are most: a name and a string of
// ASCII or a whole number, without escapes or spaces.
func (m member) plain() bool {
	value := m.value
	if value == "" || len(m.text) != len(`"":`)+len(m.name)+len(value) {
		return false
	}
	low, high := byte('0'), byte('9')
	if value[0] == '"' {
		value, low, high = value[1:len(value)-1], ' ', '~'
	} else if value[0] == '0' {
		return false
	}
	for i := range len(value) {
		if c := value[i]; c < low || c > high || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// closing is where the string ends whose quote stands before i, or -1.
func closing(s string, i int) int {
	for j := i; ; j++ {
		n := strings.IndexByte(s[j:], '"')
		if n < 0 {
			return -1
		}
		j += n
		back := j
		for s[back-1] == '\\' {
			back--
		}
		if (j-back)%2 == 0 {
			return j
		}
	}
}

func skip(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\t' || s[i] == '\n' || s[i] == '\r') {
		i++
	}
	return i
}

func trim(s string) string {
	s = s[skip(s, 0):]
	for s != "" && skip(s, len(s)-1) == len(s) {
		s = s[:len(s)-1]
	}
	return s
}

// text is the string that a raw value is.
func text(raw string) (string, bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", false
	}
	if strings.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1], true
	}
	b, err := jsontext.AppendUnquote(nil, raw)
	return string(b), err == nil
}

// texts are the strings of a raw value that is a list of them.
func texts(raw string) ([]string, bool) {
	if raw[0] != '[' {
		return nil, false
	}
	var list []string
	return list, json.Unmarshal([]byte(raw), &list) == nil
}

// maxDate is the last second of the year 9999.
const maxDate = 253402300799

// date is the time that a raw value is: a number of seconds since 1970 (RFC
// 7519 section 2), with a fraction or not.
func date(raw string) (time.Time, bool) {
	if raw == "" {
		return time.Time{}, false // an error of strconv costs more than a date
	}
	if n, err := strconv.ParseInt(raw, 10, 64); err == nil {
		return time.Unix(n, 0), n >= 0 && n <= maxDate
	}
	f, err := strconv.ParseFloat(raw, 64)
	if err != nil || !(f >= 0 && f <= maxDate) {
		return time.Time{}, false
	}
	seconds := int64(f)
	return time.Unix(seconds, int64((f-float64(seconds))*1e9)), true
}

// unmarshal decodes claims, by the rules of encoding/json/v2: no member twice,
// valid UTF-8, nothing behind it, names with their case. The error names the
// member and nothing that is in it.
func unmarshal(raw []byte, claims any) error {
	err := json.Unmarshal(raw, claims)
	if e, ok := errors.AsType[*json.SemanticError](err); ok {
		return fmt.Errorf("%w: %.80q is not what the application's struct has there", ErrClaims, string(e.JSONPointer))
	}
	if err != nil {
		return because(ErrClaims, "they are no unambiguous JSON")
	}
	return nil
}
