package verb

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/spec/strictjson"
)

// The log is where warnings go, and errors once more: clients read their reason from
// the last record of level "error" (containerd), or from standard error (conmon).
var log = struct {
	out   io.Writer // nil: standard error, in plain words
	json  bool
	debug bool
}{}

// OpenLog opens the log that --log, --log-format and --debug describe.
func OpenLog(path, format string, debug bool) error {
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
		return &Advice{Text: "--log: " + err.Error(), Hint: "Its directory must exist, and it must be a file that can be written to."}
	}
	log.out = f
	return nil
}

// LogFrom opens the log that a command line asks for, as far as it can be read: it is for
// an error of the command line itself. That the log cannot be had is not what is wrong.
func LogFrom(args []string) {
	v := Values{}
	for i := 0; i < len(args) && IsOption(args[i]); i++ {
		f, value, given := Option(Global(), args[i])
		switch {
		case f == nil:
			continue
		case f.Value == "":
			value = "true"
		case !given && i+1 < len(args):
			i++
			value = args[i]
		}
		v.set(f, value)
	}
	_ = OpenLog(v.text("log"), v.text("log-format"), v.on("debug"))
}

// field is one more thing that a record tells.
type field struct{ key, value string }

// emit appends one record, in one write: other commands append to the same file.
func emit(out io.Writer, level, text string, fields []field) {
	now := time.Now().Format(time.RFC3339Nano)
	var b []byte
	if log.json {
		b = append(b, `{"level":`...)
		b = strictjson.AppendString(b, level)
		b = append(append(b, `,"msg":`...), strictjson.AppendString(nil, text)...)
		b = append(append(b, `,"time":"`...), now...)
		b = append(b, '"')
		for _, f := range fields {
			b = append(strictjson.AppendString(append(b, ','), f.key), ':')
			b = strictjson.AppendString(b, f.value)
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
		fmt.Fprintln(os.Stderr, "mdrun: warning: "+oneLine(text))
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
