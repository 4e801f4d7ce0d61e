package main

import (
	"context"
	"errors"
	"sync"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/strategies/oauth"
)

// A Person has signed in here.
type Person struct {
	ID, Name, Email string
	By              string // the button
}

// Key is what a session keeps.
func (p *Person) Key() string { return p.ID }

// people are those who have signed in, in memory: a database in your site.
type people struct {
	mu         sync.Mutex
	byIdentity map[string]*Person // by oauth.Identity.Key
}

func newPeople() *people { return &people{byIdentity: make(map[string]*Person)} }

func (s *people) byKey(_ context.Context, id string) (*Person, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.byIdentity[id]; p != nil {
		return p, nil
	}
	return nil, passport.ErrNoUser
}

// accounts is the policy: whoever comes for the first time gets an account.
func (s *people) accounts(label string) oauth.Accounts[*Person] {
	return oauth.Accounts[*Person]{
		ByIdentity: func(ctx context.Context, id *oauth.Identity) (*Person, error) { return s.byKey(ctx, id.Key()) },
		Create: func(_ context.Context, id *oauth.Identity) (*Person, error) {
			return s.create(&Person{ID: id.Key(), Name: id.Name, Email: id.Email, By: label})
		},
	}
}

var errExists = errors.New("social: the account is there")

func (s *people) create(p *Person) (*Person, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byIdentity[p.ID] != nil {
		return nil, errExists
	}
	s.byIdentity[p.ID] = p
	return p, nil
}
