package express

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// A document is a JSON object as it was written, cut at the commas between its
// members. What is not changed stays byte for byte: unknown members, their
// order, spaces, numbers that no Go type holds.
type document struct {
	head    string // up to and with the brace
	members []member
	tail    string // from the closing brace
}

// A member is what stands between two commas.
type member struct {
	text       string
	key        string
	start, end int // of the value in text
}

func (m member) value() string { return m.text[m.start:m.end] }

var errDocument = errors.New("express: not a JSON object")

// space are the bytes that JSON allows between two tokens.
const space = " \t\r\n"

// parse reads a document. Go's decoder finds the tokens; what is between them
// is only spaces, colons and commas.
func parse(text string) (d document, err error) {
	if !json.Valid([]byte(text)) {
		return d, errDocument
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	if open, err := decoder.Token(); err != nil || open != json.Delim('{') {
		return d, errDocument
	}
	begin := int(decoder.InputOffset())
	d.head = text[:begin]
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return d, err
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return d, err
		}
		after := int(decoder.InputOffset())
		end := after + len(text[after:]) - len(strings.TrimLeft(text[after:], space))
		d.members = append(d.members, member{
			text: text[begin:end], key: key.(string),
			start: after - len(value) - begin, end: after - begin,
		})
		begin = end + 1 // behind a comma
		if text[end] == '}' {
			begin = end
		}
	}
	d.tail = text[begin:]
	return d, nil
}

// find returns the JSON of a value, which is never empty. Of several members
// of one name the last one counts, as in JavaScript.
func (d *document) find(key string) string {
	for _, m := range slices.Backward(d.members) {
		if m.key == key {
			return m.value()
		}
	}
	return ""
}

// set changes a value, and leaves one alone that says the same already.
func (d *document) set(key, value string) {
	for i, m := range slices.Backward(d.members) {
		if m.key != key {
			continue
		}
		if compact(m.value()) != compact(value) {
			m.text = m.text[:m.start] + value + m.text[m.end:]
			m.end = m.start + len(value)
			d.members[i] = m
		}
		return
	}
	name, _ := json.Marshal(key) // a string has a JSON
	d.members = append(d.members, member{text: string(name) + ":" + value, key: key, start: len(name) + 1, end: len(name) + 1 + len(value)})
}

// keep drops the members that f refuses.
func (d *document) keep(f func(key string) bool) {
	var kept []member
	for _, m := range d.members {
		if f(m.key) {
			kept = append(kept, m)
		}
	}
	d.members = kept
}

func (d *document) String() string {
	var b strings.Builder
	b.WriteString(d.head)
	for i, m := range d.members {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(m.text)
	}
	b.WriteString(d.tail)
	return b.String()
}

// compact is the value without spaces between its tokens.
func compact(value string) string {
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(value)); err != nil {
		return value
	}
	return b.String()
}
