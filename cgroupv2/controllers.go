package cgroupv2

import (
	"cmp"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// enable switches controllers on for the children of a cgroup: those that are needed,
// and all others that can be had. Engines watch a container by the files of controllers
// that it has no limit of (memory.events, memory.current, pids.current), as every other
// runtime lets them. What is on already is not written: a write takes a lock even when
// it changes nothing.
func enable(fd int, p string, need []string) error {
	all, err := words(fd, p, "cgroup.controllers")
	on, readErr := words(fd, p, "cgroup.subtree_control")
	if err = cmp.Or(err, readErr); err != nil {
		if len(need) == 0 {
			return nil
		}
		return err
	}
	for _, c := range need {
		if !slices.Contains(all, c) {
			return &HostError{Controller: c, Text: "the cgroup controller " + c + " is not available in " + p + ", where there are: " + strings.Join(all, " "),
				Hint: whyMissing(fd, p, c)}
		}
	}
	off := slices.DeleteFunc(all, func(c string) bool { return slices.Contains(on, c) })
	if len(off) > 0 && holdsProcesses(fd) {
		for _, c := range need {
			if slices.Contains(off, c) {
				return controllerError(p, c, unix.EBUSY)
			}
		}
		return nil
	}
	if len(off) == 0 || writeFile(fd, "cgroup.subtree_control", "+"+strings.Join(off, " +")) == nil {
		return nil
	}
	return enableEach(fd, p, off, need)
}

// holdsProcesses tells of a cgroup that must not get controllers for its children. Of some
// (cpu, cpuset, pids) the kernel lets it have them: it makes a threaded domain of the cgroup
// then, below which no process can be (cgroup-v2.rst, "Threads"). The real root, which has
// no type, is exempt.
func holdsProcesses(fd int) bool {
	if _, err := readFile(fd, "cgroup.type"); err != nil {
		return false
	}
	procs, err := readFile(fd, "cgroup.procs")
	return err == nil && strings.TrimSpace(procs) != ""
}

// enableEach is for a write that failed: one controller that cannot be had makes the
// kernel refuse all of it.
func enableEach(fd int, p string, off, need []string) error {
	for _, c := range off {
		if err := writeFile(fd, "cgroup.subtree_control", "+"+c); err != nil && slices.Contains(need, c) {
			return controllerError(p, c, err)
		}
	}
	return nil
}

// words reads a file of words.
func words(fd int, p, name string) ([]string, error) {
	text, err := readFile(fd, name)
	if err != nil {
		return nil, &CallError{Call: "read(" + Mount + strings.TrimSuffix(p, "/") + "/" + name + ")", Err: err}
	}
	return strings.Fields(text), nil
}

// controllerError says why a controller that is there cannot be had.
func controllerError(p, controller string, err error) error {
	e := &CallError{Controller: controller, Call: "write(" + Mount + strings.TrimSuffix(p, "/") + "/cgroup.subtree_control, +" + controller + ")", Err: err}
	switch err {
	case unix.EOPNOTSUPP:
		e.Hint = threaded(p, controller)
	case unix.EBUSY:
		e.Hint = "The cgroup " + p + " holds processes, and a cgroup with processes cannot give controllers to children (the rule of no internal processes): give another .linux.cgroupsPath."
	case unix.EACCES, unix.EPERM:
		e.Hint = "This needs root, or a cgroup that was delegated to this user with the controller " + controller + "."
	}
	return e
}

// allControllers are those of cgroup-v2.rst, "Controllers". The kernel may have others.
var allControllers = []string{"cpu", "memory", "io", "pids", "cpuset", "rdma", "hugetlb", "misc", "dmem"}

// whyMissing tells what keeps a controller from a cgroup.
func whyMissing(fd int, p, controller string) string {
	if kind, err := readFile(fd, "cgroup.type"); err == nil && strings.TrimSpace(kind) == "threaded" {
		return threaded(p, controller)
	}
	if near := nearest(controller, allControllers); near != "" && near != controller {
		return "Did you mean " + near + "?"
	}
	return "Enable it in the cgroups above, or leave the limit out. It may be in use by cgroup v1."
}

func threaded(p, controller string) string {
	return "The cgroup " + p + " is threaded, and " + controller + " is about whole processes: give another .linux.cgroupsPath."
}

// ControllersFor lists the controllers that settings belong to, in their order.
func ControllersFor(list []Setting) []string {
	var need []string
	for _, s := range list {
		c, _, _ := strings.Cut(s.File, ".")
		if c != "cgroup" && !slices.Contains(need, c) {
			need = append(need, c)
		}
	}
	return need
}
