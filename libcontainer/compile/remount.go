package compile

import (
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/step"
)

func (c *compiler) remount(i int, target, field string, o *options) {
	if c.fits(o, field) {
		c.add(field, &step.Reconfigure{Target: target, Flags: o.flags, Options: o.data, After: o.recursiveAttributes(), Kept: c.kept[c.changes(i)]})
	}
}

// findRemounts looks for the mounts that later entries change: init keeps those, because
// their path may lead elsewhere by then.
func (c *compiler) findRemounts() {
	for i := range c.spec.Mounts {
		if slices.Contains(c.spec.Mounts[i].Options, "remount") {
			c.changed = append(c.changed, c.changes(i))
		}
	}
}

// changes gives the mount that a remount changes; -1 where it is not one of the entries, or
// where one that came later hides it.
func (c *compiler) changes(i int) int {
	target := targetOf(&c.spec.Mounts[i])
	for j := i - 1; j >= 0; j-- {
		m := &c.spec.Mounts[j]
		if slices.Contains(m.Options, "remount") {
			continue
		}
		earlier := targetOf(m)
		if earlier == target {
			return j
		}
		if strings.HasPrefix(target, earlier+"/") {
			return -1
		}
	}
	return -1
}

// keeps tells whether a later entry changes a mount, and gives it its number.
func (c *compiler) keeps(i int) bool { return slices.Contains(c.changed, i) && c.keep(i) }

func (c *compiler) keep(i int) bool {
	if c.kept == nil {
		c.kept = map[int]int{}
	}
	c.kept[i] = len(c.kept) + 1
	return true
}

// lateReadonly keeps a tmpfs writable until device nodes and mount points are on it,
// unless a later mount covers or changes it.
func (c *compiler) lateReadonly(i int, target, field string, s *step.Mount) {
	if s.Flags&unix.MS_RDONLY == 0 && s.After.Set&unix.MOUNT_ATTR_RDONLY == 0 {
		return
	}
	later := slices.ContainsFunc(c.spec.Mounts[i+1:], func(m specs.Mount) bool { return targetOf(&m) == target })
	s.Flags &^= unix.MS_RDONLY
	if s.After.Set |= unix.MOUNT_ATTR_RDONLY; later {
		return
	}
	s.After.Set &^= unix.MOUNT_ATTR_RDONLY
	s.Keep = c.keep(i)
	c.late = append(c.late, step.Entry{Field: field, Step: &step.Remount{Target: target, After: step.Attributes{Set: unix.MOUNT_ATTR_RDONLY}, Kept: c.kept[i]}})
}
