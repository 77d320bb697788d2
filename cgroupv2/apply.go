package cgroupv2

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// ApplyError is a setting that the kernel did not take.
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
	for _, s := range list {
		if err := c.apply(s); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cgroup) apply(s Setting) error {
	err := writeFile(c.fd, s.File, s.Value)
	switch {
	case err == nil:
		return nil
	case err == unix.ENOENT && s.Else != nil:
		return c.apply(*s.Else)
	case err == unix.ENOENT && s.Optional:
		return nil
	}
	return &ApplyError{Setting: s, Path: c.path, Err: err, Hint: c.why(s, err)}
}

// why looks for the cause of a refusal.
func (c *Cgroup) why(s Setting, err error) string {
	controller, _, _ := strings.Cut(s.File, ".")
	switch {
	case err == unix.ENOENT:
		return c.noFile(s.File, controller)
	case s.File == "cpuset.cpus" || s.File == "cpuset.mems":
		have, readErr := readFile(c.fd, s.File+".effective")
		if readErr == nil {
			return "Here are " + strings.TrimPrefix(s.File, "cpuset.") + " " + strings.TrimSpace(have) + "."
		}
	case s.File == "cpu.max":
		return "The quota must be at least 1000 us, the period between 1000 and 1000000 us."
	case s.File == "cpu.max.burst":
		return "The burst must not be above the quota."
	case s.File == "io.max" && err == unix.ENODEV:
		device, _, _ := strings.Cut(s.Value, " ")
		return "There is no block device " + device + "."
	case s.File == "cpu.weight" && err == unix.EINVAL:
		return "An idle cgroup (cpu.idle 1) takes no weight."
	}
	return ""
}

func (c *Cgroup) noFile(file, controller string) string {
	all, err := readFile(c.fd, "cgroup.controllers")
	if err == nil && controller != "cgroup" && !contains(strings.Fields(all), controller) {
		return "The controller " + controller + " is not enabled for this cgroup: see cgroup.subtree_control of its parent."
	}
	if near := c.nearFile(file); near != "" {
		return "Did you mean " + near + "?"
	}
	return "This kernel has no such file; a newer one may."
}

// nearFile gives the file of the cgroup whose name has the most letters in common at
// both ends, if it is close.
func (c *Cgroup) nearFile(name string) string {
	fd, err := openBeneath(c.fd, ".", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return ""
	}
	dir := os.NewFile(uintptr(fd), "cgroup")
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return ""
	}
	for _, n := range names {
		if same := commonEnds(n, name); same >= len(name)-2 && same >= len(n)-2 {
			return n
		}
	}
	return ""
}

func commonEnds(a, b string) int {
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	return head + tail
}
