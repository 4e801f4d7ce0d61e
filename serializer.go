package passport

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/gopassport/passport/internal/absent"
)

// A Serializer says what a session keeps of a user, and finds the user again.
// It is safe for concurrent use.
type Serializer[U any] interface {
	// Serialize returns what names the user: an id, never empty, at most 255
	// bytes, that is never given to another user.
	Serialize(ctx context.Context, user U) (string, error)
	// Deserialize finds the user at every request. ErrNoUser (or another
	// refusal, see Failure, or a nil user) ends the session. Any other error
	// answers 503, and the session stays.
	Deserialize(ctx context.Context, id string) (U, error)
}

// A Stamper is a [Serializer] whose sessions end when the user's stamp
// changes: let it be a counter that is raised with the password, and a new
// password ends every other session at once, also one whose login is still
// under way. They end when they are next used; [sessions.Manager.RevokeOthers]
// takes them out of the user's list at once. Never the password hash itself: a hash that is made anew at a
// higher cost would sign everyone out. A session from before there was a
// Stamper ends.
type Stamper[U any] interface {
	Stamp(user U) string
}

// SerializeBy makes a Serializer of the function that gives a user's id and
// the one that finds a user by it.
func SerializeBy[U any](id func(U) string, load func(context.Context, string) (U, error)) Serializer[U] {
	if id == nil || load == nil {
		panic("passport: SerializeBy needs two functions: a user's id, and the user of an id")
	}
	return by[U]{id, load}
}

type by[U any] struct {
	id   func(U) string
	load func(context.Context, string) (U, error)
}

func (s by[U]) Serialize(_ context.Context, user U) (string, error) { return s.id(user), nil }

func (s by[U]) Deserialize(ctx context.Context, id string) (U, error) { return s.load(ctx, id) }

// StampBy makes a Serializer a [Stamper].
func StampBy[U any](s Serializer[U], stamp func(U) string) Serializer[U] {
	if absent.Nil(s) || stamp == nil {
		panic("passport: StampBy needs a Serializer and a function")
	}
	return stamped[U]{s, stamp}
}

type stamped[U any] struct {
	Serializer[U]
	stamp func(U) string
}

func (s stamped[U]) Stamp(user U) string { return s.stamp(user) }

// Serializers asks each link in order; one that returns ErrPass leaves the
// user, or the id, to the next. Links must tell their ids apart, by a prefix
// for instance. The chain is a [Stamper] if any of its links is.
func Serializers[U any](links ...Serializer[U]) Serializer[U] {
	if len(links) == 0 {
		panic("passport: Serializers needs at least one link")
	}
	stamps := false
	for _, link := range links {
		if absent.Nil(link) {
			panic("passport: a link of Serializers is nil")
		}
		_, ok := link.(Stamper[U])
		stamps = stamps || ok
	}
	chain := serializers[U](links)
	if !stamps {
		return chain
	}
	return StampBy(Serializer[U](chain), chain.stamp)
}

type serializers[U any] []Serializer[U]

func (links serializers[U]) Serialize(ctx context.Context, user U) (string, error) {
	for _, link := range links {
		id, err := link.Serialize(ctx, user)
		if !errors.Is(err, ErrPass) {
			return id, err
		}
	}
	return "", errors.New("passport: no serializer took the user")
}

// stamp is that of the link that takes the user.
func (links serializers[U]) stamp(user U) string {
	for _, link := range links {
		if _, err := link.Serialize(context.Background(), user); errors.Is(err, ErrPass) {
			continue
		}
		if s, ok := link.(Stamper[U]); ok {
			return s.Stamp(user)
		}
		break
	}
	return ""
}

func (links serializers[U]) Deserialize(ctx context.Context, id string) (U, error) {
	for _, link := range links {
		user, err := link.Deserialize(ctx, id)
		if !errors.Is(err, ErrPass) {
			return user, err
		}
	}
	var nobody U
	return nobody, errors.New("passport: no serializer took the id")
}

// serialize asks the application for the user's id.
func (a *Authenticator[U]) serialize(ctx context.Context, user U) (string, error) {
	id, err := a.serializer.Serialize(ctx, user)
	switch {
	case err != nil:
		return "", fmt.Errorf("passport: serialize: %w", err)
	case id == "" || len(id) > 255:
		return "", fmt.Errorf("passport: Serialize returned %d bytes; it needs 1 to 255", len(id))
	}
	return id, nil
}

// stampChars is the length of the hash of a stamp: 96 bits.
const stampChars = 16

func (a *Authenticator[U]) stamp(user U) (sum [stampChars]byte, ok bool) {
	if a.stamper == nil {
		return sum, false
	}
	digest := sha256.Sum256([]byte(a.stamper.Stamp(user)))
	base64.RawURLEncoding.Encode(sum[:], digest[:stampChars*6/8])
	return sum, true
}

// stampFits tells whether the user's stamp is the one kept in the session.
func (a *Authenticator[U]) stampFits(user U, kept string) bool {
	sum, ok := a.stamp(user)
	return !ok || subtle.ConstantTimeCompare(sum[:], []byte(kept)) == 1
}
