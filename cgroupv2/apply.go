package cgroupv2

import (
	"errors"

	"golang.org/x/sys/unix"
)

// ApplyError is a setting that the kernel did not take, or took without effect.
type ApplyError struct {
	Setting Setting
	Path    string // of the cgroup
	Err     error
	Hint    string
}

func (e *ApplyError) Error() string {
	return "write(" + e.Path + "/" + e.Setting.File + ", \"" + e.Setting.Value + "\"): " + e.Err.Error()
}

// Unwrap gives the errno.
func (e *ApplyError) Unwrap() error { return e.Err }

// Apply writes settings in their order and stops at the first that fails. Why it
// failed is looked for only then.
func (c *Cgroup) Apply(list []Setting) error {
	for i, s := range list {
		err := c.write(s)
		// A quota may not be below the burst that is there already, nor a burst above
		// the quota: when both shrink, the burst goes first.
		if err == unix.EINVAL && s.File == "cpu.max" && i+1 < len(list) && list[i+1].File == "cpu.max.burst" {
			if c.write(list[i+1]) == nil {
				err = c.write(s)
			}
		}
		if err == nil {
			err = c.holds(s)
		}
		if err != nil {
			return &ApplyError{Setting: s, Path: c.mount + c.path, Err: err, Hint: c.why(s, err)}
		}
	}
	return nil
}

// write puts a setting into its file, or into the other one where the kernel has no
// such file.
func (c *Cgroup) write(s Setting) error {
	err := writeFile(c.fd, s.File, s.Value)
	switch {
	case err == unix.ENOENT && s.Else != nil:
		return c.write(*s.Else)
	case err == unix.ENOENT && s.Optional:
		return nil
	}
	return err
}

// holds looks at what the kernel takes but does not do: a cpuset of which the cgroups
// above have nothing. The cgroup then gets all that they have (cgroup-v2.rst,
// "cpuset.cpus").
func (c *Cgroup) holds(s Setting) error {
	if s.File != "cpuset.cpus" && s.File != "cpuset.mems" {
		return nil
	}
	have, err := readFile(c.fd, s.File+".effective")
	if err != nil {
		return nil // nobody can tell
	}
	want, ok := parseList(s.Value)
	got, read := parseList(have)
	if ok && read && !got.within(want) {
		return errors.New("the cgroups above have none of these")
	}
	return nil
}
