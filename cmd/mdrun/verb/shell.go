package verb

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer"
	"github.com/mdrun/mdrun/spec"
)

// shellFlags describe a container that has no bundle. What each makes of the
// configuration is in spec.FromFlags; --name, -i and the command are for the verb.
var shellFlags = []Flag{
	{Group: shellGroup, Name: "rootfs", Value: "DIR", Usage: "run a command in this root directory"},
	{Group: shellGroup, Name: "name", Value: "ID", Usage: "the container's id, by default a short one that is made up"},
	{Group: shellGroup, Name: "hostname", Value: "NAME", Usage: "host name of the container"},
	{Group: shellGroup, Name: "memory", Value: "SIZE", Usage: "most memory, in bytes or with k, m, g, t; it gets no swap beside it"},
	{Group: shellGroup, Name: "pids", Value: "N", Usage: "most processes and threads"},
	{Group: shellGroup, Name: "cpus", Value: "N", Usage: "most CPU time, in CPUs: 2, or 0.5 for half of one"},
	{Group: shellGroup, Name: "volume", Short: "v", Value: "SRC:DST[:OPT]", Many: true, Usage: "show a file or directory of the host; ro makes it read-only"},
	{Group: shellGroup, Name: "tmpfs", Value: "DST[:OPT]", Many: true, Usage: "an empty directory in memory; size=64m limits it"},
	{Group: shellGroup, Name: "env", Short: "e", Value: "NAME=VALUE", Many: true, Usage: "set a variable of the environment"},
	{Group: shellGroup, Name: "workdir", Short: "w", Value: "DIR", Usage: "working directory of the command, by default /"},
	{Group: shellGroup, Name: "user", Short: "u", Value: "UID[:GID]", Usage: "who the command is, in numbers; by default 0, root"},
	{Group: shellGroup, Name: "net", Value: "NETWORK", Usage: "none, by default: a loopback alone; or host"},
	{Group: shellGroup, Name: "read-only", Usage: "nothing in the root directory can be changed"},
	{Group: shellGroup, Name: "cap-add", Value: "CAP", Many: true, Usage: "give a capability, NET_RAW for instance, or ALL"},
	{Group: shellGroup, Name: "cap-drop", Value: "CAP", Many: true, Usage: "take AUDIT_WRITE, KILL or NET_BIND_SERVICE away, or ALL"},
	{Group: shellGroup, Name: "tty", Short: "t", Usage: "connect this terminal, keys and screen, as a shell wants it"},
	{Group: shellGroup, Name: "interactive", Short: "i", Usage: "pass standard input on; without it and -t it is empty"},
}

const shellGroup = "without a bundle: all of these need --rootfs"

// shown is a flag as people write it.
func shown(name string) string {
	if f := find(shellFlags, name); f != nil && f.Short != "" {
		return "-" + f.Short
	}
	return "--" + name
}

func (c *Call) given(flag string) bool { return len(c.Values[flag]) > 0 }

// shell tells whether the call describes a container by flags. It refuses what would
// have to be ignored then, or otherwise.
func (c *Call) shell() (bool, error) {
	other := ""
	for _, f := range shellFlags[1:] {
		if other == "" && c.given(f.Name) {
			other = shown(f.Name)
		}
	}
	wanted := c.given("rootfs")
	switch {
	case c.swallowed() != "":
		return false, c.wrong(c.swallowed()+" needs a value", "It took the -- that follows it for one.")
	case c.given("bundle") && c.Verb.Name != "spec" && (wanted || other != ""):
		if wanted {
			other = "--rootfs"
		}
		return false, c.wrong("--bundle and "+other+" contradict each other", "What a bundle's container is stands in its config.json; `mdrun spec --rootfs DIR ... -- COMMAND` prints one.")
	case !wanted && other != "":
		return false, c.wrong(other+" needs --rootfs", "It describes a container without a bundle: `mdrun "+c.Verb.Name+" --rootfs DIR ... -- COMMAND`.")
	case !wanted:
		return false, c.tailIsArgument()
	case len(c.Tail) == 0 && len(c.Args) > 0:
		return false, c.wrong("the command must follow --", "`mdrun "+c.Verb.Name+" --rootfs "+c.text("rootfs")+" -- "+strings.Join(c.Args, " ")+"`.")
	case len(c.Tail) == 0 || c.Tail[0] == "":
		return false, c.wrong("needs a command", "It follows --: `mdrun "+c.Verb.Name+" --rootfs "+c.text("rootfs")+" -- sh`.")
	}
	return true, nil
}

