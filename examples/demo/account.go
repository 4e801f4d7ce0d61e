package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gopassport/passport"
)

// account shows who is signed in, and how.
func (s *site) account(w http.ResponseWriter, r *http.Request, _ *User) {
	s.showAccount(w, r, http.StatusOK, "")
}

// accountRefused is where an account elsewhere that was not connected leads:
// what is left for the page is why.
const accountRefused = "/account?refused"

func (s *site) showAccount(w http.ResponseWriter, r *http.Request, status int, why string) {
	session := s.auth.Session(r.Context()).Record()
	user, _ := s.auth.User(r.Context())
	identities, err := s.users.db.identities(r.Context(), user)
	if err != nil {
		s.auth.Refuse(w, r, err)
		return
	}
	refused := ""
	if r.URL.Query().Has("refused") {
		refused = strings.Join(s.messages(w, r), " ")
	}
	s.render(w, r, status, page{Name: "account", Title: "Account", Error: why, Data: map[string]any{
		"SignedIn": time.UnixMilli(session.AuthTime),
		"Until":    time.UnixMilli(session.Absolute),
		"Password": user.hash != "",
		"Accounts": identities,
		"Refused":  refused,
	}})
}

// changePassword needs the current password, checked by the strategy that
// also signs in, so that guesses are counted together.
func (s *site) changePassword(w http.ResponseWriter, r *http.Request, user *User) {
	ctx := r.Context()
	verified, err := s.local.Verify(ctx, user.Name, r.PostFormValue("current"))
	if err == nil {
		user, err = s.users.setPassword(ctx, verified, r.PostFormValue("password"))
	}
	if f, ok := errors.AsType[*passport.Failure](err); ok && f.Status < http.StatusInternalServerError {
		why := f.Message
		if f.Code == passport.CodeInvalidCredentials {
			why = "That is not your current password."
		}
		s.showAccount(w, r, f.Status, why)
		return
	}
	if err == nil {
		// The new stamp has ended every session of this user, this one too.
		err = s.auth.Login(w, r, user, nil)
	}
	if err == nil {
		// Nobody can use the others any more; this takes them off the list.
		_, err = s.sessions.RevokeOthers(ctx, user.Key(), s.auth.Session(ctx).Record().ID)
	}
	if err != nil {
		s.auth.Refuse(w, r, err)
		return
	}
	s.auth.Flash(w, "Your password is changed. You are signed out everywhere else.")
	http.Redirect(w, r, "/account", http.StatusSeeOther)
}

// me tells a program who is asking, and how the request was authenticated.
func (s *site) me(w http.ResponseWriter, r *http.Request, user *User) {
	session := s.auth.Session(r.Context()).Record()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"id":   user.ID,
		"name": user.Name,
		"authenticated": map[string]any{
			"by":      s.auth.Strategy(r.Context()),
			"factors": strings.Fields(session.Factors),
			"at":      time.UnixMilli(session.AuthTime).UTC(),
		},
	})
}
