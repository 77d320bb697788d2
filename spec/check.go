package spec

import (
	"errors"
	"path"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// checker gathers everything that is wrong with a configuration by itself; what the
// host makes of it is found out later. One file per topic, check_*.go.
type checker struct {
	spec     *specs.Spec
	problems []Problem
	warnings []Problem
}

func (c *checker) problem(field, text, hint string) {
	c.problems = append(c.problems, Problem{Field: field, Text: text, Hint: hint})
}

func (c *checker) warn(field, text string) {
	c.warnings = append(c.warnings, Problem{Field: field, Text: text})
}

func (c *checker) all() {
	c.version()
	c.root()
	c.names()
	c.annotations()
	c.mounts()
	if c.spec.Process != nil {
		c.process(c.spec.Process)
	}
	if c.spec.Linux != nil {
		c.linux(c.spec.Linux)
	}
	if c.spec.Hooks != nil {
		c.hooks(c.spec.Hooks)
	}
	c.refuse()
}

// version: a specification of the same major version can be read (config.md
// "Specification version").
func (c *checker) version() {
	v := c.spec.Version
	core, _, _ := strings.Cut(v, "+")
	core, _, _ = strings.Cut(core, "-")
	parts := strings.Split(core, ".")
	whole := len(parts) == 3
	for _, p := range parts {
		n, err := strconv.Atoi(p)
		whole = whole && err == nil && n >= 0 && strconv.Itoa(n) == p
	}
	switch {
	case v == "":
		c.problem(".ociVersion", "the version of the specification is missing", `Give for example "1.2.0".`)
	case !whole:
		c.problem(".ociVersion", strconv.Quote(v)+" is no version (semver.org)", `Give for example "1.2.0".`)
	case parts[0] != "1":
		c.problem(".ociVersion", "version "+v+" of the specification is not supported", "mdrun follows version 1 of it.")
	}
}

func (c *checker) root() {
	switch {
	case c.spec.Root == nil:
		c.problem(".root", "the root filesystem is missing", `Give {"path": "rootfs"}.`)
	case c.spec.Root.Path == "":
		c.problem(".root.path", "the path of the root filesystem is empty", "")
	}
}

// nameLimit is __NEW_UTS_LEN of the kernel, in bytes.
const nameLimit = 64

func (c *checker) names() {
	for _, n := range []struct{ field, name string }{{".hostname", c.spec.Hostname}, {".domainname", c.spec.Domainname}} {
		switch {
		case n.name == "":
		case !c.hasNamespace(specs.UTSNamespace):
			c.problem(n.field, "it needs a uts namespace of the container's own: it would change the host", `Add {"type": "uts"} to .linux.namespaces.`)
		case len(n.name) > nameLimit:
			c.problem(n.field, "longer than 64 bytes", "")
		}
	}
}

func (c *checker) annotations() {
	if _, ok := c.spec.Annotations[""]; ok {
		c.problem(".annotations", "an annotation has an empty key", "")
	}
}

func (c *checker) mounts() {
	for i := range c.spec.Mounts {
		m, field := &c.spec.Mounts[i], index(".mounts", i)
		switch {
		case m.Destination == "":
			c.problem(field+".destination", "the destination is missing", "")
		case !path.IsAbs(m.Destination):
			c.warn(field+".destination", "a relative destination is taken from /")
		}
	}
}

func (c *checker) hasNamespace(t specs.LinuxNamespaceType) bool {
	_, ok := c.namespace(t)
	return ok
}

func (c *checker) namespace(t specs.LinuxNamespaceType) (specs.LinuxNamespace, bool) {
	if c.spec.Linux != nil {
		for _, ns := range c.spec.Linux.Namespaces {
			if ns.Type == t {
				return ns, true
			}
		}
	}
	return specs.LinuxNamespace{}, false
}

// idLimit is the longest id, in bytes: it is the name of a directory with room for a
// suffix.
const idLimit = 250

// CheckID tells what is wrong with the id of a container. The alphabet is runc's.
func CheckID(id string) error {
	if len(id) > idLimit {
		return errors.New("invalid container ID format: " + strconv.Itoa(len(id)) + " characters, at most 250 are possible")
	}
	ok := id != "" && id != "." && id != ".."
	for i := range len(id) {
		b := id[i]
		ok = ok && (b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || strings.IndexByte("_+.-", b) >= 0)
	}
	if !ok {
		return errors.New("invalid container ID format: " + strconv.Quote(id) + ": letters, digits, and _ + . - are possible")
	}
	return nil
}
