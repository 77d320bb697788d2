package cgroupv2

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Procs lists the processes in the cgroup and below it, each once. A threaded cgroup lists
// none (EOPNOTSUPP): its domain does. Where the cgroup itself is one, they are those that
// have a thread in it.
func (c *Cgroup) Procs() ([]int, error) {
	list := processes
	all, err := list(c.fd, nil)
	if err == unix.EOPNOTSUPP {
		list = ofThreads
		all, err = list(c.fd, nil)
	}
	if err != nil {
		return nil, &CallError{Call: "read(" + c.path + "/cgroup.procs)", Err: err}
	}
	w := descent{visit: func(dir int) (err error) {
		if all, err = list(dir, all); gone(err) || err == unix.EOPNOTSUPP {
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

// processes appends those of one cgroup.
func processes(dir int, all []int) ([]int, error) { return listed(dir, "cgroup.procs", all) }

// ofThreads appends the processes that the threads of one cgroup belong to.
func ofThreads(dir int, all []int) ([]int, error) {
	threads, err := listed(dir, "cgroup.threads", nil)
	for _, tid := range threads {
		if pid := processOf(tid); pid > 0 {
			all = append(all, pid)
		}
	}
	return all, err
}

// processOf asks /proc/TID/status (proc_pid_status(5), "Tgid"); 0 where the thread is gone.
func processOf(tid int) int {
	fd, err := unix.Open("/proc/"+strconv.Itoa(tid)+"/status", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	text, err := readAll(fd)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, "Tgid:"); ok {
			pid, _ := strconv.Atoi(strings.TrimSpace(value))
			return pid
		}
	}
	return 0
}

// listed appends the numbers in a file; those of another pid namespace are 0.
func listed(dir int, file string, all []int) ([]int, error) {
	text, err := readFile(dir, file)
	for word := range strings.FieldsSeq(text) {
		if n, err := strconv.Atoi(word); err == nil && n > 0 {
			all = append(all, n)
		}
	}
	return all, err
}

// gone tells of a cgroup that was removed since it was seen: its files answer ENODEV, and
// its directory ENOENT.
func gone(err error) bool { return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV) }
