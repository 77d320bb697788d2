package cgroupv2

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Procs lists the processes in the cgroup and below it, each once.
func (c *Cgroup) Procs() ([]int, error) {
	all, err := listed(c.fd, nil)
	if err != nil {
		return nil, &CallError{Call: "read(" + c.path + "/cgroup.procs)", Err: err}
	}
	w := descent{visit: func(dir int) (err error) {
		if all, err = listed(dir, all); gone(err) {
			return nil
		}
		return err
	}}
	if err := w.below(c.fd); err != nil {
		return nil, &CallError{Call: "read(" + c.path + "/.../cgroup.procs)", Err: err}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// listed appends the processes of one cgroup. A threaded cgroup lists none (EOPNOTSUPP);
// its domain does.
func listed(dir int, all []int) ([]int, error) {
	text, err := readFile(dir, "cgroup.procs")
	if err != nil && err != unix.EOPNOTSUPP {
		return all, err
	}
	for pid := range strings.FieldsSeq(text) {
		if n, err := strconv.Atoi(pid); err == nil && n > 0 {
			all = append(all, n)
		}
	}
	return all, nil
}

// gone tells of a cgroup that was removed since it was seen: its files answer ENODEV, and
// its directory ENOENT.
func gone(err error) bool { return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV) }
