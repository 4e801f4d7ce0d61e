package few_test

import (
	"slices"
	"testing"

	"github.com/gopassport/passport/internal/few"
)

func TestList(t *testing.T) {
	t.Parallel()
	var l few.List[int]
	var want []int
	for i := range 10 {
		if got := l.All(); !slices.Equal(got, want) || l.Len() != i {
			t.Errorf("%d items: got %v, want %v", l.Len(), got, want)
		}
		l.Add(i)
		want = append(want, i)
	}
	if l.First() != 0 {
		t.Errorf("first: got %d, want 0", l.First())
	}
}