// swallowed gives the option that took for its value what was to end the options.
func (c *Call) swallowed() string {
	for name, given := range c.Values {
		if slices.Contains(given, "--") {
			return shown(name)
		}
	}
	return ""
}

// tailIsArgument: with a bundle "--" only ends the options.
func (c *Call) tailIsArgument() error {
	if len(c.Args) == 0 && len(c.Tail) <= c.Verb.Most {
		c.Args, c.Tail = c.Tail, nil
		return nil
	}
	if len(c.Tail) > 0 {
		return c.wrong("a command needs --rootfs", "The command of a bundle is in its config.json: .process.args.")
	}
	return nil
}

func (c *Call) wrong(text, hint string) error {
	return &Advice{Text: c.Verb.Name + ": " + text, Hint: hint}
}

// bundleOfFlags is the bundle that a call without one stands for. Its directory, which
// state and list show, is the one that holds the root.
func (c *Call) bundleOfFlags() (*spec.Bundle, error) {
	flags, err := c.flags()
	if err != nil {
		return nil, err
	}
	s, err := spec.FromFlags(flags)
	var flag *spec.FlagError
	switch {
	case errors.As(err, &flag):
		return nil, c.wrong(flag.Error(), flag.Hint)
	case err != nil:
		return nil, err
	}
	b, err := spec.InMemory(filepath.Dir(s.Root.Path), s)
	return b, c.inFlags(err)
}

func (c *Call) flags() (spec.Flags, error) {
	dir, err := os.Getwd()
	return spec.Flags{Values: c.Values, Command: c.Tail, Dir: dir, Capabilities: libcontainer.Capabilities()}, err
}

// inFlags puts the flag into an error, in the place of the field that it has made, which
// whoever calls has not seen.
func (c *Call) inFlags(failed error) error {
	var e *libcontainer.Error
	var wrong *spec.Error
	if !errors.As(failed, &e) && !errors.As(failed, &wrong) {
		return failed
	}
	flags, err := c.flags()
	if err != nil {
		return failed
	}
	rename := func(field *string) {
		if flag := spec.FlagOf(flags, *field); flag != "" {
			*field = flag
		}
	}
	if e != nil {
		rename(&e.Field)
	}
	if wrong != nil {
		for i := range wrong.Problems {
			rename(&wrong.Problems[i].Field)
		}
	}
	return failed
}

// present looks whether the paths of the host are there, so that a slip of the pen is
// told in the words it was made in.
func (c *Call) present(b *spec.Bundle) error {
	st, err := os.Stat(b.Spec.Root.Path)
	if err == nil && !st.IsDir() {
		err = unix.ENOTDIR
	}
	if err != nil {
		return c.wrong("--rootfs "+oneLine(c.text("rootfs"))+": "+cause(err), "It is the directory that becomes / of the container, with the command in it.")
	}
	for _, m := range b.Spec.Mounts {
		if m.Type != "bind" {
			continue
		}
		if _, err := os.Stat(m.Source); err != nil {
			return c.wrong("-v: the source "+oneLine(m.Source)+": "+cause(err), "What is to be shown must be there.")
		}
	}
	return nil
}

// cause is the kernel's answer alone.
func cause(err error) string {
	var path *os.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return err.Error()
}
