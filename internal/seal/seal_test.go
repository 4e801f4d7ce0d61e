package seal_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gopassport/passport/internal/seal"
)

func secret(b byte) []byte { return bytes.Repeat([]byte{b}, seal.MinSecret) }

func sealer(t testing.TB, secrets ...[]byte) *seal.Sealer {
	t.Helper()
	s, err := seal.New(secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestNew refuses what is no secret. B21
func TestNew(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		secrets [][]byte
		ok      bool
	}{
		"none":         {nil, false},
		"nil":          {[][]byte{nil}, false},
		"empty":        {[][]byte{{}}, false},
		"31 bytes":     {[][]byte{make([]byte, 31)}, false},
		"32 bytes":     {[][]byte{make([]byte, 32)}, true},
		"100 bytes":    {[][]byte{make([]byte, 100)}, true},
		"short second": {[][]byte{secret('a'), make([]byte, 31)}, false},
	} {
		s, err := seal.New(test.secrets...)
		if (err == nil) != test.ok || (s == nil) == test.ok {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
}

// TestRotation: the newest seals, all open, a removed one does not. B21
func TestRotation(t *testing.T) {
	t.Parallel()
	later := time.Now().Add(time.Minute)
	old, both, next := sealer(t, secret('a')), sealer(t, secret('b'), secret('a')), sealer(t, secret('b'))
	for name, test := range map[string]struct {
		seals, opens *seal.Sealer
		ok           bool
	}{
		"old by both": {old, both, true}, "both by next": {both, next, true}, "both by both": {both, both, true},
		"old by next": {old, next, false}, "both by old": {both, old, false}, "next by old": {next, old, false},
	} {
		value, err := test.opens.Open("p", test.seals.Seal("p", []byte("v"), later))
		if (err == nil) != test.ok || test.ok && string(value) != "v" {
			t.Errorf("%s: %q, %v", name, value, err)
		}
	}
}

// TestPurpose: what is sealed for one purpose is opened for no other. B22
func TestPurpose(t *testing.T) {
	t.Parallel()
	s := sealer(t, secret('a'))
	purposes := []string{"", "p", "P", "p ", "pp", "cookie\x00__Host-session-return", "cookie\x00__Host-session-flash", "strategy\x00__Host-session-\x00oauth"}
	for _, to := range purposes {
		sealed := s.Seal(to, []byte("v"), time.Now().Add(time.Minute))
		for _, from := range purposes {
			if _, err := s.Open(from, sealed); (err == nil) != (from == to) {
				t.Errorf("sealed for %q, opened for %q: %v", to, from, err)
			}
		}
	}
}

// TestSpelling: a sealed value has one spelling, and each change is noticed.
func TestSpelling(t *testing.T) {
	t.Parallel()
	s := sealer(t, secret('a'))
	sealed := s.Seal("p", []byte("value"), time.Now().Add(time.Minute))
	for i := range len(sealed) {
		for _, c := range "AB-_+/= \n\x00é" {
			if sealed[i] == byte(c) {
				continue
			}
			if changed := sealed[:i] + string(c) + sealed[i+1:]; opens(s, changed) {
				t.Errorf("%q opens as well as %q", changed, sealed)
			}
		}
		if opens(s, sealed[:i]) || opens(s, sealed[i+1:]) {
			t.Errorf("a part of %d bytes opens", i)
		}
	}
	for _, changed := range []string{sealed + "=", sealed + "A", sealed + "\n", " " + sealed, sealed + sealed, "", "AAAA", strings.Repeat("A", 1<<16)} {
		if opens(s, changed) {
			t.Errorf("%.40q opens", changed)
		}
	}
	if again := s.Seal("p", []byte("value"), time.Now().Add(time.Minute)); again == sealed {
		t.Error("the same value is sealed alike twice")
	}
}

func opens(s *seal.Sealer, sealed string) bool {
	_, err := s.Open("p", sealed)
	if err != nil && !errors.Is(err, seal.ErrInvalid) {
		panic(err)
	}
	return err == nil
}

func TestTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := sealer(t, secret('a'))
		soon := s.Seal("p", nil, time.Now().Add(time.Second))
		past := s.Seal("p", nil, time.Now().Add(-time.Second))
		before := s.Seal("p", nil, time.Unix(-1, 0)) // before 1970
		ever := s.Seal("p", nil, time.UnixMilli(math.MaxInt64))
		time.Sleep(time.Second - time.Millisecond)
		for sealed, want := range map[string]bool{soon: true, past: false, before: false, ever: true} {
			if opens(s, sealed) != want {
				t.Errorf("opens: %v", !want)
			}
		}
		time.Sleep(time.Millisecond)
		if opens(s, soon) {
			t.Error("opens at its end")
		}
	})
}

// FuzzSeal: whatever is sealed is opened as it was, for its purpose alone, and
// shows nothing of itself.
func FuzzSeal(f *testing.F) {
	f.Add("p", []byte("value"), uint16(0))
	f.Add("", []byte(nil), uint16(7))
	f.Add("cookie\x00__Host-session-flash", bytes.Repeat([]byte("x"), 3000), uint16(3000))
	f.Fuzz(func(t *testing.T, purpose string, value []byte, at uint16) {
		s := sealer(t, secret('a'))
		sealed := s.Seal(purpose, value, time.Now().Add(time.Hour))
		got, err := s.Open(purpose, sealed)
		if err != nil || !bytes.Equal(got, value) {
			t.Fatalf("%q, %v", got, err)
		}
		if _, err := s.Open(purpose+"x", sealed); err == nil {
			t.Error("opened for another purpose")
		}
		raw, err := base64.RawURLEncoding.DecodeString(sealed)
		if err != nil {
			t.Fatal(err)
		}
		if len(value) > 8 && bytes.Contains(raw, value) {
			t.Error("the value is legible")
		}
		raw[int(at)%len(raw)] ^= 1 << (at % 8)
		if _, err := s.Open(purpose, base64.RawURLEncoding.EncodeToString(raw)); err == nil {
			t.Error("a changed value opens")
		}
	})
}

// FuzzOpen: nothing opens but what Seal made.
func FuzzOpen(f *testing.F) {
	f.Add("p", "")
	f.Add("p", strings.Repeat("A", 48))
	f.Add("p", "AA==")
	f.Add("p", "\xff\x00-_")
	f.Fuzz(func(t *testing.T, purpose, sealed string) {
		if value, err := sealer(t, secret('a')).Open(purpose, sealed); !errors.Is(err, seal.ErrInvalid) || value != nil {
			t.Errorf("%q, %v", value, err)
		}
	})
}
