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
	c.mountMappings()
	c.refuse()
}

// version: a specification of the same major version can be read (config.md
// "Specification version").
func (c *checker) version() {
	switch v := c.spec.Version; {
	case v == "":
		c.problem(".ociVersion", "the version of the specification is missing", `Give for example "1.2.0".`)
	case !semantic(v):
		c.problem(".ociVersion", strconv.Quote(v)+" is no version (semver.org)", `Give for example "1.2.0".`)
	case !strings.HasPrefix(v, "1."):
		c.problem(".ociVersion", "version "+v+" of the specification is not supported", "mdrun follows version 1 of it.")
	}
}

// semantic tells whether a text is a version as of semver.org 2.0.0.
func semantic(v string) bool {
	v, build, built := strings.Cut(v, "+")
	v, pre, early := strings.Cut(v, "-")
	parts := strings.Split(v, ".")
	ok := len(parts) == 3 && (!built || identifiers(build, false)) && (!early || identifiers(pre, true))
	for _, p := range parts {
		ok = ok && number(p) && (p == "0" || p[0] != '0')
	}
	return ok
}

func number(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// identifiers: none is empty; strict says that a number begins with no zero.
func identifiers(list string, strict bool) bool {
	for id := range strings.SplitSeq(list, ".") {
		for i := range len(id) {
			b := id[i]
			if b != '-' && (b < '0' || b > '9') && (b < 'a' || b > 'z') && (b < 'A' || b > 'Z') {
				return false
			}
		}
		if id == "" || strict && number(id) && id[0] == '0' && id != "0" {
			return false
		}
	}
	return true
}

func (c *checker) root() {
	switch {
	case c.spec.Root == nil:
		c.problem(".root", "the root filesystem is missing", `Give {"path": "rootfs"}.`)
	case c.spec.Root.Path == "":
		c.problem(".root.path", "the path of the root filesystem is empty", `Give for example "rootfs".`)
	default:
		c.short(".root.path", c.spec.Root.Path)
	}
}

// short: the kernel takes no longer path (path_resolution(7)).
func (c *checker) short(field, path string) {
	if len(path) >= pathLimit {
		c.problem(field, "a path of "+strconv.Itoa(len(path))+" bytes", "The kernel takes 4095.")
	}
}

const pathLimit = 4096

// nameLimit is __NEW_UTS_LEN of the kernel, in bytes.
const nameLimit = 64

func (c *checker) names() {
	for _, n := range []struct{ field, name string }{{".hostname", c.spec.Hostname}, {".domainname", c.spec.Domainname}} {
		switch {
		case n.name == "":
		case !c.hasNamespace(specs.UTSNamespace):
			c.problem(n.field, "it needs a uts namespace of the container's own: it would change the host", `Add {"type": "uts"} to .linux.namespaces.`)
		case len(n.name) > nameLimit:
			c.problem(n.field, "longer than 64 bytes", "The kernel takes at most 64.")
		}
	}
}

func (c *checker) annotations() {
	if _, ok := c.spec.Annotations[""]; ok {
		c.problem(".annotations", "an annotation has an empty key", "Give it a name, such as \"org.example.key\", or leave it out.")
	}
}

func (c *checker) mounts() {
	for i := range c.spec.Mounts {
		m, field := &c.spec.Mounts[i], index(".mounts", i)
		switch {
		case m.Destination == "":
			c.problem(field+".destination", "the destination is missing", "Give the absolute path in the container where it is to be mounted.")
		case !path.IsAbs(m.Destination):
			c.warn(field+".destination", "a relative destination is taken from /")
		}
		c.short(field+".destination", m.Destination)
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
	if id == "." || id == ".." {
		return errors.New("invalid container ID format: " + strconv.Quote(id) + " is the name of a folder, not one that a container can have")
	}
	ok := id != ""
	for i := range len(id) {
		b := id[i]
		ok = ok && (b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || strings.IndexByte("_+.-", b) >= 0)
	}
	if !ok {
		return errors.New("invalid container ID format: " + strconv.Quote(id) + ": letters, digits, and _ + . - are possible")
	}
	return nil
}
