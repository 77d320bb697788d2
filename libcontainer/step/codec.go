package step

import (
	"errors"
	"unsafe"
)

// Codec carries steps between the processes: one method per kind of field, used
// in both directions, so that writer and reader cannot differ. It never panics
// on bad input; the first error sticks.
type Codec struct {
	buf     []byte
	reading bool
	err     error
}

var errShort = errors.New("plan: message ends in the middle of a field")

// take gives the next n bytes when reading.
func (c *Codec) take(n int) []byte {
	if c.err != nil || n < 0 || n > len(c.buf) {
		if c.err == nil {
			c.err = errShort
		}
		return nil
	}
	b := c.buf[:n:n]
	c.buf = c.buf[n:]
	return b
}

// Uint64 carries a number of up to 64 bits, the lower ones first, seven to a byte: most
// are small.
func (c *Codec) Uint64(v *uint64) {
	if c.reading {
		*v = c.number()
		return
	}
	n := *v
	for n >= 0x80 {
		c.buf = append(c.buf, byte(n)|0x80)
		n >>= 7
	}
	c.buf = append(c.buf, byte(n))
}

func (c *Codec) number() (n uint64) {
	if c.err == nil && len(c.buf) > 0 && c.buf[0] < 0x80 { // nearly always
		n, c.buf = uint64(c.buf[0]), c.buf[1:]
		return n
	}
	for shift := uint(0); shift < 64; shift += 7 {
		b := c.take(1)
		if b == nil {
			return 0
		}
		n |= uint64(b[0]&0x7f) << shift
		if b[0] < 0x80 {
			return n
		}
	}
	c.take(-1)
	return 0
}

// Int carries a signed number.
func (c *Codec) Int(v *int) { number(c, v) }

// Int64 carries a signed number of 64 bits.
func (c *Codec) Int64(v *int64) { number(c, v) }

// Uint32 carries an id, a mode or a set of flags.
func (c *Codec) Uint32(v *uint32) { number(c, v) }

func number[T int | int64 | uint32](c *Codec, v *T) {
	n := uint64(*v)
	c.Uint64(&n)
	if c.reading {
		*v = T(n)
	}
}

// Bool carries a yes or no.
func (c *Codec) Bool(v *bool) {
	var n uint64
	if *v {
		n = 1
	}
	c.Uint64(&n)
	if c.reading {
		*v = n != 0
	}
}

// String carries a string of any bytes.
func (c *Codec) String(v *string) {
	n := len(*v)
	c.Int(&n)
	if c.reading {
		// Not a copy: the message stays as it is for as long as the plan lives.
		*v = ""
		if b := c.take(n); len(b) > 0 {
			*v = unsafe.String(&b[0], len(b))
		}
		return
	}
	c.buf = append(c.buf, *v...)
}

// Strings carries a list of strings.
func (c *Codec) Strings(v *[]string) { List(c, v, func(c *Codec, s *string) { c.String(s) }) }

// Uint32s carries a list of ids.
func (c *Codec) Uint32s(v *[]uint32) { List(c, v, func(c *Codec, n *uint32) { c.Uint32(n) }) }

// List carries a list whose elements each passes through the codec.
func List[T any](c *Codec, v *[]T, each func(*Codec, *T)) {
	n := len(*v)
	c.Int(&n)
	if c.reading {
		// An element takes at least one byte: a longer list is a lie, and must
		// not make us allocate.
		if c.err != nil || n < 0 || n > len(c.buf) {
			c.take(-1)
			return
		}
		*v = make([]T, n)
		if n == 0 {
			*v = nil
		}
	}
	for i := range *v {
		each(c, &(*v)[i])
	}
}

// Encode writes the plan for the child.
func (p Plan) Encode() ([]byte, error) {
	c := &Codec{buf: make([]byte, 0, 4096+128*len(p))}
	n := len(p)
	c.Int(&n)
	for i := range p {
		kind := kindOf(p[i].Step)
		if kind < 0 {
			return nil, errors.New("plan: no kind is registered for step " + p[i].Step.String())
		}
		c.Int(&kind)
		c.String(&p[i].Field)
		p[i].Step.Fields(c)
	}
	return c.buf, nil
}

// Decode reads what Encode wrote. The strings of the plan are parts of b, which must
// not change any more.
func Decode(b []byte) (Plan, error) {
	c := &Codec{buf: b, reading: true}
	var n int
	c.Int(&n)
	if c.err != nil || n < 0 || n > len(b) {
		return nil, errShort
	}
	p := make(Plan, n)
	for i := range p {
		var kind int
		c.Int(&kind)
		if c.err != nil {
			return nil, c.err
		}
		if kind < 0 || kind >= len(kinds) {
			return nil, errors.New("plan: unknown kind of step")
		}
		c.String(&p[i].Field)
		p[i].Step = kinds[kind].make()
		p[i].Step.Fields(c)
	}
	if c.err == nil && len(c.buf) != 0 {
		c.err = errors.New("plan: bytes left over after the last step")
	}
	return p, c.err
}
