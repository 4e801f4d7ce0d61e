package oauth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Claims is a JSON object that a provider sent. Numbers are [json.Number]; what
// goth has read, as package gothprovider hands it on, has float64 instead.
type Claims map[string]any

// String is the member of that very name if it is a string; empty otherwise.
func (c Claims) String(name string) string {
	s, _ := c[name].(string)
	return s
}

// Integer is the member as it is written if it is a positive integer; empty
// otherwise, and for a float64, which may have lost digits.
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
	dec := jsontext.NewDecoder(bytes.NewBuffer(body),
		jsontext.AllowInvalidUTF8(true),    // a name may have half a surrogate in an escape: U+FFFD, as in all of Go
		jsontext.AllowDuplicateNames(true)) // parse sees them
	v, err := parse(dec)
	if err == nil {
		if _, end := dec.ReadToken(); !errors.Is(end, io.EOF) {
			err = errors.New("something follows the JSON")
		}
	}
	if err == nil && !utf8.Valid(body) {
		err = errors.New("it is not UTF-8")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrBadAnswer, quoted(err.Error()))
	}
	return v, nil
}

// parse reads the next value; dec sees to it that it is JSON.
func parse(dec *jsontext.Decoder) (any, error) {
	t, err := dec.ReadToken()
	if err != nil {
		return nil, err
	}
	if dec.StackDepth() > maxDepth {
		return nil, errors.New("it is too deep")
	}
	switch t.Kind() {
	case '{':
		return parseObject(dec)
	case '[':
		return parseList(dec)
	case '"':
		return t.String(), nil
	case '0':
		return json.Number(t.String()), nil
	case 't', 'f':
		return t.Bool(), nil
	}
	return nil, nil // null
}

func parseObject(dec *jsontext.Decoder) (any, error) {
	object := make(map[string]any)
	for dec.PeekKind() != '}' {
		t, err := dec.ReadToken()
		if err != nil {
			return nil, err
		}
		name := t.String()
		if _, twice := object[name]; twice {
			return nil, errors.New("a member is repeated")
		}
		if object[name], err = parse(dec); err != nil {
			return nil, err
		}
	}
	_, err := dec.ReadToken() // the brace
	return object, err
}

func parseList(dec *jsontext.Decoder) (any, error) {
	list := []any{}
	for dec.PeekKind() != ']' {
		item, err := parse(dec)
		if err != nil {
			return nil, err
		}
		list = append(list, item)
	}
	_, err := dec.ReadToken() // the bracket
	return list, err
}
