package jwt

import (
	"context"
	"errors"
	"fmt"
)

// A KeySet has several keys, told apart by their ids: the keys of an issuer
// that rotates them, or signs with several algorithms. It does not change.
type KeySet struct {
	named map[keyName]*Key
	only  map[Algorithm]*Key // nil where several keys have the algorithm
}

type keyName struct {
	alg Algorithm
	id  string
}

// Keys returns a KeySet. It is an error to mix secrets with public keys, to
// have two keys with the same id and algorithm, and to have none.
//
// A token without a kid is checked where one key alone has its algorithm. A
// key without an ID checks no token that has a kid.
func Keys(keys ...*Key) (*KeySet, error) {
	if len(keys) == 0 {
		return nil, errors.New("jwt: a set without keys")
	}
	s := &KeySet{named: make(map[keyName]*Key), only: make(map[Algorithm]*Key)}
	for _, k := range keys {
		if k == nil || k.method == nil {
			return nil, errors.New("jwt: a key that was not made by HMAC, PublicKey or NewKey")
		}
		if k.symmetric() != keys[0].symmetric() {
			return nil, errors.New("jwt: a set has secrets or public keys, and never both")
		}
		name := keyName{k.alg, k.id}
		if s.named[name] != nil {
			return nil, fmt.Errorf("jwt: two keys for %s with the id %.40q", k.alg, k.id)
		}
		s.named[name] = k
		if _, several := s.only[k.alg]; several {
			s.only[k.alg] = nil
		} else {
			s.only[k.alg] = k
		}
	}
	return s, nil
}

// Find implements [KeySource].
func (s *KeySet) Find(_ context.Context, alg Algorithm, id string) (*Key, error) {
	k := s.only[alg]
	if id != "" {
		k = s.named[keyName{alg, id}]
	}
	if k == nil {
		return nil, ErrNoKey
	}
	return k, nil
}

func (k *Key) symmetric() bool {
	_, secret := k.material().([]byte)
	return secret
}
