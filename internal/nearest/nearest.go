// Package nearest finds the name that was probably meant.
package nearest

// Name finds the name that is spelled most like the given one; none if
// more than a third of it differs.
func Name[T any](name string, names map[string]T) string {
	best, least := "", max(len(name)/3, 1)+1
	for candidate := range names {
		if d := distance(name, candidate); d < least || d == least && candidate < best {
			best, least = candidate, d
		}
	}
	return best
}

// distance counts the bytes to insert, delete or change (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
