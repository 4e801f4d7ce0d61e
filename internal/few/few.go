// Package few is a list that is mostly short.
package few

import "slices"

// A List holds its first items in itself, off the heap.
type List[T any] struct {
	n     int
	first [4]T
	rest  []T
}

// Add appends items.
func (l *List[T]) Add(items ...T) {
	for _, item := range items {
		if l.n < len(l.first) {
			l.first[l.n] = item
		} else {
			l.rest = append(l.rest, item)
		}
		l.n++
	}
}

// Len is the number of items.
func (l *List[T]) Len() int { return l.n }

// First is the first item of a List that has one.
func (l *List[T]) First() T { return l.first[0] }

// All are the items, in order.
func (l *List[T]) All() []T {
	return slices.Concat(l.first[:min(l.n, len(l.first))], l.rest)
}
