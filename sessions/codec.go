package sessions

import (
	"encoding/binary"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// MaxData bounds the encoded values of one session, in bytes.
const MaxData = 64 << 10

// The values of a session are stored as one version byte and then, sorted by
// key, each key and each value (JSON) behind its length as a uvarint. Against
// one JSON document: one value is found without decoding the others, and the
// whole is checked at every load without allocating. No values: no bytes.
const codecVersion = '\x01'

// next splits the first key and value off data, which is behind the version.
func next(data string) (key, value, rest string, ok bool) {
	if key, data, ok = chunk(data); !ok {
		return "", "", "", false
	}
	value, rest, ok = chunk(data)
	return key, value, rest, ok
}

// chunk splits off what stands behind its length.
func chunk(data string) (s, rest string, ok bool) {
	var n uint64
	for i := range min(len(data), binary.MaxVarintLen32) {
		b := data[i]
		n |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			data = data[i+1:]
			if n > uint64(len(data)) || b == 0 && i > 0 { // one spelling of every length
				return "", "", false
			}
			return data[:n], data[n:], true
		}
	}
	return "", "", false
}

// validData tells whether data is what encode makes: of a version that this
// code knows, in bounds, keys in order and once.
func validData(data string) bool {
	if data == "" {
		return true
	}
	if len(data) > MaxData || data[0] != codecVersion {
		return false
	}
	last, first := "", true
	for data = data[1:]; data != ""; first = false {
		key, _, rest, ok := next(data)
		if !ok || (!first && key <= last) {
			return false
		}
		last, data = key, rest
	}
	return !first
}

// find returns the JSON of one value.
func find(data, key string) (string, bool) {
	if data == "" {
		return "", false
	}
	for data = data[1:]; data != ""; {
		k, value, rest, ok := next(data)
		if !ok || k > key {
			return "", false
		}
		if k == key {
			return value, true
		}
		data = rest
	}
	return "", false
}

// decode returns all values by key.
func decode(data string) map[string]string {
	values := make(map[string]string)
	if data == "" {
		return values
	}
	for data = data[1:]; data != ""; {
		key, value, rest, ok := next(data)
		if !ok {
			break
		}
		values[key], data = value, rest
	}
	return values
}

// encode is the inverse of decode.
func encode(values map[string]string) (string, error) {
	if len(values) == 0 {
		return "", nil
	}
	var b strings.Builder
	var length [binary.MaxVarintLen64]byte
	write := func(s string) {
		b.Write(length[:binary.PutUvarint(length[:], uint64(len(s)))])
		b.WriteString(s)
	}
	b.WriteByte(codecVersion)
	for _, key := range slices.Sorted(maps.Keys(values)) {
		write(key)
		write(values[key])
	}
	if b.Len() > MaxData {
		return "", ErrTooLarge
	}
	return b.String(), nil
}

// unmarshal decodes one value.
func unmarshal(value string, v any) error {
	return json.Unmarshal([]byte(value), v)
}

// EncodeValues makes the [Record.Data] of values, JSON by key: it is for a
// [Keeper] over another format. ErrTooLarge: they exceed MaxData.
func EncodeValues(values map[string]json.RawMessage) (string, error) {
	texts := make(map[string]string, len(values))
	for key, value := range values {
		texts[key] = string(value)
	}
	return encode(texts)
}

// DecodeValues is the inverse of EncodeValues. Data that it did not make has
// no values.
func DecodeValues(data string) map[string]json.RawMessage {
	if !validData(data) {
		return nil
	}
	texts := decode(data)
	values := make(map[string]json.RawMessage, len(texts))
	for key, value := range texts {
		values[key] = json.RawMessage(value)
	}
	return values
}
