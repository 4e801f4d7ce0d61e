package main_test

import (
	"bytes"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gopassport/passport/internal/install"
	"github.com/gopassport/passport/strategies/jwt"
	"github.com/gopassport/passport/strategies/jwt/issuer"
)

// TestKeygen runs the program as a person does, and puts what it made to use.
func TestKeygen(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "passport.exe")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	run := func(args ...string) (stdout, stderr string, ok bool) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), binary, args...)
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		err := cmd.Run()
		return out.String(), errs.String(), err == nil
	}

	one, _, ok := run("keygen")
	two, _, _ := run("keygen", "-alg", "HS256")
	secret, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(one, "\n"))
	if !ok || err != nil || len(secret) != 32 || one == two {
		t.Errorf("secrets %q and %q: %v", one, two, err)
	}
	if _, err := issuer.HMAC(secret, nil); err != nil {
		t.Error(err)
	}
	for _, alg := range []jwt.Algorithm{jwt.ES256, jwt.EdDSA, jwt.RS256, jwt.PS256} {
		file := filepath.Join(t.TempDir(), "key.pem")
		public, stderr, ok := run("keygen", "-alg", string(alg), "-out", file)
		if !ok {
			t.Fatalf("%s: %s", alg, stderr)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		key, err := issuer.PrivateKey(text, &issuer.KeyOptions{Algorithm: alg})
		if err != nil || key.Algorithm() != alg {
			t.Errorf("%s: %v", alg, err)
		}
		if _, err := jwt.PublicKey([]byte(public), &jwt.KeyOptions{Algorithm: alg}); err != nil {
			t.Errorf("%s: %v", alg, err)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: mode %v, %v", alg, info.Mode(), err)
		}
		if _, stderr, ok := run("keygen", "-alg", string(alg), "-out", file); ok || stderr == "" {
			t.Errorf("%s: a key in use was written over", alg)
		}
		if again, err := os.ReadFile(file); err != nil || !bytes.Equal(again, text) {
			t.Errorf("%s: the key changed", alg)
		}
	}
	pem, _, ok := run("keygen", "-alg", "ES256")
	if _, err := issuer.PrivateKey([]byte(pem), nil); !ok || err != nil {
		t.Errorf("to the standard output: %v", err)
	}
	for _, args := range [][]string{nil, {"keys"}, {"keygen", "-alg", "none"}, {"keygen", "-x"}, {"keygen", "more"}} {
		if stdout, stderr, ok := run(args...); ok || stdout != "" || stderr == "" {
			t.Errorf("passport %v: %q, %q", args, stdout, stderr)
		}
	}
}

// TestOpenSSL: keys that openssl makes do as well.
func TestOpenSSL(t *testing.T) {
	t.Parallel()
	openssl, err := install.Program(t.Context(), "openssl", "openssl")
	if err != nil {
		install.Missing(t, err)
	}
	for alg, args := range map[jwt.Algorithm][]string{
		jwt.ES256: {"genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"},
		jwt.EdDSA: {"genpkey", "-algorithm", "ED25519"},
		jwt.RS256: {"genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"},
	} {
		out, err := exec.CommandContext(t.Context(), openssl, args...).Output()
		if err != nil {
			t.Fatal(err)
		}
		if key, err := issuer.PrivateKey(out, nil); err != nil || key.Algorithm() != alg {
			t.Errorf("openssl %s: %v", strings.Join(args, " "), err)
		}
	}
}
