package compile

// values gives numbers to names. Unlike a map it is there when the program starts: filling
// a map takes a moment of every start, and the pages that it writes to were shared until
// then and have to be copied.
type values []struct {
	name  string
	value uint64
}

func (v values) of(name string) (value uint64, ok bool) {
	for i := range v {
		if v[i].name == name {
			return v[i].value, true
		}
	}
	return 0, false
}
