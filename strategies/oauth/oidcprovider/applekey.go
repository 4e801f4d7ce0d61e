package oidcprovider

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	appleIssuer     = "https://appleid.apple.com"
	appleSecretLife = time.Hour // six months at most
)

// An AppleKey is a private key for Sign in with Apple, from which client
// secrets are made. Apple gives it out as a file AuthKey_….p8.
type AppleKey struct {
	TeamID, KeyID string
	PEM           []byte // the file
}

// Format implements [fmt.Formatter] for every verb. It shows no secret.
func (k AppleKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.masked()) }

// MarshalJSON implements [json.Marshaler]. It shows no secret.
func (k AppleKey) MarshalJSON() ([]byte, error) { return json.Marshal(k.masked()) }

func (k AppleKey) masked() string { return "[Apple key " + k.KeyID + "]" }

// secret returns a function that makes client secrets: a token of an hour,
// signed with ES256, which is used for the first half of it.
func (k AppleKey) secret(clientID string) (func() (string, error), error) {
	if k.TeamID == "" || k.KeyID == "" {
		return nil, errors.New("oidcprovider: AppleKey needs TeamID and KeyID")
	}
	private, err := parseKey(k.PEM)
	if err != nil {
		return nil, err
	}
	options := new(jose.SignerOptions).WithType("JWT").WithHeader("kid", k.KeyID)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: private}, options)
	if err != nil {
		return nil, fmt.Errorf("oidcprovider: the AppleKey: %w", err)
	}
	var mu sync.Mutex
	var cached string
	var made time.Time
	return func() (string, error) {
		mu.Lock()
		defer mu.Unlock()
		now := time.Now()
		if cached != "" && now.Sub(made) < appleSecretLife/2 {
			return cached, nil
		}
		payload, err := json.Marshal(map[string]any{
			"iss": k.TeamID, "sub": clientID, "aud": appleIssuer, "iat": now.Unix(), "exp": now.Add(appleSecretLife).Unix(),
		})
		if err != nil {
			return "", err
		}
		signed, err := signer.Sign(payload)
		if err != nil {
			return "", fmt.Errorf("oidcprovider: signing the client secret: %w", err)
		}
		secret, err := signed.CompactSerialize()
		if err == nil {
			cached, made = secret, now
		}
		return secret, err
	}, nil
}

func parseKey(text []byte) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("oidcprovider: AppleKey.PEM is no PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("oidcprovider: AppleKey.PEM is no private key in PKCS #8") // err may show some of it
	}
	private, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || private.Curve != elliptic.P256() {
		return nil, errors.New("oidcprovider: AppleKey.PEM is no key of the curve P-256")
	}
	return private, nil
}
