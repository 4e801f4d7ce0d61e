// Package wycheproof holds the verification of signed tokens against the
// vectors of Project Wycheproof. It is a module of its own, and all of it is
// tests.
package wycheproof
