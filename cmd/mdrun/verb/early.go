package verb

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer"
	_ "github.com/mdrun/mdrun/libcontainer/first"
)

func init() {
	if c := Plain(os.Args[1:]); c != nil {
		libcontainer.Prepare()
		KeepDescriptors()
		status := c.Do()
		libcontainer.Finish()
		os.Exit(status)
	}
}

// KeepDescriptors keeps what a caller left open from the container (CVE-2024-21626);
// --preserve-fds names what may come. close_range(2): Linux 5.11 for this flag.
func KeepDescriptors() { _ = unix.CloseRange(3, ^uint(0)>>1, unix.CLOSE_RANGE_CLOEXEC) }

// Plain reads a command line in which everything is known: options of the tables, as
// --name, --name=value or --name value, switches of one letter together (-it), and the
// right number of arguments. For all else it gives nil.
func Plain(args []string) *Call {
	c := &Call{Values: Values{}, Globals: Values{}}
	rest, ok := c.take(c.Globals, Global(), args, true)
	if !ok || len(rest) == 0 {
		return nil
	}
	if c.Verb = Find(rest[0]); c.Verb == nil {
		return nil
	}
	if c.Args, ok = c.take(c.Values, c.Verb.Flags(), rest[1:], c.Verb.Command); !ok || c.check() != nil {
		return nil
	}
	return c
}

// take reads options into values and gives the arguments between and behind them, or
// with stop all that begins with the first argument.
func (c *Call) take(values Values, flags []Flag, args []string, stop bool) (rest []string, ok bool) {
	for i := 0; i < len(args); i++ {
		a := args[i]
		switch {
		case a == "--" && c.Verb != nil && c.Verb.Tail:
			c.Tail = args[i+1:]
			return rest, true
		case a == "--":
			return append(rest, args[i+1:]...), true
		case !IsOption(a) && stop:
			return args[i:], true
		case !IsOption(a):
			rest = append(rest, a)
			continue
		}
		f, value, given := Option(flags, a)
		if f == nil {
			together := Switches(flags, a)
			if together == nil {
				return nil, false
			}
			for _, s := range together {
				values.set(s, "true")
			}
			continue
		}
		if f.Value == "" && given {
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
			// +1, 0x1 and 1_0 are for main.
			if n, err := strconv.Atoi(value); err != nil || strconv.Itoa(n) != value {
				return nil, false
			}
		}
		values.set(f, value)
	}
	return rest, true
}

// Option finds the flag that an option names; given tells whether a value comes with it
// (--name=value). For an option that is not known the flag is nil.
func Option(flags []Flag, option string) (f *Flag, value string, given bool) {
	name, value, given := strings.Cut(option[1:], "=")
	return find(flags, strings.TrimPrefix(name, "-")), value, given
}

// Switches takes apart switches of one letter that stand together, as -it; nil where
// the option is something else.
func Switches(flags []Flag, option string) (list []*Flag) {
	for i := 1; i < len(option); i++ {
		f := find(flags, option[i:i+1])
		if f == nil || f.Value != "" {
			return nil
		}
		list = append(list, f)
	}
	return list
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
