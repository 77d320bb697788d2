// Package strictjson reads JSON (RFC 8259) and forgives nothing: keys are compared by
// case, a key that stands twice, text behind the document, a NUL byte in a string,
// invalid UTF-8 and a number that does not fit are errors. It keeps positions, and the
// path of what is being read, for messages that a person can follow. There is no
// reflection: the caller pulls value by value, and so does Writer write.
package strictjson

import "strings"

// Unknown is a key that nobody reads.
type Unknown struct {
	Field     string // the jq path
	Line, Col int
}

// Reader reads one document. The first error sticks: after it every method returns
// zero values, so that callers check once, at the end.
type Reader struct {
	file    string
	data    []byte
	whole   string // data, of which the strings are parts: none needs memory of its own
	pos     int
	depth   int
	path    []part
	err     *Error
	Unknown []Unknown // keys that nobody read, in the order of the document
	last    place     // see position
}

// New reads data; file names it in messages.
func New(file string, data []byte) *Reader {
	return &Reader{file: file, data: data, whole: string(data)}
}

// Err is the first error; nil if there was none.
func (r *Reader) Err() error {
	if r.err == nil {
		return nil
	}
	return r.err
}

// Field is the jq path of the value that is being read.
func (r *Reader) Field() string {
	if len(r.path) == 0 {
		return "."
	}
	var b strings.Builder
	for _, p := range r.path {
		b.WriteString(p.String())
	}
	return b.String()
}

func (r *Reader) space() byte {
	for i := r.pos; i < len(r.data); i++ {
		switch c := r.data[i]; c {
		case ' ', '\t', '\n', '\r':
		default:
			r.pos = i
			return c
		}
	}
	r.pos = len(r.data)
	return 0
}

// End makes sure that nothing follows the document.
func (r *Reader) End() error {
	if r.err == nil {
		r.space()
		if r.pos < len(r.data) {
			r.broken("text behind the end of the document")
		}
	}
	return r.Err()
}

// Null takes a null if one is next.
func (r *Reader) Null() bool {
	if r.err != nil {
		return true
	}
	if r.space() == 'n' {
		return r.word("null")
	}
	return false
}

func (r *Reader) word(w string) bool {
	if strings.HasPrefix(string(r.data[r.pos:min(len(r.data), r.pos+len(w))]), w) {
		r.pos += len(w)
		return true
	}
	r.unexpected("")
	return false
}

// kind names the value that is next, for "must be X, not Y".
func (r *Reader) kind() string {
	switch c := r.space(); {
	case c == '"':
		return "a string"
	case c == '{':
		return "an object"
	case c == '[':
		return "a list"
	case c == 't' || c == 'f':
		return "a boolean"
	case c == 'n':
		return "null"
	case c == '-' || c >= '0' && c <= '9':
		return "a number"
	}
	return ""
}

// want begins a value of one kind.
func (r *Reader) want(c byte, what string) bool {
	if r.err != nil {
		return false
	}
	if r.space() == c {
		return true
	}
	if kind := r.kind(); kind != "" {
		r.Fail("must be " + what + ", not " + kind)
	} else {
		r.unexpected("")
	}
	return false
}

// Bool reads true or false.
func (r *Reader) Bool() bool {
	if r.err != nil {
		return false
	}
	switch r.space() {
	case 't':
		return r.word("true")
	case 'f':
		r.word("false")
		return false
	}
	r.want(0, "true or false")
	return false
}

// Skip passes over a value, whatever it is; it must still be valid JSON.
func (r *Reader) Skip() {
	if r.err != nil {
		return
	}
	switch r.kind() {
	case "a string":
		r.text()
	case "an object":
		r.Object(func(string) bool { r.Skip(); return true })
	case "a list":
		r.Array(func(int) { r.Skip() })
	case "a boolean":
		r.Bool()
	case "null":
		r.Null()
	case "a number":
		r.number()
	default:
		r.unexpected("")
	}
}
