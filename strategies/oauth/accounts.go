package oauth

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"slices"

	"github.com/gopassport/passport"
)

// ErrLinkRequired: an account has the e-mail address of an identity that
// nothing proves to be its owner's. The person has to sign in to it first, and
// join the two there.
var ErrLinkRequired = errors.New("oauth: the identity has to be joined to its account by its owner")

// Accounts is the usual policy for identities: whose account is it, may it be
// joined to one that is there, or is it a new one? Resolve is the function
// for [New].
//
// An identity is joined to an account of the same e-mail address only if a
// provider that the application trusts has verified the address, and the
// application itself has verified it too. Otherwise somebody could take an
// account over by an address that he does not own, or wait in one for its
// owner to join him.
//
// The functions are called by many requests at once. Their errors are those of
// every function of the application: passport.ErrNoUser and sql.ErrNoRows say
// that there is none.
type Accounts[U any] struct {
	// ByIdentity finds the account that the identity, by Issuer and Subject,
	// is joined to.
	ByIdentity func(ctx context.Context, id *Identity) (U, error)
	// ByEmail finds the account with an address, whoever it belongs to, and
	// tells whether the application has verified that. Compare addresses as
	// they are compared where accounts are registered. Nil: accounts have no
	// addresses, and none is ever joined.
	ByEmail func(ctx context.Context, email string) (user U, verified bool, err error)
	// Join joins the identity to the account. One that is joined to another has
	// to fail. Nil: never, so that the owner has to.
	Join func(ctx context.Context, user U, id *Identity) error
	// Create makes a new account with the identity joined to it, in one step.
	// A second one for the same identity has to fail. It is told that an
	// address is verified only where a trusted issuer says so. A
	// *passport.Detour asks for a nickname first. Nil: nobody signs up here.
	Create func(ctx context.Context, id *Identity) (U, error)
	// TrustedIssuers are those whose word on e-mail addresses counts: they
	// verify each, and belong to nobody who may claim any. Default: none.
	TrustedIssuers []string
}

// Resolve finds, joins or creates the account of an identity. An account that
// may be its, and may be somebody else's, is a refusal that wraps
// [ErrLinkRequired].
func (a Accounts[U]) Resolve(ctx context.Context, id *Identity) (U, error) {
	var nobody U
	if a.ByIdentity == nil {
		return nobody, errors.New("oauth: Accounts needs a function ByIdentity")
	}
	user, err := a.ByIdentity(ctx, id)
	if !isNobody(err) {
		return user, err
	}
	if !slices.Contains(a.TrustedIssuers, id.Issuer) && id.EmailStatus == EmailVerified {
		doubted := *id
		doubted.EmailStatus = EmailUnknown
		id = &doubted
	}
	if id.Email != "" && a.ByEmail != nil {
		user, verified, err := a.ByEmail(ctx, id.Email)
		switch {
		case isNobody(err):
		case err != nil:
			return nobody, err
		case verified && id.EmailStatus == EmailVerified && a.Join != nil:
			return a.settle(ctx, id, user, a.Join(ctx, user, id))
		default:
			return nobody, &passport.Failure{
				Code: CodeLinkRequired, Status: http.StatusConflict,
				Message: "Sign in to your account first, and join this sign-in to it there.", Err: ErrLinkRequired,
			}
		}
	}
	if a.Create == nil {
		return nobody, passport.ErrNoUser
	}
	user, err = a.Create(ctx, id)
	return a.settle(ctx, id, user, err)
}

// settle is user. Where Join or Create failed, another tab may have been first:
// then it is whom that has joined or created.
func (a Accounts[U]) settle(ctx context.Context, id *Identity, user U, err error) (U, error) {
	if err == nil {
		return user, nil
	}
	if _, detour := errors.AsType[*passport.Detour](err); !detour {
		if user, again := a.ByIdentity(ctx, id); again == nil {
			return user, nil
		}
	}
	var nobody U
	return nobody, err
}

// isNobody tells nobody from an outage.
func isNobody(err error) bool {
	return errors.Is(err, passport.ErrNoUser) || errors.Is(err, sql.ErrNoRows)
}
