// Package compile turns a specification into the plan that init applies. It is pure:
// what it needs to know of the host it is told in Facts, and it makes no system call.
//
// order.go is the table of contents: reading it is reading what a container is.
// Each topic of the specification has a file here and one of the same name in
// package step.
package compile

import (
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/mdrun/mdrun/libcontainer/step"
)

// Facts is what the host has looked up once.
type Facts struct {
	BundleDir    string // absolute: relative mount sources start here
	Rootfs       string // absolute path of the root directory
	NoPivot      bool   // --no-pivot
	NoNewKeyring bool   // --no-new-keyring
	PreserveFDs  int    // descriptors from 3 on that the program keeps
	LastCap      int    // number of the kernel's last capability
	Permitted    uint64 // the runtime's own permitted capabilities, bit N for number N
	InUserNS     bool   // the runtime itself runs in a user namespace
	NoSetgroups  bool   // setgroups(2) has been denied there
	FewPids      string // the field of a pids limit that leaves init no new thread; "" for none

	// Ours and Hosts are the types of the namespaces by path that the runtime itself,
	// and the host's process 1, are in: the container has then none of its own.
	Ours, Hosts map[specs.LinuxNamespaceType]bool

	// Creating and Created are the states that hooks in the container are given.
	Creating, Created step.StateText
}

// Warning is something odd that is no failure.
type Warning struct{ Field, Text string }

// Error is a part of the specification that cannot become a plan.
type Error struct{ Field, Text, Hint string }

func (e *Error) Error() string { return e.Field + ": " + e.Text }

// Container compiles everything from the birth of init to the execution of the
// program. The order is what makes a container; its laws are in order_test.go.
func Container(s *specs.Spec, f Facts) (step.Plan, []Warning, error) {
	c := &compiler{spec: s, facts: f, namespaces: namespaces(s)}
	c.world()       // cgroup namespace, session, keyring, lo
	c.root()        // cut off from the host's mounts, open the root
	c.mounts()      // in the order of config.json
	c.devices()     // nodes and links, once /dev is what it will be
	c.createHooks() // prestart, createRuntime, createContainer
	c.console()     // a terminal of the container's own devpts
	c.lateMounts()  // read-only, now that everything is on them
	c.sysctl()      // before /proc/sys becomes read-only
	c.readonly()    // paths, then the masks over them
	c.masked()
	c.pivot()   // from here on there is no path to the host
	c.names()   // host name, domain name
	c.threads() // before a limit forbids them
	c.process() // shared with exec
	return c.plan, c.warnings, c.err
}

// process compiles what a process of the container is. What needs privileges comes
// before they go; what would hinder init itself comes last.
func (c *compiler) process() {
	p := c.spec.Process
	if p == nil {
		p = &specs.Process{Cwd: "/"}
	}
	c.umask(p)
	c.environment(p)
	c.cwd(p)
	c.takeConsole(p)
	c.ownStdio(p)
	c.oomScore(p)
	c.bounding(p)
	c.rlimits(p, whilePrivileged)
	c.user(p)
	c.cwdAsUser(p)
	c.capabilities(p)
	c.noNewPrivileges(p)
	c.personality()
	c.findProgram(p)
	c.closeFiles()
	c.rlimits(p, beforeWaiting)
	c.add("", &step.WaitStart{})
	c.startHooks()
	c.rlimits(p, whenStarted)
	c.add(".process.args", &step.Execute{})
}

// compiler gathers the plan; the first error sticks.
type compiler struct {
	spec       *specs.Spec
	facts      Facts
	namespaces map[specs.LinuxNamespaceType]specs.LinuxNamespace
	plan       step.Plan
	late       step.Plan   // mounts that become read-only once everything is on them
	changed    []int       // mounts by index that later entries change ...
	kept       map[int]int // ... and numbers of those that init keeps
	held       map[int]int // number of the HoldSource for a mount by index
	warnings   []Warning
	err        error
}

// add appends a step. A container without .process has steps that no field asks for.
func (c *compiler) add(field string, s step.Step) {
	if c.spec.Process == nil && strings.HasPrefix(field, ".process") {
		field = ""
	}
	c.plan = append(c.plan, step.Entry{Field: field, Step: s})
}

func (c *compiler) fail(field, text, hint string) {
	if c.err == nil {
		c.err = &Error{Field: field, Text: text, Hint: hint}
	}
}

// warn tells once what two steps may come upon.
func (c *compiler) warn(field, text string) {
	if slices.Contains(c.warnings, Warning{field, text}) {
		return
	}
	c.warnings = append(c.warnings, Warning{Field: field, Text: text})
}

// fresh tells whether the container has a new namespace of this type.
func (c *compiler) fresh(t specs.LinuxNamespaceType) bool {
	ns, ok := c.namespaces[t]
	return ok && ns.Path == ""
}

// own tells whether the container has a namespace of this type that is not the
// runtime's: a new one, or one by path that is another's.
func (c *compiler) own(t specs.LinuxNamespaceType) bool {
	_, ok := c.namespaces[t]
	return ok && !c.facts.Ours[t] && !c.facts.Hosts[t]
}

// namespaceField is the place of a namespace in the configuration.
func (c *compiler) namespaceField(t specs.LinuxNamespaceType) string {
	for i, ns := range c.spec.Linux.Namespaces {
		if ns.Type == t {
			return ".linux.namespaces[" + strconv.Itoa(i) + "]"
		}
	}
	return ".linux.namespaces"
}

// inUserNamespace tells whether the container's root is somebody else on the host.
func (c *compiler) inUserNamespace() bool { return c.own(specs.UserNamespace) || c.facts.InUserNS }

func namespaces(s *specs.Spec) map[specs.LinuxNamespaceType]specs.LinuxNamespace {
	all := map[specs.LinuxNamespaceType]specs.LinuxNamespace{}
	if s.Linux != nil {
		for _, ns := range s.Linux.Namespaces {
			all[ns.Type] = ns
		}
	}
	return all
}
