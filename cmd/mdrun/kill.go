package main

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"
)

func killCommand() *cli.Command {
	return &cli.Command{
		Name: "kill", Usage: "send a signal to the container's process (default: SIGTERM)", ArgsUsage: "ID [SIGNAL]",
		Flags: []cli.Flag{&cli.BoolFlag{Name: "all", Aliases: []string{"a"}, Usage: "send it to every process of the container"}},
		Action: func(c *cli.Context) error {
			if err := arguments(c, 1, 2); err != nil {
				return err
			}
			sig, err := parseSignal(c.Args().Get(1))
			if err != nil {
				return err
			}
			return runtime(c).Kill(c.Args().First(), sig, c.Bool("all"))
		},
	}
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
	return 0, &advice{text: fmt.Sprintf("unknown signal %q", s), hint: "Give a number from 0 to 64, or a name such as KILL, SIGTERM or RTMIN+3."}
}
