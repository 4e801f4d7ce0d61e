// Package jwks fetches the keys of an issuer, and keeps them fresh.
package jwks
