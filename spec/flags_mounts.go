package spec

import (
	"cmp"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// absolute gives a path of the host from the root on.
func (c *fromFlags) absolute(p string) string {
	if filepath.IsAbs(p) {
		return filepath.Clean(p)
	}
	return filepath.Join(c.Dir, p)
}

const volumeHint = "It is SOURCE:DESTINATION or SOURCE:DESTINATION:OPTIONS, such as ./data:/data:ro. Paths that hold a colon need a bundle: see mdrun spec."

// volume binds a file or a directory of the host. Mounts of the host that come later
// stay out, unless an option says otherwise.
func (c *fromFlags) volume(value string) error {
	parts := strings.Split(value, ":")
	switch {
	case len(parts) < 2:
		return bad("there is no destination", volumeHint)
	case len(parts) > 3:
		return bad("more than two colons", volumeHint)
	case parts[0] == "":
		return bad("the source is empty", volumeHint)
	}
	m := specs.Mount{Destination: parts[1], Type: "bind", Source: c.absolute(parts[0]), Options: []string{"rbind"}}
	options := ""
	if len(parts) == 3 {
		options = parts[2]
	}
	if err := volumeOptions(&m, options, len(parts) == 3); err != nil {
		return err
	}
	return c.place(m, "-v")
}

// bindOption gives what a bind may be asked for. Read-only means all of it: mounts below
// the source, too.
func bindOption(word string) (string, bool) {
	if word == "ro" {
		return "rro", true
	}
	return word, slices.Contains(attributeOptions, word)
}

var attributeOptions = []string{"rw", "exec", "noexec", "dev", "nodev", "suid", "nosuid"}

var propagationOptions = []string{"private", "rprivate", "slave", "rslave", "shared", "rshared", "unbindable", "runbindable"}

func volumeOptions(m *specs.Mount, options string, given bool) error {
	propagation := ""
	if given {
		var words []string
		for word := range strings.SplitSeq(options, ",") {
			known, ok := bindOption(word)
			other := contrary(word)
			switch {
			case ok:
				m.Options = append(m.Options, known)
			case slices.Contains(propagationOptions, word):
				other, propagation = propagation, word
			default:
				return bad("unknown option "+strconv.Quote(word), "Options are ro, rw, [r]private, [r]slave, [r]shared, [no]exec, [no]dev, [no]suid. "+volumeHint)
			}
			if other != word && slices.Contains(words, other) {
				return bad("both "+other+" and "+word, "Leave one of them out.")
			}
			words = append(words, word)
		}
	}
	m.Options = append(m.Options, cmp.Or(propagation, "rprivate"))
	return nil
}

// contrary of what a bind may be asked for: config.json takes the last of two, but who types
// both has made a slip.
func contrary(word string) string {
	switch positive, negative := strings.CutPrefix(word, "no"); {
	case word == "ro":
		return "rw"
	case word == "rw":
		return "ro"
	case negative:
		return positive
	}
	return "no" + word
}

// tmpfs gives a directory in memory, which counts as the container's memory. Options
// are the filesystem's, such as size=64m.
func (c *fromFlags) tmpfs(value string) error {
	destination, options, given := strings.Cut(value, ":")
	m := specs.Mount{Destination: destination, Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "nodev", "noexec", "mode=1777"}}
	if given {
		for word := range strings.SplitSeq(options, ",") {
			if word == "" {
				return bad("an option is empty", "It is DESTINATION or DESTINATION:OPTIONS, such as /tmp:size=64m,exec.")
			}
			m.Options = append(m.Options, word)
		}
	}
	return c.place(m, "--tmpfs")
}

// place checks the destination of a mount and notes it.
func (c *fromFlags) place(m specs.Mount, flag string) error {
	const hint = "The destination is a path in the container, such as /data."
	switch {
	case m.Destination == "":
		return bad("the destination is empty", hint)
	case !path.IsAbs(m.Destination):
		return bad("the destination "+strconv.Quote(m.Destination)+" is not an absolute path", hint)
	}
	m.Destination = path.Clean(m.Destination)
	other, twice := c.placed[m.Destination]
	switch {
	case m.Destination == "/":
		return bad("a mount cannot replace the root", "That is what --rootfs is for.")
	case twice && other == flag:
		return bad("something is mounted on "+m.Destination+" already", "Give each destination once.")
	case twice:
		return bad("something is mounted on "+m.Destination+" already, by "+other, "Give each destination once.")
	}
	c.placed[m.Destination] = flag
	c.volumes = append(c.volumes, m)
	return nil
}

// setMounts puts the mounts in an order in which none hides another: those of Default,
// and the others by their depth. One on a place of Default replaces what is there.
func (c *fromFlags) setMounts() {
	slices.SortStableFunc(c.volumes, func(a, b specs.Mount) int {
		return strings.Count(a.Destination, "/") - strings.Count(b.Destination, "/")
	})
	for _, m := range c.volumes {
		at := slices.IndexFunc(c.spec.Mounts, func(d specs.Mount) bool { return d.Destination == m.Destination })
		if at >= 0 {
			c.spec.Mounts[at] = m
		} else {
			c.spec.Mounts = append(c.spec.Mounts, m)
		}
	}
}
