// Passport makes the secrets and keys that an application signs with.
//
//	go run github.com/gopassport/passport/cmd/passport@latest keygen
//	go run github.com/gopassport/passport/cmd/passport@latest keygen -alg ES256 -out key.pem
//
// Without -alg, or with HS256, it prints a secret of 32 random bytes in base64,
// as openssl rand -base64 32 does. With ES256, EdDSA, RS256 or PS256 it makes a
// private key in PEM (PKCS #8), as openssl genpkey does: to -out, a new file
// that its owner alone can read, in which case it prints the public key, or else
// to the standard output.
package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

const usage = `usage: passport keygen [-alg HS256|ES256|EdDSA|RS256|PS256] [-out file]`

func main() {
	err := run(os.Args[1:], os.Stdout, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "passport:", err)
		os.Exit(1)
	}
}

func run(args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 || args[0] != "keygen" {
		return errors.New(usage)
	}
	flags := flag.NewFlagSet("keygen", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprintln(stderr, usage)
		flags.PrintDefaults()
	}
	alg := flags.String("alg", "HS256", "algorithm: HS256 for a secret, ES256, EdDSA, RS256 or PS256 for a key pair")
	out := flags.String("out", "", "new file for the secret or the private key; default: the standard output")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return errors.New(usage)
	}
	private, public, err := generate(*alg)
	if err != nil {
		return err
	}
	if *out == "" {
		_, err = stdout.Write(private)
		return err
	}
	if err := create(*out, private); err != nil {
		return err
	}
	_, err = stdout.Write(public)
	return err
}

// generate makes a secret, or both halves of a key pair.
func generate(alg string) (private, public []byte, err error) {
	var signer crypto.Signer
	switch alg {
	case "HS256":
		secret := make([]byte, 32)
		rand.Read(secret)
		return []byte(base64.StdEncoding.EncodeToString(secret) + "\n"), nil, nil
	case "ES256":
		signer, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "EdDSA":
		_, signer, err = ed25519.GenerateKey(rand.Reader)
	case "RS256", "PS256":
		signer, err = rsa.GenerateKey(rand.Reader, 3072) // 128 bits of security (NIST SP 800-57)
	default:
		return nil, nil, fmt.Errorf("no algorithm %q; there are HS256, ES256, EdDSA, RS256 and PS256", alg)
	}
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(signer)
	if err != nil {
		return nil, nil, err
	}
	private = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if der, err = x509.MarshalPKIXPublicKey(signer.Public()); err != nil {
		return nil, nil, err
	}
	return private, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

// create writes a file that was not there: a key that is in use stays.
func create(name string, content []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Close())
}
