package absent_test

import (
	"errors"
	"testing"

	"github.com/gopassport/passport/internal/absent"
)

type thing struct {
	list []int // cannot be compared
}

// E16: what is nobody, whatever the type of users is.
func TestAbsent(t *testing.T) {
	t.Parallel()
	var none *thing
	for name, got := range map[string][2]bool{
		"nil":                     {absent.Nil(nil), true},
		"nil pointer":             {absent.Nil(none), true},
		"nil pointer in an error": {absent.Nil(error((*failure)(nil))), true},
		"nil func":                {absent.Nil((func())(nil)), true},
		"value":                   {absent.Nil(thing{}), false},
		"pointer":                 {absent.Nil(&thing{}), false},
		"user: nil pointer":       {absent.User[*thing]()(nil), true},
		"user: pointer":           {absent.User[*thing]()(&thing{}), false},
		"user: zero struct":       {absent.User[thing]()(thing{}), true},
		"user: struct":            {absent.User[thing]()(thing{list: []int{1}}), false},
		"user: empty string":      {absent.User[string]()(""), true},
		"user: string":            {absent.User[string]()("ann"), false},
		"user: nil interface":     {absent.User[error]()(nil), true},
		"user: typed nil":         {absent.User[error]()((*failure)(nil)), true},
		"user: interface":         {absent.User[error]()(errors.New("x")), false},
		"user: nil map":           {absent.User[map[string]int]()(nil), true},
	} {
		if got[0] != got[1] {
			t.Errorf("%s: %t", name, got[0])
		}
	}
}

type failure struct{}

func (*failure) Error() string { return "" }
