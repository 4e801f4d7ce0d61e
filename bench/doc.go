// Package bench compares what a signed-in request costs here and elsewhere:
// beside a bare SELECT, beside other session libraries for Go, beside Express
// with Passport.js. It is a module of its own, so that rivals and drivers stay
// out of the one that applications import, and all of it is tests.
//
// make bench runs it; docs/performance.md says what is measured, and how.
package bench
