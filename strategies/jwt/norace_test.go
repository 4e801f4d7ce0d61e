//go:build !race

package jwt_test

const forgotten = 0
