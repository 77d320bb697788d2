package compile

// values of names. Unlike a map it is there when the program starts: to fill
// one takes a moment of every start, and what is written then was shared before
// and has to be copied.
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
