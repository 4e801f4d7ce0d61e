package refresh

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/sessions"
)

// values are what a record keeps of a family that a session has no field for.
type values struct {
	Client string `json:"client,omitempty"`
	Scope  string `json:"scope,omitempty"`
}

const valuesKey = "refresh"

// record is a new family as it is stored. Its times are the server's.
func (f *Families) record(family Family, id sessions.ID) (sessions.Record, error) {
	text, err := json.Marshal(values{family.Client, family.Scope})
	if err != nil {
		return sessions.Record{}, err
	}
	data, err := sessions.EncodeValues(map[string]json.RawMessage{valuesKey: text})
	if err != nil {
		return sessions.Record{}, fmt.Errorf("refresh: %w", err)
	}
	now := time.Now()
	r := sessions.Record{
		ID: id, User: family.User, Data: data, Factors: family.Factors, Stamp: family.Stamp,
		Created: now.UnixMilli(), LastSeen: now.UnixMilli(), Version: 1,
		Absolute: now.Add(f.o.Absolute).UnixMilli(),
		Origin:   &sessions.Origin{Realm: f.realm, Address: words(family.Address, 45), Agent: words(family.Agent, 256)},
	}
	if !family.Expires.IsZero() {
		r.Absolute = min(r.Absolute, family.Expires.UnixMilli())
	}
	if !family.AuthTime.IsZero() {
		r.AuthTime = family.AuthTime.UnixMilli()
	}
	r.Idle = min(now.Add(f.o.Idle).UnixMilli(), r.Absolute)
	return r, nil
}

// familyOf is the inverse of record.
func familyOf(r sessions.Record) Family {
	var v values
	_ = json.Unmarshal(sessions.DecodeValues(r.Data)[valuesKey], &v) // of another version: no client and no scope
	f := Family{
		User: r.User, Client: v.Client, Scope: v.Scope, Factors: r.Factors, Stamp: r.Stamp,
		Handle: r.ID.Handle(), Created: time.UnixMilli(r.Created), LastUsed: time.UnixMilli(r.LastSeen),
		Expires: time.UnixMilli(min(r.Idle, r.Absolute)),
	}
	if r.AuthTime != 0 {
		f.AuthTime = time.UnixMilli(r.AuthTime)
	}
	if r.Origin != nil {
		f.Address, f.Agent = r.Origin.Address, r.Origin.Agent
	}
	return f
}

// ask asks the application whether a family may go on.
func (f *Families) ask(ctx context.Context, r sessions.Record, check func(context.Context, Family) error) error {
	err := check(ctx, familyOf(r))
	if _, refused := passport.AsRefusal(err); refused {
		return f.end(ctx, r.ID, fmt.Errorf("%w: %w", ErrInvalid, err))
	}
	return err
}

// hear tells the application of a reuse.
func (f *Families) hear(ctx context.Context, family Family) {
	defer func() {
		if p := recover(); p != nil {
			f.log.ErrorContext(ctx, "refresh: OnReuse panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	f.o.OnReuse(ctx, family)
}
