package passport

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/gopassport/passport/internal/challenge"
	"github.com/gopassport/passport/internal/problem"
)

// Challenge writes a WWW-Authenticate challenge (RFC 9110 section 11.6.1) of
// a scheme and pairs of names and values, which it quotes and escapes. It
// panics when the scheme or a name is no token, and when a value is not
// printable ASCII: what comes from a client has no place in a challenge.
func Challenge(scheme string, params ...string) string {
	c, ok := challenge.Format(scheme, params...)
	if !ok {
		panic(fmt.Sprintf("passport: no challenge can be made of %q %q", scheme, params))
	}
	return c
}

// Refuse is the other half of LoginHandler: it answers a refusal, an outage,
// or a Result that sends the browser elsewhere.
//
// The status, code and Retry-After are those of the first Failure; 401 when
// every strategy passed, and 403 for a Detour outside of a sign-in. A 401
// carries every challenge, in order. A browser that navigates (GET or HEAD,
// and accepts text/html) is sent to Config.LoginPage instead of a 401, and
// later back; everything else gets its status from Config.Error. The cause is
// logged, and never answered; X-Request-Id names its line.
func (a *Authenticator[U]) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	a.refuse(w, r, err, a.loginPage)
}

// refuse is Refuse with another login page, or "" for none.
func (a *Authenticator[U]) refuse(w http.ResponseWriter, r *http.Request, err error, page string) {
	if err == nil {
		err = errors.New("passport: Refuse was called without an error")
	}
	header := w.Header()
	guardHeaders(header)
	var asked []string
	if e, ok := errors.AsType[*refusal](err); ok {
		a.addHeader(header, e.header)
		asked = e.challenges
		if e.outcome == Redirected {
			a.redirect(w, r, e.location)
			return
		}
	}
	f := classify(err)
	a.report(w, r, f, err)
	if f.status() == http.StatusUnauthorized {
		if page != "" && problem.IsNavigation(r) && !isPage(r, page) {
			a.leaveReturnTo(w, r)
			a.redirect(w, r, page)
			return
		}
		a.challenge(header, f, asked)
	}
	if a.onError != nil && a.customError(w, r, f, err) {
		return
	}
	writeProblem(w, r, f, "")
}

// WriteProblem is for a Config.Error that only has pages for people: it
// answers as a refusal is answered without one.
func WriteProblem(w http.ResponseWriter, r *http.Request, f *Failure) { writeProblem(w, r, f, "") }

// challenge sets WWW-Authenticate, which every 401 has to have (RFC 9110
// section 15.5.2).
func (c *core) challenge(header http.Header, f *Failure, asked []string) {
	if len(asked) == 0 && f.Challenge != "" {
		asked = []string{f.Challenge}
	}
	for _, value := range asked {
		if !challenge.Valid(value) {
			c.log.Error("passport: dropped a challenge that is not printable ASCII", "code", f.code())
			continue
		}
		header.Add("WWW-Authenticate", value)
	}
	if header.Get("WWW-Authenticate") == "" {
		header.Set("WWW-Authenticate", Challenge("Session", "realm", c.realm))
	}
}

// customError lets the application answer. Its panic is answered for it.
func (a *Authenticator[U]) customError(w http.ResponseWriter, r *http.Request, f *Failure, err error) (answered bool) {
	var panicked error
	func() {
		defer a.rescue(r.Context(), "Config.Error", &panicked)
		a.onError(w, r, &Failure{
			Code: f.code(), Message: f.message(), Challenge: f.Challenge,
			Status: f.status(), RetryAfter: f.RetryAfter, Err: err,
		})
	}()
	return panicked == nil
}

// writeProblem answers f with fixed texts.
func writeProblem(w http.ResponseWriter, r *http.Request, f *Failure, location string) {
	problem.Write(w, r, problem.Details{
		Status: f.status(), Code: f.code(), Detail: f.message(), Location: location,
		RequestID: w.Header().Get(requestIDHeader),
	})
}

// message is what a person is told.
func (f *Failure) message() string {
	switch {
	case f.Message != "":
		return f.Message
	case f.code() == CodeNoCredentials:
		return "Sign in to go on."
	}
	return problem.Detail(f.status())
}

// personal keeps a signed-in response out of shared caches.
func personal(header http.Header) {
	if c := header.Get("Cache-Control"); !strings.Contains(c, "no-store") && !strings.Contains(c, "private") {
		header.Set("Cache-Control", "no-store")
	}
}

// guardHeaders keeps what follows out of caches, sniffers and referrers.
func guardHeaders(header http.Header) {
	values := []string{"no-store", "nosniff", "no-referrer"} // one allocation
	header["Cache-Control"] = values[0:1:1]
	header["X-Content-Type-Options"] = values[1:2:2]
	header["Referrer-Policy"] = values[2:3:3]
}

// addHeader adds what strategies asked for, but for what could break the
// response: net/http would mend it, into something that nobody meant.
func (c *core) addHeader(header, more http.Header) {
	for key, values := range more {
		for _, value := range values {
			if !challenge.Token(key) || !challenge.Valid(value) {
				c.log.Error("passport: dropped a header that is not printable ASCII", "header", clipped(key))
				continue
			}
			header.Add(key, value)
		}
	}
}

func notAllowed(w http.ResponseWriter) *Failure {
	w.Header().Set("Allow", http.MethodPost)
	return &Failure{Code: CodeMethodNotAllowed, Status: http.StatusMethodNotAllowed}
}

// redirect sends the browser on with 303, so that it never sends a password
// again. A location that could break the header is a mistake: 500.
func (c *core) redirect(w http.ResponseWriter, r *http.Request, location string) {
	if location == "" || !challenge.Valid(location) {
		f := &Failure{Code: CodeInternal, Status: http.StatusInternalServerError}
		c.report(w, r, f, fmt.Errorf("passport: cannot redirect to %q", clipped(location)))
		writeProblem(w, r, f, "")
		return
	}
	w.Header().Set("Location", location)
	w.WriteHeader(http.StatusSeeOther)
}

// requestIDHeader joins an answer with its line in the log.
const requestIDHeader = "X-Request-Id"
