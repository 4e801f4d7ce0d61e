package issuer_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"github.com/gopassport/passport/strategies/jwt"
	"github.com/gopassport/passport/strategies/jwt/issuer"
)

// A private key of no use to anyone: it is in the documentation.
const examplePEM = `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----
`

func Example() {
	key, err := issuer.PrivateKey([]byte(examplePEM), nil)
	if err != nil {
		panic(err)
	}
	iss, err := issuer.New(issuer.Config{
		Name:     "https://api.example.com",
		Audience: []string{"https://api.example.com"},
		Keys:     []*issuer.Key{key},
	})
	if err != nil {
		panic(err)
	}
	token, _, _ := iss.Issue(issuer.Grant{Subject: "ann", Scope: "notes"})

	s := jwt.New(jwt.Config{Issuers: []jwt.Issuer{iss.Trusted()}},
		func(_ context.Context, t *jwt.Token) (string, error) { return t.Subject, nil })
	r := httptest.NewRequest("GET", "/api/notes", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	res, err := s.Authenticate(r)
	fmt.Println(res.Outcome(), res.User(), err)

	w := httptest.NewRecorder()
	iss.JWKS().ServeHTTP(w, httptest.NewRequest("GET", "/.well-known/jwks.json", nil))
	fmt.Print(w.Body)
	// Output:
	// success ann <nil>
	// {"keys":[{"kty":"OKP","kid":"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k","use":"sig","alg":"EdDSA","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}
}
