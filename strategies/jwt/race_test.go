//go:build race

package jwt_test

// forgotten are the allocations of what pools forget under the race detector.
const forgotten = 4
