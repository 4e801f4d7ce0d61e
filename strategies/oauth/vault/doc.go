// Package vault keeps the tokens that providers issued, encrypted and on the
// server, for applications that call a provider's API when its user is away.
//
//	v, err := vault.New(store, vault.Config{
//		Keys:      []vault.Key{{ID: "2026", Secret: secret}},
//		Providers: map[string]oauth.Provider{"github": github},
//	})
//
//	err = v.Save(ctx, user.ID, "github", identity.Tokens) // oauth.Options.KeepTokens leaves them there
//	tokens, err := v.Token(ctx, user.ID, "github")        // fresh
//	client := v.Client(user.ID, "github", nil)            // sends them
//
// Whoever does not call this package keeps no tokens.
//
// # Where they are
//
// In a store of sessions, with a table or a prefix of its own, or shared with
// the sessions, whose sweeps and sign-outs leave tokens alone. One record per
// user and provider has its user's id in the clear, and the tokens under
// AES-256-GCM, bound to user, provider and key: a record that is moved to
// another user or provider does not open. Nothing of them is in a cookie, in a
// session, or in the memory of the process between two calls.
//
// # Refreshing
//
// A token that ends within [Config.Early] is traded for a new one, where the
// provider is an [oauth.Refresher]: by one call of a process at a time, and by
// one process at a time. Many providers let a refresh token be used once, and
// take a second use for theft, which ends everything that they issued to the
// person. So who is about to use one first writes a lease into the record, by
// compare-and-set, for three times [Config.Timeout]. The request ends within
// one, the storing within two; the third is for clocks that differ: keep those
// of the servers within a few seconds. What the provider answered is stored
// before it is handed out.
//
// A refresh that has begun is finished though its caller goes away. Where the
// provider refuses the refresh token, the tokens are cleared and the caller
// gets [ErrNoTokens]. Where it cannot be reached or answers nonsense, they are
// kept, the old access token serves as long as it is valid, and the provider
// is left alone for one Timeout.
//
// Between the provider's answer and the record there is a moment in which the
// new tokens are nowhere else. A process that is killed then, or a database
// that stays away for longer than Timeout, loses them: the next refresh, after
// the lease, shows a token that is used up, the provider refuses it, and the
// person has to sign in there again. No order of steps can close that gap: the
// provider has changed its state and we have not.
package vault
