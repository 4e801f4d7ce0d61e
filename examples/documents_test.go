// Package examples_test imports what the documents show and no example uses,
// so that their blocks can be compiled from this module.
package examples_test

import _ "github.com/gopassport/passport/strategies/oauth/vault"
