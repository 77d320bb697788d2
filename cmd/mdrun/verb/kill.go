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
	Flags: []Flag{{Name: "all", Short: "a", Usage: "send it to every process of the container"}},
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

// parseSignal takes a number, or a name with or without SIG, in any case.
func parseSignal(s string) (syscall.Signal, error) {
	if s == "" {
		return unix.SIGTERM, nil
	}
	if n, err := strconv.Atoi(s); err == nil && n >= 0 && n <= rtMax {
		return syscall.Signal(n), nil
	}
	name := strings.TrimPrefix(strings.ToUpper(s), "SIG")
	if sig := unix.SignalNum("SIG" + name); sig != 0 {
		return sig, nil
	}
	for prefix, base := range map[string]int{"RTMIN": rtMin, "RTMAX": rtMax} {
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok {
			continue
		}
		n, err := strconv.Atoi(rest)
		if rest == "" {
			n, err = 0, nil
		}
		if err == nil && base+n >= rtMin && base+n <= rtMax {
			return syscall.Signal(base + n), nil
		}
	}
	return 0, &Advice{Text: "unknown signal " + strconv.Quote(s), Hint: "Give a number from 0 to 64, or a name such as KILL, SIGTERM or RTMIN+3."}
}
