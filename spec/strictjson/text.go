package strictjson

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// String reads a string.
func (r *Reader) String() string {
	if !r.want('"', "a string") {
		return ""
	}
	return r.text()
}

// text reads a string of which the first quote is next. Most hold no escape and are
// taken as they are.
func (r *Reader) text() string {
	if r.err != nil {
		return ""
	}
	start, plain := r.pos+1, true
	for i := start; i < len(r.data); i++ {
		switch c := r.data[i]; {
		case c == '"' && plain:
			r.pos = i + 1
			return r.whole[start:i]
		case c == '"':
			return r.valid(r.whole[start:i], start, i+1)
		case c == '\\':
			return r.escaped(start, i)
		case c < ' ':
			r.control(i)
			return ""
		case c >= utf8.RuneSelf:
			plain = false
		}
	}
	r.pos = len(r.data)
	r.broken("the document ends inside a string")
	return ""
}

func (r *Reader) valid(s string, start, next int) string {
	if !utf8.ValidString(s) {
		r.fail(start+invalidAt(r.data[start:next]), r.Field(), "invalid UTF-8 in a string")
		return ""
	}
	r.pos = next
	return s
}

// invalidAt gives the place of the first byte that is no UTF-8.
func invalidAt(b []byte) int {
	for at := 0; at < len(b); {
		c, n := utf8.DecodeRune(b[at:])
		if c == utf8.RuneError && n == 1 {
			return at
		}
		at += n
	}
	return 0
}

// control reports a character that may stand in a string only as an escape.
func (r *Reader) control(at int) {
	r.pos = at
	if r.data[at] == '\n' || r.data[at] == '\r' {
		r.broken("the line ends inside a string: its closing quote is missing, or the control character must be escaped")
		return
	}
	r.broken("a control character must be escaped in a string")
}

func (r *Reader) escaped(start, at int) string {
	var b strings.Builder
	b.Write(r.data[start:at])
	for i := at; i < len(r.data); i++ {
		switch c := r.data[i]; {
		case c == '"':
			return r.valid(b.String(), start, i+1)
		case c < ' ':
			r.control(i)
			return ""
		case c == '\\':
			n := r.escape(&b, i)
			if r.err != nil {
				return ""
			}
			i += n - 1
		default:
			b.WriteByte(c)
		}
	}
	r.pos = len(r.data)
	r.broken("the document ends inside a string")
	return ""
}

var escapes = [...]struct{ name, is byte }{{'"', '"'}, {'\\', '\\'}, {'/', '/'}, {'b', '\b'}, {'f', '\f'}, {'n', '\n'}, {'r', '\r'}, {'t', '\t'}}

// escape reads one escape sequence and gives its length.
func (r *Reader) escape(b *strings.Builder, at int) int {
	if at+1 < len(r.data) {
		for _, e := range escapes {
			if e.name == r.data[at+1] {
				b.WriteByte(e.is)
				return 2
			}
		}
	}
	c, ok := r.hex(at)
	n := 6
	if ok && c >= 0xd800 && c < 0xdc00 {
		low, paired := r.hex(at + 6)
		ok = paired && low >= 0xdc00 && low < 0xe000
		c = 0x10000 + (c-0xd800)<<10 + (low - 0xdc00)
		n = 12
	} else if c >= 0xdc00 && c < 0xe000 {
		ok = false
	}
	r.pos = at
	switch {
	case !ok:
		r.broken("invalid escape in a string")
	case c == 0:
		r.Fail("a NUL byte in a string")
	}
	b.WriteRune(c)
	return n
}

func (r *Reader) hex(at int) (rune, bool) {
	if at+6 > len(r.data) || r.data[at] != '\\' || r.data[at+1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(r.data[at+2:at+6]), 16, 16)
	return rune(n), err == nil
}
