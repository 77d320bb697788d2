package strictjson

import (
	"strconv"
	"strings"
)

// number takes the text of a number, of any kind.
func (r *Reader) number() (text string, whole bool) {
	if r.err != nil {
		return "", false
	}
	if c := r.space(); c != '-' && (c < '0' || c > '9') {
		r.want(0, "a number")
		return "", false
	}
	start := r.pos
	r.take("-")
	first := r.pos
	sound := r.digits() && (r.data[first] != '0' || r.pos == first+1)
	whole = true
	if r.take(".") {
		whole, sound = false, r.digits() && sound
	}
	if r.take("eE") {
		r.take("+-")
		whole, sound = false, r.digits() && sound
	}
	if !sound {
		r.broken("a number that is none")
		return "", false
	}
	return string(r.data[start:r.pos]), whole
}

// take passes over one of the given characters if it is next.
func (r *Reader) take(any string) bool {
	if r.pos < len(r.data) && strings.IndexByte(any, r.data[r.pos]) >= 0 {
		r.pos++
		return true
	}
	return false
}

// digits tells whether there was at least one.
func (r *Reader) digits() bool {
	start := r.pos
	for r.pos < len(r.data) && r.data[r.pos] >= '0' && r.data[r.pos] <= '9' {
		r.pos++
	}
	return r.pos > start
}

// Int reads a whole number of the given width in bits.
func (r *Reader) Int(bits int) int64 {
	at := r.skipTo()
	text, whole := r.number()
	if r.err != nil {
		return 0
	}
	n, err := strconv.ParseInt(text, 10, bits)
	r.checkNumber(at, text, whole, err, "a whole number of "+strconv.Itoa(bits)+" bits")
	return n
}

// Uint reads a whole number that is not negative.
func (r *Reader) Uint(bits int) uint64 {
	at := r.skipTo()
	text, whole := r.number()
	if r.err != nil {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, bits)
	r.checkNumber(at, text, whole, err, "a whole number from 0 to "+strconv.FormatUint(1<<bits-1, 10))
	return n
}

func (r *Reader) skipTo() int {
	if r.err == nil {
		r.space()
	}
	return r.pos
}

func (r *Reader) checkNumber(at int, text string, whole bool, err error, want string) {
	if !whole || err != nil {
		r.fail(at, r.Field(), "must be "+want+", not "+text)
	}
}
