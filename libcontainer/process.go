package libcontainer

import (
	"bytes"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// process is what /proc/PID/stat tells (proc_pid_stat(5)).
type process struct {
	Comm  string
	State byte   // 'Z' and 'X': dead
	Flags uint64 // field 9, the PF_* of the kernel's include/linux/sched.h
	Start uint64 // field 22, clock ticks since boot: with the pid it names a process for good
}

func (p process) dead() bool { return p.State == 'Z' || p.State == 'X' }

// executed tells whether it has ever executed a program. PF_FORKNOEXEC has had its place
// since Linux 2.6; it is what acct(5) calls AFORK.
func (p process) executed() bool {
	const forkNoExec = 0x40
	return p.Flags&forkNoExec == 0
}

// readProcess reads /proc/PID/stat; ok is false when there is no such process.
func readProcess(pid int) (p process, ok bool) {
	data, err := sys.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return process{}, false
	}
	return parseStat(data)
}

// parseStat cuts at the last bracket: the name may hold anything.
func parseStat(data []byte) (p process, ok bool) {
	open, end := bytes.IndexByte(data, '('), bytes.LastIndexByte(data, ')')
	if open < 0 || end < open || end+2 >= len(data) {
		return process{}, false
	}
	fields := bytes.Fields(data[end+2:])
	if len(fields) < 20 {
		return process{}, false
	}
	start, err := strconv.ParseUint(string(fields[19]), 10, 64)
	if err != nil {
		return process{}, false
	}
	flags, err := strconv.ParseUint(string(fields[6]), 10, 64)
	if err != nil {
		return process{}, false
	}
	return process{Comm: string(data[open+1 : end]), State: fields[0][0], Flags: flags, Start: start}, true
}

// alive finds the process of a record: the same pid with the same start time, and
// not yet dead.
func alive(pid int, start uint64) (process, bool) {
	if pid <= 0 {
		return process{}, false
	}
	p, ok := readProcess(pid)
	return p, ok && p.Start == start && (!p.dead() || threadsLeft(pid))
}

// threadsLeft tells whether a process goes on whose first thread has ended: that alone
// is a zombie (proc_pid_stat(5)), as long as another lives. Its pidfd tells of the end of
// the last one (pidfd_open(2)). So it is with a program that lets its main thread end,
// and for a moment with every process of several threads that is killed.
func threadsLeft(pid int) bool {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return !awaitExit(fd, 0)
}

// holdProcess gives a pidfd of the recorded process, so that what follows cannot
// meet another process with the same number.
func holdProcess(pid int, start uint64) (int, bool) {
	if pid <= 0 {
		return -1, false
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return -1, false
	}
	if _, ok := alive(pid, start); !ok {
		unix.Close(fd)
		return -1, false
	}
	return fd, true
}

// awaitExit waits until the process of a pidfd has ended, at most for the given
// time in milliseconds; -1 waits for ever.
func awaitExit(pidfd, timeout int) bool {
	p := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	var n int
	err := sys.Retry(func() (err error) { n, err = unix.Poll(p, timeout); return err })
	return err == nil && n > 0
}
