package vault

// Recode decodes and encodes, for its fuzz target.
func Recode(plain []byte) ([]byte, error) {
	e, err := decode(plain)
	if err != nil {
		return nil, err
	}
	return e.encode(), nil
}
