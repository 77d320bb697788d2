package step

import (
	"errors"

	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// EncodeFailure writes an error for the other process. Errno, kernel text, field,
// step and hint travel as data; anything else as its text.
func EncodeFailure(err error) []byte {
	var f Failure
	var failure *Failure
	if errors.As(err, &failure) {
		f = *failure
	} else {
		f.Err = err
	}
	var call *sys.Error
	var problem *Problem
	kind, text, hint := 0, f.Err.Error(), ""
	var record sys.Error
	switch {
	case errors.As(f.Err, &call):
		kind, record = 1, *call
	case errors.As(f.Err, &problem):
		kind, text, hint = 2, problem.Text, problem.Hint
	}
	c := &Codec{}
	failureFields(c, &f, &kind, &text, &hint, &record)
	return c.buf
}

// DecodeFailure reads what EncodeFailure wrote; bytes that are none become a failure
// that says so.
func DecodeFailure(b []byte) *Failure {
	c := &Codec{buf: b, reading: true}
	var f Failure
	var kind int
	var text, hint string
	var record sys.Error
	failureFields(c, &f, &kind, &text, &hint, &record)
	switch {
	case c.err != nil:
		f.Err = &Problem{Text: "the child reported a failure that cannot be read"}
	case kind == 1:
		f.Err = &record
	default:
		f.Err = &Problem{Text: text, Hint: hint}
	}
	return &f
}

func failureFields(c *Codec, f *Failure, kind *int, text, hint *string, record *sys.Error) {
	c.Int(&f.Index)
	c.String(&f.Field)
	c.String(&f.Step)
	c.Int(kind)
	c.String(text)
	c.String(hint)
	c.String(&record.Call)
	n := int(record.Errno)
	c.Int(&n)
	record.Errno = errnoOf(n)
	c.String(&record.Kernel)
	c.String(&record.Hint)
}
