package password_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/gopassport/passport/password"
)

func TestPolicy(t *testing.T) { // A10, A12
	list, err := password.BlockList(strings.NewReader("correct horse battery\r\nPASSWORDPASSWORD\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name     string
		policy   *password.Policy
		password string
		reason   string
	}{
		{"nil policy", nil, strings.Repeat("a", 15), ""},
		{"nil policy, short", nil, strings.Repeat("a", 14), password.TooShort},
		{"default", &password.Policy{}, strings.Repeat("a", 15), ""},
		{"default, short", &password.Policy{}, strings.Repeat("a", 14), password.TooShort},
		{"characters, not bytes", &password.Policy{}, strings.Repeat("é", 14), password.TooShort},
		{"after normalisation", &password.Policy{}, strings.Repeat("e\u0301", 14), password.TooShort},
		{"eight", &password.Policy{MinLength: 8}, "12345678", ""},
		{"never under eight", &password.Policy{MinLength: 1}, "1234567", password.TooShort},
		{"64 characters", nil, strings.Repeat("🔑", 64), ""},
		{"no composition", nil, strings.Repeat(" ", 15), ""},
		{"listed", &password.Policy{Blocked: list}, "correct horse battery", password.Blocked},
		{"listed in another case", &password.Policy{Blocked: list}, "PasswordPassword", password.Blocked},
		{"not listed", &password.Policy{Blocked: list}, "correct horse battery staple", ""},
		{"empty", nil, "", password.Empty},
		{"NUL", nil, strings.Repeat("a", 15) + "\x00", password.NotText},
		{"too long", nil, strings.Repeat("a", 1025), password.TooLong},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.policy.Check(t.Context(), tt.password)
			pe, _ := errors.AsType[*password.PolicyError](err)
			if tt.reason == "" && err != nil || tt.reason != "" && (pe == nil || pe.Reason != tt.reason) {
				t.Errorf("error %v, want %q", err, tt.reason)
			}
		})
	}
}

func TestPolicyServiceFails(t *testing.T) { // A12
	down := errors.New("down")
	p := &password.Policy{Blocked: func(context.Context, string) (bool, error) { return false, down }}
	if err := p.Check(t.Context(), strings.Repeat("a", 15)); !errors.Is(err, down) {
		t.Errorf("error %v, want that of the service", err)
	}
}

func TestErrorsHoldNoSecret(t *testing.T) { // A28
	const canary = "CANARY"
	h := password.New(&password.Options{Scheme: &counting{name: "c", max: 72}})
	for _, pw := range []string{canary, canary + "\x00", canary + "\xff", strings.Repeat(canary, 20), strings.Repeat(canary, 1000)} {
		for _, stored := range []string{"", canary, "$2a$31$" + canary, "$argon2id$" + canary, "pbkdf2_sha256$" + canary, "c$malformed"} {
			if _, err := h.Verify(t.Context(), stored, pw); err == nil || strings.Contains(err.Error(), canary) {
				t.Errorf("Verify: %v", err)
			}
		}
		if _, err := h.Hash(t.Context(), pw); err != nil && strings.Contains(err.Error(), canary) {
			t.Errorf("Hash: %v", err)
		}
		p := &password.Policy{MinLength: 100}
		if err := p.Check(t.Context(), pw); err != nil && strings.Contains(err.Error(), canary) {
			t.Errorf("Check: %v", err)
		}
	}
}
