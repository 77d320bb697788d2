package cgroupv2

import (
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// delegateFile lists the files of a cgroup that its owner may have (Linux 4.15,
// Documentation/ABI/testing/sysfs-kernel-cgroup).
const delegateFile = "/sys/kernel/cgroup/delegate"

// Delegate gives the directory, and those of its files that the kernel calls safe, to a
// user, who may then make cgroups below it and move processes between them. The limits
// stay ours (cgroup-v2.rst, "Delegation Containment").
func (c *Cgroup) Delegate(uid int) error {
	names := append([]string{"."}, delegateFiles()...)
	c.noteOwners(names, uid)
	for _, name := range names {
		err := unix.Fchownat(c.fd, name, uid, -1, unix.AT_SYMLINK_NOFOLLOW)
		if err != nil && !errors.Is(err, unix.ENOENT) {
			return &CallError{Call: "fchownat(" + c.path + "/" + name + ")", Err: err}
		}
	}
	return nil
}

// delegateFiles are those of the kernel's list; a kernel without one has these three
// (config-linux.md "Cgroup ownership").
func delegateFiles() []string {
	data, err := os.ReadFile(delegateFile)
	if err != nil {
		return []string{"cgroup.procs", "cgroup.subtree_control", "cgroup.threads"}
	}
	var names []string
	for _, name := range strings.Fields(string(data)) {
		if !strings.Contains(name, "/") {
			names = append(names, name)
		}
	}
	return names
}
