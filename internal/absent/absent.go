// Package absent tells values that are nobody and nothing.
package absent

import "reflect"

// Nil tells whether v is nil, or an interface around a nil.
func Nil(v any) bool {
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Pointer, reflect.Func, reflect.Map, reflect.Slice, reflect.Chan:
		return r.IsNil()
	}
	return false
}

// User returns what tells a user that is nobody: the zero U, nil, or an
// interface around a nil. Pointers, which users mostly are, need no
// reflection when a request is served.
func User[U any]() func(U) bool {
	if reflect.TypeFor[U]().Kind() == reflect.Pointer {
		var none U
		return func(user U) bool { return any(user) == any(none) }
	}
	return func(user U) bool {
		v := reflect.ValueOf(&user).Elem()
		for v.Kind() == reflect.Interface {
			v = v.Elem()
		}
		return !v.IsValid() || v.IsZero()
	}
}
