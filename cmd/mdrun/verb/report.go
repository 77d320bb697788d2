package verb

import (
	"errors"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer"
	"github.com/mdrun/mdrun/spec"
)

// Report prints an error and gives the status to exit with: to the log as one record
// that is complete in itself, to standard error for people.
func Report(err error) int {
	var status exitStatus
	if errors.As(err, &status) {
		return int(status)
	}
	r := reportOf(err)
	if log.out != nil {
		emit(log.out, "error", r.complete(), r.fields)
	}
	if log.json && log.out == nil {
		emit(os.Stderr, "error", r.complete(), r.fields)
		return r.status
	}
	_, _ = os.Stderr.WriteString(r.forPeople())
	return r.status
}

// report is an error, taken apart.
type report struct {
	text   string
	hints  []string
	source string // the line of config.json with a caret below it; may be empty
	fields []field
	status int // to exit with
}

func reportOf(err error) *report {
	r := &report{text: oneLine(err.Error()), status: 1}
	var a *Advice
	if errors.As(err, &a) {
		r.hint(a.Hint)
	}
	config := ""
	var e *libcontainer.Error
	if errors.As(err, &e) {
		r.field("stage", e.Op)
		config = e.Field
		r.hint(e.Hint)
		r.each(e.Misspelt)
		if e.Status != 0 {
			r.status = e.Status
		}
	}
	var s *spec.Error
	if errors.As(err, &s) {
		r.source = s.Source
		config = s.Problems[0].Field
		r.problems(s.Problems)
		r.each(s.Misspelt)
	}
	r.field("config", config)
	if e != nil && e.Errno() != 0 {
		r.field("errno", unix.ErrnoName(e.Errno()))
	}
	return r
}

func (r *report) hint(h string) {
	if h != "" {
		r.hints = append(r.hints, oneLine(h))
	}
}

func (r *report) each(hints []string) {
	for _, h := range hints {
		r.hint(h)
	}
}

func (r *report) field(key, value string) {
	if value != "" {
		r.fields = append(r.fields, field{key, value})
	}
}

// problems: of several, each hint says which it is about.
func (r *report) problems(list []spec.Problem) {
	for _, p := range list {
		if p.Hint != "" && len(list) > 1 {
			p.Hint = p.Field + ": " + p.Hint
		}
		r.hint(p.Hint)
	}
}

// complete is all of it on one line: clients show nothing else.
func (r *report) complete() string {
	return strings.Join(append([]string{r.text}, r.hints...), ". ")
}

func (r *report) forPeople() string {
	var b strings.Builder
	b.WriteString("mdrun: " + r.text + "\n")
	if r.source != "" {
		b.WriteString(r.source + "\n")
	}
	for _, h := range r.hints {
		b.WriteString("  " + h + "\n")
	}
	return b.String()
}

// oneLine keeps what came from a configuration or a file name from looking like a
// line of ours, or from driving the terminal.
func oneLine(s string) string {
	if strings.IndexFunc(s, func(c rune) bool { return c == '\ufffd' || !strconv.IsPrint(c) }) < 0 {
		return s
	}
	var b strings.Builder
	for _, c := range s {
		if strconv.IsPrint(c) {
			b.WriteRune(c)
			continue
		}
		q := strconv.QuoteRune(c)
		b.WriteString(q[1 : len(q)-1])
	}
	return b.String()
}
