// Package verb is what the command line of mdrun can do: one file per verb, each a
// row of data (its flags) and a function (what it does). Package main makes a command
// line out of the rows with urfave/cli, which knows help, errors and every odd way to
// write a flag.
//
// The plain way needs none of that. Clients call a runtime several times for every
// container, and to initialise the command line library and what it imports costs
// as much as the command itself. So early.go reads a plain command line by the same
// rows and runs it from this package's init, which comes before those packages'. What
// it does not understand to the last word it leaves to main. A test compares the two
// readings.
package verb

import (
	"os"
	"path/filepath"
	"strconv"

	"github.com/mdrun/mdrun/libcontainer"
)

// Flag is an option. Without a Value it is a switch.
type Flag struct {
	Name, Short string
	Value       string // what the value is called in the help: "FILE"
	Number      bool   // the value is a decimal number
	Many        bool   // each time it is given counts; of others the last one does
	Default     string
	Usage       string
	Group       string // the heading that it stands under in the help; "" for none
	Hidden      bool
}

// Verb is a command.
type Verb struct {
	Name, Usage string
	Args        string // what the arguments are called in the help; "" for none
	Least, Most int    // how many arguments there must be
	flags       func() []Flag
	// Command says that the arguments may be a command with options of its own: what
	// follows the first argument is no option of ours.
	Command bool
	// Tail says that what follows "--" is a command of its own, not more arguments.
	Tail bool
	Run  func(*Call) error
}

// All lists the verbs in the order of a container's life.
func All() []*Verb {
	return []*Verb{&create, &start, &state, &kill, &delete_, &run, &list, &specVerb, &features, &explain}
}

// Flags lists the verb's options. They are put together when they are asked for: few calls
// need those of more than one verb.
func (v *Verb) Flags() []Flag {
	if v.flags == nil {
		return nil
	}
	return v.flags()
}

// Find gives the verb of a name; nil when there is none.
func Find(name string) *Verb {
	for _, v := range All() {
		if v.Name == name {
			return v
		}
	}
	return nil
}

// Global are the options before the verb.
func Global() []Flag {
	return []Flag{
		{Name: "root", Value: "DIR", Usage: "directory of the containers' state, by default " + defaultRoot()},
		{Name: "log", Value: "FILE", Usage: "append warnings and errors to a file"},
		{Name: "log-format", Value: "FORMAT", Default: "text", Usage: "of the log: text or json"},
		{Name: "debug", Usage: "log what is done, step by step"},
		{Name: "systemd-cgroup", Usage: "make cgroups through systemd (not supported yet)"},
		{Name: "rootless", Value: "auto", Default: "auto", Usage: "accepted for compatibility: true, false or auto"},
		{Name: "criu", Value: "PATH", Hidden: true},
	}
}

// Values are those of the flags that were given, by name; a switch is "true".
type Values map[string][]string

// text gives the value of a flag; "" where it was not given.
func (v Values) text(flag string) string {
	if list := v[flag]; len(list) > 0 {
		return list[len(list)-1]
	}
	return ""
}

func (v Values) on(flag string) bool { return v.text(flag) == "true" }

// set notes a flag of the command line.
func (v Values) set(f *Flag, value string) {
	if f.Many {
		v[f.Name] = append(v[f.Name], value)
		return
	}
	v[f.Name] = []string{value}
}

// Call is a command line that has been read.
type Call struct {
	Verb *Verb
	Values
	Args []string
	Tail []string // what follows "--", of a verb with a Tail
	// Globals are the options before the verb, which may have the name of one of its
	// own: --rootless is an option of both.
	Globals Values
}

// number gives the value of a flag that Number has made sure of.
func (c *Call) number(flag string) int {
	n, _ := strconv.Atoi(c.text(flag))
	return n
}

// Do runs the verb and gives the status to exit with.
func (c *Call) Do() int {
	if err := OpenLog(c.Globals.text("log"), c.Globals.text("log-format"), c.Globals.on("debug")); err != nil {
		return Report(err)
	}
	if err := c.check(); err != nil {
		return Report(err)
	}
	if err := c.Verb.Run(c); err != nil {
		return Report(err)
	}
	return 0
}

// check counts the arguments.
func (c *Call) check() error {
	v, n := c.Verb, len(c.Args)
	if n >= v.Least && n <= v.Most {
		return nil
	}
	text := v.Name + ": needs " + v.Args
	switch {
	case v.Most == 0:
		text = v.Name + ": takes no arguments, not " + strconv.Itoa(n)
	case n > 0:
		text = v.Name + ": takes " + v.Args + ", not " + strconv.Itoa(n) + " arguments"
	}
	return &Advice{Text: text, Hint: "`mdrun " + v.Name + " --help` tells more."}
}

// Advice is an error of the command line.
type Advice struct {
	Text, Hint string
	Err        error // what it is, for errors.Is; may be nil
}

func (a *Advice) Error() string { return a.Text }

func (a *Advice) Unwrap() error { return a.Err }

// exitStatus ends a command that has nothing more to say.
type exitStatus int

func (s exitStatus) Error() string { return "exit status " + strconv.Itoa(int(s)) }

// runtime gives the runtime that the global options describe.
func (c *Call) runtime() *libcontainer.Runtime {
	root := c.Globals.text("root")
	if root == "" {
		root = defaultRoot()
	}
	if abs, err := filepath.Abs(root); err == nil {
		root = abs
	}
	return &libcontainer.Runtime{Root: root, Warn: warn, Debug: debugHook()}
}

// defaultRoot is /run/mdrun, and the user's own directory for who is not root, also
// inside a user namespace where they look like root: podman calls start and delete there
// with next to no environment, so only USER=root tells that it is root after all.
func defaultRoot() string {
	dir := os.Getenv("XDG_RUNTIME_DIR")
	if dir != "" && (os.Geteuid() != 0 || os.Getenv("USER") != "root" && libcontainer.InUserNamespace()) {
		return filepath.Join(dir, "mdrun")
	}
	return "/run/mdrun"
}

// noSystemd refuses where the answer matters: clients pass the flag to every command.
func (c *Call) noSystemd() error {
	if !c.Globals.on("systemd-cgroup") {
		return nil
	}
	return &Advice{Text: c.Verb.Name + ": --systemd-cgroup is not supported yet", Hint: "Configure the cgroupfs driver, and give .linux.cgroupsPath as a path."}
}

func print(data []byte) error {
	_, err := os.Stdout.Write(data)
	return err
}
