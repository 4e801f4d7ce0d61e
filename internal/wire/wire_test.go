package wire_test

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gopassport/passport/internal/wire"
	"github.com/gopassport/passport/sessions"
)

func records() map[string]sessions.Record {
	full := sessions.Record{
		ID: sessions.ID{1, 2, 3}, User: "alice", Data: "\x00\xff data", Factors: "pwd otp", Stamp: "s",
		AuthTime: 1, Created: 2, LastSeen: 3, Idle: 4, Absolute: 5, Version: 6, Remember: true,
		Origin: &sessions.Origin{Realm: "session", Address: "192.0.2.1", Agent: "Firefox"},
	}
	bare, large, edge := full, full, full
	bare.Origin, bare.Remember = nil, false
	large.Data = strings.Repeat("d", sessions.MaxData)
	edge.AuthTime, edge.Created, edge.Version = math.MinInt64, math.MaxInt64, -1
	edge.Origin = new(sessions.Origin)
	return map[string]sessions.Record{"full": full, "bare": bare, "large": large, "edge": edge, "zero": {}}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for name, r := range records() {
		got, err := wire.Decode(wire.Encode(r), r.ID)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(r, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
}

// B35: what is not a record of this version, whole and with its own id, is
// corrupt.
func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	r := records()["full"]
	whole := wire.Encode(r)
	change := func(i int, b byte) []byte {
		changed := bytes.Clone(whole)
		changed[i] = b
		return changed
	}
	cases := map[string][]byte{
		"another version": change(0, 2),
		"unknown flags":   change(33, 0xff),
		"longer":          append(bytes.Clone(whole), 0),
		"a long zero":     append(append(bytes.Clone(whole[:34]), 0x82, 0x00), whole[35:]...),
		"a huge length":   append(bytes.Clone(whole[:40]), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01),
	}
	if got, err := wire.Decode(change(1, 9), r.ID); !errors.Is(err, sessions.ErrNotFound) || got != (sessions.Record{}) {
		t.Errorf("another id: got %+v and error %v, want none and ErrNotFound", got, err)
	}
	for n := range whole {
		cases["cut to "+string(rune('0'+n%10))+strings.Repeat("+", n/10)] = whole[:n]
	}
	for name, b := range cases {
		got, err := wire.Decode(b, r.ID)
		if !errors.Is(err, sessions.ErrCorrupt) || got != (sessions.Record{}) {
			t.Errorf("%s: got %+v and error %v, want none and ErrCorrupt", name, got, err)
		}
	}
}

// F13: whatever decodes is spelled in the one way.
func FuzzDecode(f *testing.F) {
	for _, r := range records() {
		f.Add(wire.Encode(r))
	}
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		var id sessions.ID
		if len(b) > 33 {
			copy(id[:], b[1:33])
		}
		r, err := wire.Decode(b, id)
		if err != nil {
			return
		}
		if !bytes.Equal(wire.Encode(r), b) {
			t.Errorf("%x decodes to %+v, which is %x", b, r, wire.Encode(r))
		}
	})
}
