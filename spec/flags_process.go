package spec

import (
	"slices"
	"strconv"
	"strings"
)

// env sets a variable, in the place of one that is there.
func (c *fromFlags) env(value string) error {
	name, _, ok := strings.Cut(value, "=")
	switch {
	case value == "":
		return bad("the variable is empty", "It is NAME=VALUE.")
	case !ok:
		return bad("the variable has no value", "It is NAME=VALUE; "+value+"= gives it an empty one. Variables of the caller do not come in by themselves.")
	case name == "":
		return bad("the variable has no name", "It is NAME=VALUE.")
	}
	list := &c.spec.Process.Env
	if i := slices.IndexFunc(*list, func(kv string) bool { return strings.HasPrefix(kv, name+"=") }); i >= 0 {
		(*list)[i] = value
	} else {
		*list = append(*list, value)
	}
	return nil
}

func (c *fromFlags) workdir(value string) error {
	if !strings.HasPrefix(value, "/") {
		return bad("not an absolute path", "It is a directory of the container, such as /srv.")
	}
	c.spec.Process.Cwd = value
	return nil
}

// user takes numbers: who a name is only the container's own files could tell, and they
// are the container's to write.
func (c *fromFlags) user(value string) error {
	uid, gid, both := strings.Cut(value, ":")
	if !both {
		gid = uid
	}
	u := &c.spec.Process.User
	var err error
	if u.UID, err = parseID(uid, "user"); err != nil {
		return err
	}
	u.GID, err = parseID(gid, "group")
	return err
}

func parseID(s, what string) (uint32, error) {
	hint := "It is UID or UID:GID in numbers; without a GID the group has the number of the user. `id -u NAME` and /etc/passwd tell numbers."
	n, err := strconv.ParseUint(s, 10, 32)
	switch {
	case s == "":
		return 0, bad("the "+what+" is empty", hint)
	case leadingDigits(s) != s:
		return 0, bad("the "+what+" "+strconv.Quote(s)+" is not a number, and names are not looked up", hint)
	case err != nil || n == noID:
		return 0, bad("the "+what+" "+s+" is above 4294967294, the largest that there is", hint)
	}
	return uint32(n), nil
}

const all = "ALL"

// capability reads a name with or without CAP_, in any case.
func (c *fromFlags) capability(value string) (string, error) {
	name := strings.TrimPrefix(strings.ToUpper(value), "CAP_")
	switch {
	case name == "":
		return "", bad("the capability is empty", capabilityHint)
	case name == all:
		return all, nil
	case slices.Contains(c.Capabilities, "CAP_"+name):
		return "CAP_" + name, nil
	}
	hint := capabilityHint
	for _, known := range c.Capabilities {
		if Near(known, "CAP_"+name) {
			hint = "Did you mean " + strings.TrimPrefix(known, "CAP_") + "?"
		}
	}
	return "", bad("unknown capability", hint)
}

const capabilityHint = "Names are those of capabilities(7), such as NET_ADMIN or CAP_NET_ADMIN, and ALL."

func (c *fromFlags) capDrop(value string) error {
	name, err := c.capability(value)
	c.taken[name] = true
	return err
}

func (c *fromFlags) capAdd(value string) error {
	name, err := c.capability(value)
	if err == nil && c.taken[name] {
		return bad("--cap-drop names it too", "Leave one of them out.")
	}
	c.added[name] = true
	return err
}

// setCapabilities: ALL is where the others start from. A program that is not root gets
// what was added by name only as ambient capabilities (capabilities(7) "Transformation
// of capabilities during execve"), which have to be inheritable too.
func (c *fromFlags) setCapabilities() {
	if len(c.added)+len(c.taken) == 0 {
		return
	}
	sets := c.spec.Process.Capabilities
	has := map[string]bool{}
	for _, name := range sets.Bounding {
		has[name] = !c.taken[all]
	}
	var list, ambient []string
	for _, name := range c.Capabilities {
		if c.added[name] || (c.added[all] || has[name]) && !c.taken[name] {
			list = append(list, name)
			if c.added[name] || c.added[all] {
				ambient = append(ambient, name)
			}
		}
	}
	sets.Bounding, sets.Effective, sets.Permitted = list, slices.Clone(list), slices.Clone(list)
	if c.spec.Process.User.UID != 0 {
		sets.Inheritable, sets.Ambient = ambient, slices.Clone(ambient)
	}
}
