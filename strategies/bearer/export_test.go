package bearer

// Active is what the answer of a server says, where it is one.
func Active(answer []byte) (active, ok bool) {
	a, err := parse(answer)
	return err == nil && *a.Active, err == nil
}
