// Package examples_test has what the documents import and no example does, so
// that their Go blocks compile in this module.
package examples_test

import (
	_ "github.com/gopassport/passport/strategies/oauth/oidcprovider"
)
