package verb

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

func init() {
	if c := Plain(os.Args[1:]); c != nil {
		KeepDescriptors()
		os.Exit(c.Do())
	}
}

// KeepDescriptors keeps what a caller left open from the container (CVE-2024-21626);
// --preserve-fds names what may come. close_range(2): Linux 5.11 for this flag.
func KeepDescriptors() { _ = unix.CloseRange(3, ^uint(0)>>1, unix.CLOSE_RANGE_CLOEXEC) }

// Plain reads a command line in which everything is known: options of the tables, as
// --name, --name=value or --name value, and the right number of arguments. For all
// else it gives nil.
func Plain(args []string) *Call {
	c := &Call{Values: map[string]string{}}
	rest, ok := c.take(Global(), args, true)
	if !ok || len(rest) == 0 {
		return nil
	}
	if c.Verb = Find(rest[0]); c.Verb == nil {
		return nil
	}
	if c.Args, ok = c.take(c.Verb.Flags, rest[1:], c.Verb.Command); !ok || c.check() != nil {
		return nil
	}
	return c
}

// take reads options and gives the arguments between and behind them, or with stop
// all that begins with the first argument.
func (c *Call) take(flags []Flag, args []string, stop bool) (rest []string, ok bool) {
	for i := 0; i < len(args); i++ {
		a := args[i]
		switch {
		case a == "--":
			return append(rest, args[i+1:]...), true
		case !IsOption(a) && stop:
			return args[i:], true
		case !IsOption(a):
			rest = append(rest, a)
			continue
		}
		name, value, given := strings.Cut(a[1:], "=")
		name = strings.TrimPrefix(name, "-")
		f := find(flags, name)
		if f == nil || f.Value == "" && given {
			return nil, false
		}
		if f.Value != "" && !given {
			if i++; i == len(args) {
				return nil, false
			}
			value = args[i]
		}
		if f.Value == "" {
			value = "true"
		}
		if f.Number {
			if _, err := strconv.Atoi(value); err != nil || value[0] == '0' && len(value) > 1 {
				return nil, false
			}
		}
		c.Values[f.Name] = value
	}
	return rest, true
}

func find(flags []Flag, name string) *Flag {
	for i := range flags {
		if f := &flags[i]; f.Name == name || f.Short != "" && f.Short == name {
			return f
		}
	}
	return nil
}

// IsOption: "-" alone and a negative number are arguments.
func IsOption(a string) bool {
	return len(a) > 1 && a[0] == '-' && (a[1] < '0' || a[1] > '9')
}
