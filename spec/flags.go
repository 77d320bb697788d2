package spec

import (
	"strconv"
	"strings"
	"unicode/utf8"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Flags is a container as a command line describes it, without a bundle.
type Flags struct {
	Values       map[string][]string // by the name of the flag, in the order they were given
	Command      []string            // the program and its arguments
	Dir          string              // the working directory, absolute: relative paths start here
	Capabilities []string            // what "ALL" stands for: every capability that is known
}

// FlagError is a flag whose value makes no sense.
type FlagError struct {
	Flag  string // as a person writes it: "--memory"
	Value string
	Text  string
	Hint  string // what to do, a sentence
}

func (e *FlagError) Error() string {
	if e.Value == "" {
		return e.Flag + ": " + e.Text
	}
	return e.Flag + " " + e.Value + ": " + e.Text
}

// maker is a flag and what it makes of the configuration.
type maker struct {
	name, shown string
	make        func(*fromFlags, string) error // once for each time it was given
	field       string                         // what it alone makes, with all below; see FlagOf
}

// makers are in the order in which they work: what is dropped is dropped before
// something is added.
var makers = []maker{
	{"rootfs", "--rootfs", (*fromFlags).rootfs, ".root.path"},
	{"read-only", "--read-only", (*fromFlags).readOnly, ".root.readonly"},
	{"hostname", "--hostname", (*fromFlags).hostname, ".hostname"},
	{"memory", "--memory", (*fromFlags).memory, ".linux.resources.memory"},
	{"pids", "--pids", (*fromFlags).pids, ".linux.resources.pids"},
	{"cpus", "--cpus", (*fromFlags).cpus, ".linux.resources.cpu"},
	{"volume", "-v", (*fromFlags).volume, ""},
	{"tmpfs", "--tmpfs", (*fromFlags).tmpfs, ""},
	{"env", "-e", (*fromFlags).env, ""},
	{"workdir", "-w", (*fromFlags).workdir, ".process.cwd"},
	{"user", "-u", (*fromFlags).user, ".process.user"},
	{"net", "--net", (*fromFlags).net, ""},
	{"cap-drop", "--cap-drop", (*fromFlags).capDrop, ""},
	{"cap-add", "--cap-add", (*fromFlags).capAdd, ""},
	{"tty", "-t", (*fromFlags).terminal, ".process.terminal"},
}

// FlagNames lists the flags that FromFlags knows, with the way people write each.
func FlagNames() map[string]string {
	names := map[string]string{}
	for _, m := range makers {
		names[m.name] = m.shown
	}
	return names
}

// fromFlags is a configuration in the making.
type fromFlags struct {
	*Flags
	spec         *specs.Spec
	placed       map[string]string // destination of a mount: the flag that asked for it
	volumes      []specs.Mount
	added, taken map[string]bool // capabilities
}

// FromFlags makes the configuration of a container that a command line describes: what
// Default gives, with no terminal and a root that can be written to, and what the flags
// say. It is pure: whether a path is there is found out when the container is made.
func FromFlags(f Flags) (*specs.Spec, error) {
	c := &fromFlags{Flags: &f, spec: Default(), placed: map[string]string{}, added: map[string]bool{}, taken: map[string]bool{}}
	c.spec.Process.Terminal = false
	c.spec.Process.Args = f.Command
	c.spec.Root.Readonly = false
	for _, m := range makers {
		for _, value := range f.Values[m.name] {
			if err := c.one(m, value); err != nil {
				return nil, err
			}
		}
	}
	for _, word := range f.Command {
		if !utf8.ValidString(word) {
			return nil, &FlagError{Flag: "command", Value: strconv.Quote(word), Text: notUTF8, Hint: hintUTF8}
		}
	}
	c.setMounts()
	c.setCapabilities()
	return c.spec, nil
}

const (
	notUTF8  = "the text is not UTF-8, which is all that config.json can hold"
	hintUTF8 = "Put such bytes into a script or a file of the container."
)

// one applies a flag, and says in its error which one it was.
func (c *fromFlags) one(m maker, value string) error {
	err := m.make(c, value)
	if err == nil && !utf8.ValidString(value) {
		err = bad(notUTF8, hintUTF8)
	}
	if e, ok := err.(*FlagError); ok {
		e.Flag, e.Value = m.shown, printable(value)
	}
	return err
}

// bad is the error of a maker; one adds the flag and its value.
func bad(text, hint string) error { return &FlagError{Text: text, Hint: hint} }

// printable quotes what would not be seen as one word.
func printable(value string) string {
	if value == "" || strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r == 0x7f || r == utf8.RuneError }) {
		return strconv.Quote(value)
	}
	return value
}

func (c *fromFlags) rootfs(value string) error {
	if value == "" {
		return bad("the path is empty", "Give the directory that is to be the root of the container.")
	}
	c.spec.Root.Path = c.absolute(value)
	return nil
}

func (c *fromFlags) readOnly(value string) error {
	c.spec.Root.Readonly = value == "true"
	return nil
}

func (c *fromFlags) terminal(value string) error {
	c.spec.Process.Terminal = value == "true"
	return nil
}

func (c *fromFlags) hostname(value string) error {
	switch {
	case value == "":
		return bad("the name is empty", "Leave the flag out for the name \""+c.spec.Hostname+"\".")
	case len(value) > nameLimit:
		return bad("longer than 64 bytes", "")
	}
	c.spec.Hostname = value
	return nil
}

// net: the network namespace of Default has nothing but a loopback.
func (c *fromFlags) net(value string) error {
	namespaces := &c.spec.Linux.Namespaces
	at := -1
	for i, ns := range *namespaces {
		if ns.Type == specs.NetworkNamespace {
			at = i
		}
	}
	switch value {
	case "none":
		if at < 0 {
			*namespaces = append(*namespaces, specs.LinuxNamespace{Type: specs.NetworkNamespace})
		}
	case "host":
		if at >= 0 {
			*namespaces = append((*namespaces)[:at], (*namespaces)[at+1:]...)
		}
	default:
		return bad("unknown network", "It is none (a loopback and nothing else) or host; other networks are what engines make.")
	}
	return nil
}
