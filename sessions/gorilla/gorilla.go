// Package gorilla joins this module's sessions and those of
// github.com/gorilla/sessions, in both directions.
//
// [NewStore] serves our sessions as a gorilla Store: code that calls
// store.Get(r, name) and session.Save(r, w) then shares the session that
// somebody is signed in with, and loses nothing: see [Store].
//
// [NewKeeper] keeps our sessions in any gorilla Store. Such a store finds a
// session by the cookie of a request and overwrites it; what a
// [sessions.Keeper] promises beyond that, the adapter adds where it can. Two
// instances of a server know nothing of each other's writes:
//
//	lifetimes count on the server           kept
//	a sign-in has a new id and cookie       kept
//	nothing stored works as a cookie        kept: half of what the browser holds is stored nowhere
//	the cookies' attributes                 kept: they are ours, the store's Options do not count
//	a changed version is a conflict         kept within one process
//	of two acknowledged writes none is lost kept within one process
//	an ended session stays ended            kept within one process; elsewhere as NewKeeper finds
//	Replace: old out and new in, one step   kept within one process, but for a crash between the two
//	a one-time value is spent once          kept within one process, until it ends
//	a store that fails is an outage         if it returns an error that it does not return for an unknown session
//	calls end with their context            as NewKeeper finds; otherwise before and after the call
//	a call without a deadline gets one      Options.Timeout; it cuts what a context cuts, and always the wait for a turn
//	list, revoke by user, count, sweep      lost
//
// "Within one process" means: with one instance, or where every request of a
// browser reaches the same one, nothing is lost. With several, two instances
// may overwrite each other's change, and a request that is still running on
// one may bring back a session that was ended on the other. Package sqlstore
// keeps all of these promises in any number of instances. NewKeeper tries the
// store at hand with a session that it throws away, and logs what is lost.
//
// A store that keeps the session itself in the cookie, such as gorilla's
// CookieStore, loses the most: nobody can be signed out of it. It takes
// [Options].InsecureNoLogout.
package gorilla
