// Package examples_test imports what the documents show and no example uses,
// so that their blocks can be compiled from this module.
package examples_test

import (
	_ "github.com/gorilla/sessions"
	_ "github.com/markbates/goth/providers/twitch"

	_ "github.com/gopassport/passport/sessions/gorilla"
	_ "github.com/gopassport/passport/sessions/scs"
	_ "github.com/gopassport/passport/strategies/oauth/gothprovider"
	_ "github.com/gopassport/passport/strategies/oauth/vault"
)
