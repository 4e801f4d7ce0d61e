package gorilla

import (
	"bytes"
	"encoding/gob"
	"slices"
)

// An entry is one key of a gorilla session with its value, each by gob on its
// own: a key is found again, and a value that did not change has the bytes
// that it had. Only maps within a value may differ without having changed.
type entry struct {
	Key   []byte `json:"k"`
	Value []byte `json:"v"`
}

// encode returns the entries of values, ordered by their keys.
func encode(values map[any]any) ([]entry, error) {
	entries := make([]entry, 0, len(values))
	for k, v := range values {
		key, err := encodeOne(k)
		if err != nil {
			return nil, err
		}
		value, err := encodeOne(v)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry{key, value})
	}
	slices.SortFunc(entries, func(a, b entry) int { return bytes.Compare(a.Key, b.Key) })
	return entries, nil
}

func encodeOne(v any) ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(&v)
	return b.Bytes(), err
}

// decode puts the entries into values.
func decode(entries []entry, values map[any]any) error {
	for _, e := range entries {
		var k, v any
		if err := gob.NewDecoder(bytes.NewReader(e.Key)).Decode(&k); err != nil {
			return err
		}
		if err := gob.NewDecoder(bytes.NewReader(e.Value)).Decode(&v); err != nil {
			return err
		}
		values[k] = v
	}
	return nil
}

// merge lays what changed from base to now over what is stored. A clash: an
// entry was changed there too, and to something else.
func merge(base, now, stored []entry) (merged []entry, clash bool) {
	merged = slices.Clone(stored)
	for _, key := range keys(base, now) {
		was, is := value(base, key), value(now, key)
		if bytes.Equal(was, is) {
			continue
		}
		there := value(merged, key)
		if !bytes.Equal(there, was) && !bytes.Equal(there, is) {
			clash = true
		}
		merged = set(merged, entry{key, is})
	}
	return merged, clash
}

// keys are the keys of both.
func keys(a, b []entry) [][]byte {
	var all [][]byte
	for _, e := range slices.Concat(a, b) {
		if !slices.ContainsFunc(all, func(k []byte) bool { return bytes.Equal(k, e.Key) }) {
			all = append(all, e.Key)
		}
	}
	return all
}

func find(entries []entry, key []byte) (int, bool) {
	return slices.BinarySearchFunc(entries, key, func(e entry, k []byte) int { return bytes.Compare(e.Key, k) })
}

// value is the value of a key; nil: none. No gob is empty.
func value(entries []entry, key []byte) []byte {
	if i, ok := find(entries, key); ok {
		return entries[i].Value
	}
	return nil
}

// set returns the entries with e in its place, or without its key where it has
// no value.
func set(entries []entry, e entry) []entry {
	i, ok := find(entries, e.Key)
	switch {
	case e.Value == nil && ok:
		return slices.Delete(entries, i, i+1)
	case e.Value == nil:
		return entries
	case ok:
		entries[i] = e
		return entries
	}
	return slices.Insert(entries, i, e)
}

func same(a, b []entry) bool {
	return slices.EqualFunc(a, b, func(x, y entry) bool {
		return bytes.Equal(x.Key, y.Key) && bytes.Equal(x.Value, y.Value)
	})
}
