package jwks_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/gopassport/passport/strategies/jwt"
	"github.com/gopassport/passport/strategies/jwt/jwks"
)

func ExampleNew() {
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=3600")
		fmt.Fprint(w, `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"2026-11","use":"sig","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`)
	}))
	defer issuer.Close()

	keys, err := jwks.New(jwks.Config{
		URL:          issuer.URL, // https://login.example.com/.well-known/jwks.json
		InsecureHTTP: true,       // for this example alone
	})
	if err != nil {
		panic(err)
	}
	key, err := keys.Find(context.Background(), jwt.EdDSA, "2026-11")
	fmt.Println(key, err)
	_, err = keys.Find(context.Background(), jwt.EdDSA, "made-up")
	fmt.Println(err)
	// Output:
	// jwt.Key(EdDSA "2026-11") <nil>
	// jwt: no such key
}
