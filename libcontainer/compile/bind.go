package compile

import (
	"path/filepath"
	"slices"
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/step"
)

// bind compiles a mount with the option bind or rbind, whatever its type says
// (config.md "Mounts").
func (c *compiler) bind(i int, target, field string, o *options) {
	source := c.bindSource(i, field)
	switch {
	case len(o.data) > 0:
		text := "unknown option " + strconv.Quote(o.data[0]) + " for a bind mount"
		if near := NearOption("", o.data[0]); near != "" {
			text += "; did you mean " + strconv.Quote(near) + "?"
		}
		c.fail(field+".options", text, "Options of a filesystem have no effect on a bind mount.")
		return
	case o.copyUp:
		c.fail(field+".options", "the option tmpcopyup is for tmpfs, not for a bind mount", "Leave it out, or mount a tmpfs.")
		return
	case source == "":
		return
	}
	s := &step.Bind{Source: source, Target: target, Recursive: o.recursive, After: o.attributes(), Proc: target == "/proc", Held: c.held[i], Keep: c.keeps(i), IDs: c.idMap(i, o)}
	if !s.Recursive {
		s.After = single(s.After)
	}
	c.add(field, s)
}

// bindSource is a path of the host; a relative one starts at the bundle.
func (c *compiler) bindSource(i int, field string) string {
	source := c.spec.Mounts[i].Source
	if source == "" {
		c.fail(field+".source", "a bind mount needs a source", "Give the file or directory of the host that is to appear there.")
		return ""
	}
	if !filepath.IsAbs(source) {
		source = filepath.Join(c.facts.BundleDir, source)
	}
	return source
}

// holdSources is for what the container is to share with the host: both the mount and
// the root say so.
func (c *compiler) holdSources() {
	root, _ := c.rootPropagation()
	if root&unix.MS_SHARED == 0 || !c.fresh(specs.MountNamespace) {
		return
	}
	c.held = map[int]int{}
	for i := range c.spec.Mounts {
		o := parseOptions(c.spec.Mounts[i].Options)
		if !o.bind || o.remount || !slices.ContainsFunc(o.propagations, isShared) {
			continue
		}
		field := ".mounts[" + strconv.Itoa(i) + "]"
		if source := c.bindSource(i, field); source != "" {
			c.held[i] = len(c.held) + 1
			c.add(field, &step.HoldSource{Source: source, Recursive: o.recursive})
		}
	}
}

func isShared(p uint64) bool { return p&unix.MS_SHARED != 0 }
