package apps_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategytest"
)

// signed is a strategy of webhooks: whoever knows the secret has signed the
// body. It is read whole, within a limit, and put back for the handler.
func signed(sender string, secret []byte) passport.StrategyFunc[string] {
	return func(r *http.Request) (res passport.Result[string], err error) {
		signature, ok := strings.CutPrefix(r.Header.Get("X-Signature"), "sha256=")
		if !ok {
			return res.Pass()
		}
		body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, 1<<20))
		r.Body = io.NopCloser(bytes.NewReader(body))
		mac := hmac.New(sha256.New, secret)
		mac.Write(body)
		sum, _ := hex.DecodeString(signature)
		if err != nil || !hmac.Equal(mac.Sum(nil), sum) {
			return res.Fail(errors.Join(errors.New("webhook: wrong signature"), err))
		}
		return res.Success(sender)
	}
}

// newWebhooks keeps no sessions: each message is signed.
func newWebhooks(secret []byte) http.Handler {
	a := passport.New(passport.Config[string]{Logger: config(nil).Logger})
	a.Use("signed", signed("the bank", secret))
	mux := http.NewServeMux()
	mux.Handle("POST /hook", a.RequireFunc(func(w http.ResponseWriter, r *http.Request, sender string) {
		body, _ := io.ReadAll(r.Body)
		write(w, sender, " says ", string(body))
	}, "signed"))
	return mux
}

func sign(secret []byte, body string) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(body))
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

func TestWebhooks(t *testing.T) {
	t.Parallel()
	secret := []byte("what both know")
	v := visit(t, handler(newWebhooks(secret)))
	v.header.Set("Accept", "application/json")
	v.header.Set("X-Signature", sign(secret, "amount=10"))
	v.sees("POST /hook amount=10", "/hook the bank says amount=10")
	v.sees("POST /hook amount=99", "401 /hook invalid-credentials")
	v.header.Set("X-Signature", "sha256=zz")
	v.sees("POST /hook amount=10", "401 /hook invalid-credentials")
	v.header.Del("X-Signature")
	v.sees("POST /hook amount=10", "401 /hook no-credentials")
}

// TestSignedKeepsTheRules is how a strategy of one's own is tested.
func TestSignedKeepsTheRules(t *testing.T) {
	t.Parallel()
	secret := []byte("what both know")
	message := func(signature string) func() (passport.Strategy[string], *http.Request) {
		return func() (passport.Strategy[string], *http.Request) {
			r := httptest.NewRequest("POST", "/hook", strings.NewReader("amount=10"))
			if signature != "" {
				r.Header.Set("X-Signature", signature)
			}
			return signed("the bank", secret), r
		}
	}
	strategytest.Run(t, strategytest.Cases[string]{
		Right:  message(sign(secret, "amount=10")),
		Wrong:  message(sign(secret, "amount=99")),
		Absent: message(""),
	})
}
