package local

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/internal/body"
)

// credentials reads the name and the password of a login body. found is false
// for a request that has no such body.
func (s *Strategy[U]) credentials(r *http.Request) (name, password string, found bool, err error) {
	if r.Method != http.MethodPost {
		return "", "", false, nil
	}
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch kind {
	case "application/x-www-form-urlencoded", "application/json":
	case "multipart/form-data":
		// Its parser buffers on disk, for nothing that a login needs.
		return "", "", false, unsupported("Send the login as a plain form or as JSON.", errors.New("local: "+kind))
	default:
		return "", "", false, nil
	}
	if err != nil {
		return "", "", false, unsupported("Send the login in UTF-8.", errors.New("local: malformed Content-Type"))
	}
	if charset, declared := params["charset"]; declared && !strings.EqualFold(charset, "utf-8") {
		return "", "", false, unsupported("Send the login in UTF-8.", fmt.Errorf("local: charset %.40q", charset))
	}
	if kind == "application/json" {
		body, err := s.body(r)
		if err != nil {
			return "", "", false, err
		}
		name, password, err = jsonFields(body, s.o.NameField, s.o.PasswordField)
		return name, password, err == nil, err
	}
	form := r.PostForm // of the body alone, where somebody read it before us
	if form == nil {
		body, err := s.body(r)
		if err != nil {
			return "", "", false, err
		}
		if form, err = url.ParseQuery(string(body)); err != nil {
			return "", "", false, bad("The form is malformed.", errors.New("local: malformed form"))
		}
	}
	for _, field := range []string{s.o.NameField, s.o.PasswordField} {
		if len(form[field]) > 1 {
			// Which one counts is where programs differ, and attackers get in.
			return "", "", false, bad("A field is repeated.", fmt.Errorf("local: field %s is repeated", field))
		}
	}
	return form.Get(s.o.NameField), form.Get(s.o.PasswordField), true, nil
}

// body reads the whole body, within its limit, and puts it back for the
// handlers behind.
func (s *Strategy[U]) body(r *http.Request) ([]byte, error) {
	all, err := body.Peek(r, s.o.MaxBody)
	if err == nil {
		return all, nil
	}
	if long, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, tooLarge("The login is too large.", "body", long.Limit)
	}
	if ended := r.Context().Err(); ended != nil {
		return nil, fmt.Errorf("local: reading the body: %w", ended)
	}
	return nil, bad("The body could not be read.", fmt.Errorf("local: reading the body: %w", err))
}

// jsonFields reads two members of a JSON object. It goes by tokens, since
// json.Unmarshal takes the last of repeated members, matches names without
// case, and replaces what is not UTF-8. A member that is absent is "".
func jsonFields(body []byte, nameField, passwordField string) (name, password string, err error) {
	malformed := bad("The JSON is malformed.", errors.New("local: malformed JSON"))
	if !utf8.Valid(body) {
		return "", "", malformed
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return "", "", malformed
	}
	seen := make(map[string]bool)
	for dec.More() {
		token, err := dec.Token()
		member, isString := token.(string)
		if err != nil || !isString {
			return "", "", malformed
		}
		if seen[member] {
			return "", "", bad("A field is repeated.", errors.New("local: a JSON member is repeated"))
		}
		seen[member] = true
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return "", "", malformed
		}
		into := &name
		switch member {
		case nameField:
		case passwordField:
			into = &password
		default:
			continue
		}
		// null is absent. Half a surrogate pair decodes to U+FFFD, as any other
		// half would: many passwords in one.
		if json.Unmarshal(raw, into) != nil || strings.ContainsRune(*into, utf8.RuneError) {
			return "", "", bad("A field is not a string.", fmt.Errorf("local: JSON member %s is not a string", member))
		}
	}
	if _, err := dec.Token(); err != nil { // the closing brace
		return "", "", malformed
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return "", "", malformed
	}
	return name, password, nil
}

func bad(message string, cause error) error {
	return &passport.Failure{Code: CodeBadRequest, Status: http.StatusBadRequest, Message: message, Err: cause}
}

func tooLarge(message, what string, limit int64) error {
	return &passport.Failure{
		Code: CodeTooLarge, Status: http.StatusRequestEntityTooLarge, Message: message,
		Err: fmt.Errorf("local: the %s exceeds %d bytes", what, limit),
	}
}

func unsupported(message string, cause error) error {
	return &passport.Failure{
		Code: CodeUnsupportedMediaType, Status: http.StatusUnsupportedMediaType, Message: message, Err: cause,
	}
}
