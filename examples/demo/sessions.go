package main

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gopassport/passport/sessions"
)

// A device is one row of the list.
type device struct {
	Handle, Name, Address string
	Since, LastSeen       time.Time
	This, Remembered      bool
}

// listSessions shows where the user is signed in, this device first.
func (s *site) listSessions(w http.ResponseWriter, r *http.Request, user *User) {
	records, err := s.sessions.List(r.Context(), user.Key())
	if err != nil {
		s.auth.Refuse(w, r, err)
		return
	}
	here := s.auth.Session(r.Context()).Handle()
	var this, others []device
	for _, record := range records {
		d := device{
			Handle:     record.ID.Handle(),
			Name:       "Unknown device",
			Since:      time.UnixMilli(record.AuthTime),
			LastSeen:   time.UnixMilli(record.LastSeen),
			Remembered: record.Remember,
		}
		if origin := record.Origin; origin != nil {
			d.Name, d.Address = deviceName(origin.Agent), origin.Address
		}
		if d.This = d.Handle == here; d.This {
			this = append(this, d)
		} else {
			others = append(others, d)
		}
	}
	s.render(w, r, http.StatusOK, page{Name: "sessions", Title: "Sessions", Data: map[string]any{
		"Devices": append(this, others...),
		"Others":  len(others),
	}})
}

// revoke ends one session. Ending this one is signing out, cookie included.
func (s *site) revoke(w http.ResponseWriter, r *http.Request, user *User) {
	handle := r.PostFormValue("handle")
	var err error
	to, message := "/sessions", "That device is signed out."
	if handle == s.auth.Session(r.Context()).Handle() {
		to, message = "/", "You are signed out."
		err = s.auth.Logout(w, r)
	} else {
		err = s.sessions.Revoke(r.Context(), user.Key(), handle)
	}
	switch {
	case errors.Is(err, sessions.ErrNotFound):
		message = "That device was signed out already."
	case err != nil:
		s.auth.Refuse(w, r, err)
		return
	}
	s.auth.Flash(w, message)
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// revokeOthers ends all sessions but this one.
func (s *site) revokeOthers(w http.ResponseWriter, r *http.Request, user *User) {
	_, err := s.sessions.RevokeOthers(r.Context(), user.Key(), s.auth.Session(r.Context()).Record().ID)
	if err != nil {
		s.auth.Refuse(w, r, err)
		return
	}
	s.auth.Flash(w, "All other devices are signed out.")
	http.Redirect(w, r, "/sessions", http.StatusSeeOther)
}

// deviceName makes "Chrome on Linux" of a User-Agent. The order matters:
// nearly every browser also names those it descends from.
func deviceName(agent string) string {
	browser := first(agent, "Edg/Edge", "OPR/Opera", "Firefox/Firefox", "FxiOS/Firefox", "Chrome/Chrome", "CriOS/Chrome", "Safari/Safari", "curl/curl")
	system := first(agent, "Android/Android", "iPhone/iPhone", "iPad/iPad", "Windows/Windows", "Mac OS X/macOS", "CrOS/ChromeOS", "Linux/Linux")
	switch {
	case browser != "" && system != "":
		return browser + " on " + system
	case browser+system != "":
		return browser + system
	}
	return "Unknown device"
}

// first is the name behind the slash of the first mark that agent has.
func first(agent string, marks ...string) string {
	for _, pair := range marks {
		if mark, name, _ := strings.Cut(pair, "/"); strings.Contains(agent, mark) {
			return name
		}
	}
	return ""
}
