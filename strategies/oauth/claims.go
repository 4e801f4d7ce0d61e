package oauth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Claims is a JSON object that a provider sent. Numbers are [json.Number].
type Claims map[string]any

// String is the member of that very name if it is a string; empty otherwise.
func (c Claims) String(name string) string {
	s, _ := c[name].(string)
	return s
}

// Integer is the member as it is written if it is a positive integer; empty
// otherwise.
func (c Claims) Integer(name string) string {
	n, _ := c[name].(json.Number)
	if n == "" || n[0] == '0' || strings.Trim(string(n), "0123456789") != "" {
		return ""
	}
	return string(n)
}

// Bool is the member if it is a boolean; ok tells that.
func (c Claims) Bool(name string) (value, ok bool) {
	value, ok = c[name].(bool)
	return value, ok
}

// Object is the member if it is an object; nil otherwise.
func (c Claims) Object(name string) Claims {
	o, _ := c[name].(map[string]any)
	return o
}

// List has the objects in the member, if it is a list.
func (c Claims) List(name string) []Claims {
	list, _ := c[name].([]any)
	return objects(list)
}

func objects(list []any) (all []Claims) {
	for _, item := range list {
		if o, ok := item.(map[string]any); ok {
			all = append(all, o)
		}
	}
	return all
}

// Identity is who the standard claims of OpenID Connect tell of (Core section
// 5.1), without an issuer.
func (c Claims) Identity() *Identity {
	return &Identity{
		Subject: c.String("sub"),
		Email:   c.String("email"), EmailStatus: c.email(),
		Name: c.String("name"), Username: c.String("preferred_username"), Picture: c.String("picture"),
		Claims: c,
	}
}

// email is the status that a standard email_verified claim tells. The string
// "true" is no true.
func (c Claims) email() EmailStatus {
	switch yes, ok := c.Bool("email_verified"); {
	case !ok:
		return EmailUnknown
	default:
		return verified(yes)
	}
}

// maxDepth bounds the nesting of JSON.
const maxDepth = 32

// ParseJSON parses one JSON value more strictly than [json.Unmarshal] does: it
// has to be UTF-8, no member of an object may be repeated, which is where
// readers differ, and values nest 32 deep at most. Objects are
// map[string]any, numbers [json.Number].
func ParseJSON(body []byte) (any, error) {
	written, depth := measure(body)
	if depth > maxDepth || !utf8.Valid(body) {
		return nil, fmt.Errorf("%w: its JSON is too deep, or not UTF-8", ErrBadAnswer)
	}
	var v any
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	err := dec.Decode(&v)
	switch {
	case err != nil:
	case len(bytes.Trim(body[dec.InputOffset():], " \t\r\n")) > 0:
		err = errors.New("something follows the JSON")
	case members(v) != written:
		err = errors.New("a member is repeated")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrBadAnswer, quoted(err.Error()))
	}
	return v, nil
}

// measure counts the members that are written in a JSON text, each with its
// colon, and how deep it nests. What it says of other texts means nothing.
func measure(body []byte) (members, deepest int) {
	depth, inString := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case c == '"':
			inString = !inString
		case inString && c == '\\':
			i++
		case inString:
		case c == ':':
			members++
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return members, deepest
}

// members counts those that are left: of repeated ones, one is.
func members(v any) (n int) {
	switch v := v.(type) {
	case map[string]any:
		n = len(v)
		for _, member := range v {
			n += members(member)
		}
	case []any:
		for _, item := range v {
			n += members(item)
		}
	}
	return n
}
