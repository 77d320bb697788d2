package verb

import (
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

var kill = Verb{
	Name: "kill", Usage: "send a signal to the container's process, SIGTERM by default",
	Args: "ID [SIGNAL]", Least: 1, Most: 2,
	flags: func() []Flag {
		return []Flag{{Name: "all", Short: "a", Usage: "send it to every process of the container"}}
	},
	Run: func(c *Call) error {
		name := ""
		if len(c.Args) > 1 {
			name = c.Args[1]
		}
		sig, err := parseSignal(name)
		if err != nil {
			return err
		}
		return c.runtime().Kill(c.Args[0], sig, c.on("all"))
	},
}

// The C library keeps the first two real-time signals to itself (signal(7)).
const rtMin, rtMax = 34, 64

// firstName gives the usual name of a signal that has two (signal(7)).
func firstName(name string) string {
	switch name {
	case "POLL":
		return "IO"
	case "CLD":
		return "CHLD"
	case "IOT":
		return "ABRT"
	}
	return name
}

// parseSignal takes a number, or a name with or without SIG, in any case.
func parseSignal(s string) (syscall.Signal, error) {
	if s == "" {
		return unix.SIGTERM, nil
	}
	if n, err := strconv.ParseUint(s, 10, 8); err == nil && n <= rtMax {
		return syscall.Signal(n), nil
	}
	name := firstName(strings.TrimPrefix(upper(s), "SIG"))
	if sig := unix.SignalNum("SIG" + name); sig != 0 {
		return sig, nil
	}
	if sig, ok := realTime(name); ok {
		return sig, nil
	}
	return 0, &Advice{Text: "kill: unknown signal " + strconv.Quote(s), Hint: "Give a number from 0 to 64, or a name such as KILL, SIGTERM or RTMIN+3."}
}

// upper knows the letters that names have: strings.ToUpper makes others into them.
func upper(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'a' && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}

// realTime takes RTMIN, RTMIN+N, RTMAX and RTMAX-N.
func realTime(name string) (syscall.Signal, bool) {
	for prefix, base := range map[string]int{"RTMIN": rtMin, "RTMAX": rtMax} {
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok {
			continue
		}
		if rest == "" {
			return syscall.Signal(base), true
		}
		n, err := strconv.Atoi(rest)
		if err == nil && (rest[0] == '+' || rest[0] == '-') && base+n >= rtMin && base+n <= rtMax {
			return syscall.Signal(base + n), true
		}
	}
	return 0, false
}
