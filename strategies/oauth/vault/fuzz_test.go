package vault_test

import (
	"errors"
	"testing"
	"unicode/utf8"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/strategies/oauth"
	"github.com/gopassport/passport/strategies/oauth/vault"
)

// FuzzStored: nothing that was not sealed here opens, and no record panics. C41
func FuzzStored(f *testing.F) {
	f.Add("")
	f.Add("\x01")
	f.Add("\x01\x01a")
	f.Add("\x01\xffa")
	f.Add("\x01\x01b0123456789012345678901234567")
	f.Add("\x01\x01a0123456789012345678901234567")
	f.Add("\x02\x01a0123456789012345678901234567")
	f.Fuzz(func(t *testing.T, data string) {
		s := newStore()
		v := newVault(t, s, plain{})
		save(t, v, tokens(0, 0))
		r := records(t, s, "ann")[0]
		r.Data = data
		if err := s.Update(t.Context(), r, r.Version); err != nil {
			t.Fatal(err)
		}
		if got, err := v.Token(t.Context(), "ann", "p"); got != nil || !errors.Is(err, sessions.ErrCorrupt) && !errors.Is(err, vault.ErrNoKey) {
			t.Errorf("got %v, %v", got != nil, err)
		}
	})
}

// FuzzDecode: what is sealed is read as an entry, or is corrupt; what it is
// read as is written and read the same.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"a":"access","r":"refresh","e":1,"s":["x"]}`))
	f.Add([]byte(`{"a":"access","s":null,"u":9,"d":true}`))
	f.Add([]byte(`{"a":"access"} {}`))
	f.Add([]byte(`{"a":1}`))
	f.Add([]byte(`{"x":"1"}`))
	f.Fuzz(func(t *testing.T, plain []byte) {
		again, err := vault.Recode(plain)
		if err != nil {
			if !errors.Is(err, sessions.ErrCorrupt) {
				t.Errorf("got %v", err)
			}
			return
		}
		if twice, err := vault.Recode(again); err != nil || string(twice) != string(again) {
			t.Errorf("%s, then %s, %v", again, twice, err)
		}
	})
}

// FuzzSave: what is saved is read as it was.
func FuzzSave(f *testing.F) {
	f.Add("access", "refresh", "scope")
	f.Add("<&>\u2028\x00", "", "")
	f.Fuzz(func(t *testing.T, access, refresh, scope string) {
		v := newVault(t, newStore(), plain{})
		saved := &oauth.Tokens{Access: access, Refresh: refresh}
		if utf8.ValidString(scope) {
			saved.Scopes = []string{scope}
		}
		if v.Save(t.Context(), "ann", "p", saved) != nil {
			return
		}
		got, err := v.Token(t.Context(), "ann", "p")
		if err != nil || got.Access != access || got.Refresh != refresh || len(got.Scopes) == 1 && got.Scopes[0] != scope {
			t.Errorf("got %v", err)
		}
	})
}
