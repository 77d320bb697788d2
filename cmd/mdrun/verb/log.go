package verb

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer"
	"github.com/mdrun/mdrun/spec"
)

// The log is where warnings go, and errors once more: clients read their reason from
// the last record of level "error" (containerd), or from standard error (conmon).
var log = struct {
	out   io.Writer // nil: standard error, in plain words
	json  bool
	debug bool
}{}

func openLog(path, format string, debug bool) error {
	switch format {
	case "text", "":
	case "json":
		log.json = true
	default:
		return &Advice{Text: fmt.Sprintf("unknown log-format %q", format), Hint: "It is text or json."}
	}
	log.debug = debug
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|unix.O_NONBLOCK|unix.O_NOCTTY, 0o644)
	if err != nil {
		return &Advice{Text: "--log: " + err.Error()}
	}
	log.out = f
	return nil
}

// field is one more thing that a record tells.
type field struct{ key, value string }

// emit appends one record, in one write: other commands append to the same file.
func emit(out io.Writer, level, text string, fields []field) {
	now := time.Now().Format(time.RFC3339Nano)
	var b []byte
	if log.json {
		b = append(b, `{"level":`...)
		b = libcontainer.AppendString(b, level)
		b = append(append(b, `,"msg":`...), libcontainer.AppendString(nil, text)...)
		b = append(append(b, `,"time":"`...), now...)
		b = append(b, '"')
		for _, f := range fields {
			b = append(libcontainer.AppendString(append(b, ','), f.key), ':')
			b = libcontainer.AppendString(b, f.value)
		}
		b = append(b, '}')
	} else {
		b = fmt.Appendf(b, "time=%q level=%s msg=%s", now, level, strconv.Quote(text))
		for _, f := range fields {
			b = fmt.Appendf(b, " %s=%s", f.key, strconv.Quote(f.value))
		}
	}
	_, _ = out.Write(append(b, '\n'))
}

// warn is for what is odd but no failure. It contains no sentence of the kernel:
// podman takes its exit status from the first such text that it sees.
func warn(text string, pairs ...string) {
	fields := make([]field, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		fields = append(fields, field{pairs[i], pairs[i+1]})
	}
	switch {
	case log.out != nil:
		emit(log.out, "warning", text, fields)
	case log.json:
		emit(os.Stderr, "warning", text, fields)
	default:
		for _, f := range fields {
			text = f.value + ": " + text
		}
		fmt.Fprintln(os.Stderr, "mdrun: warning: "+text)
	}
}

// debugHook is nil unless --debug is given, so that nobody builds texts for nothing.
func debugHook() func(string) {
	if !log.debug {
		return nil
	}
	return func(text string) {
		if log.out != nil {
			emit(log.out, "debug", text, nil)
		} else {
			emit(os.Stderr, "debug", text, nil)
		}
	}
}

// Report prints an error and gives the status to exit with: to the log as one record
// that is complete in itself, to standard error for people.
func Report(err error) int {
	var status exitStatus
	if errors.As(err, &status) {
		return int(status)
	}
	text, hints, source, fields := anatomy(err)
	complete := text
	for _, h := range hints {
		complete += ". " + h
	}
	if log.out != nil {
		emit(log.out, "error", complete, fields)
	}
	if log.json && log.out == nil {
		emit(os.Stderr, "error", complete, fields)
		return 1
	}
	b := append([]byte("mdrun: "), oneLine(text)...)
	b = append(b, '\n')
	b = append(b, source...)
	for _, h := range hints {
		b = append(append(append(b, "  "...), oneLine(h)...), '\n')
	}
	_, _ = os.Stderr.Write(b)
	return 1
}

// anatomy takes an error apart.
func anatomy(err error) (text string, hints []string, source string, fields []field) {
	text = err.Error()
	var a *Advice
	if errors.As(err, &a) {
		hints = append(hints, a.Hint)
	}
	var e *libcontainer.Error
	if errors.As(err, &e) {
		fields = append(fields, field{"stage", e.Op})
		if e.Field != "" {
			fields = append(fields, field{"config", e.Field})
		}
		if n := e.Errno(); n != 0 {
			fields = append(fields, field{"errno", unix.ErrnoName(n)})
		}
		hints = append(hints, e.Hint)
	}
	var s *spec.Error
	if errors.As(err, &s) {
		source = s.Source
		for _, p := range s.Problems {
			hints = append(hints, p.Hint)
		}
	}
	kept := hints[:0]
	for _, h := range hints {
		if h != "" {
			kept = append(kept, h)
		}
	}
	return text, kept, source, fields
}

// oneLine keeps what came from a configuration or a file name from looking like a
// line of ours, or from driving the terminal.
func oneLine(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] == 0x7f {
			q := strconv.Quote(s)
			return q[1 : len(q)-1]
		}
	}
	return s
}
