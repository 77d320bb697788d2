package tracer

import (
	"bytes"
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// callInfo is struct ptrace_syscall_info at the entry of a system call, see
// ptrace(2) PTRACE_GET_SYSCALL_INFO (Linux 5.3). It is the same on every
// architecture, unlike the registers.
type callInfo struct {
	Op   uint8
	_    [3]uint8
	Arch uint32
	_    [2]uint64
	Nr   uint64
	Args [6]uint64
	_    uint64
}

func syscallInfo(tid int) (*callInfo, error) {
	info := new(callInfo)
	_, _, errno := syscall.RawSyscall6(unix.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO,
		uintptr(tid), unsafe.Sizeof(*info), uintptr(unsafe.Pointer(info)), 0, 0)
	if errno != 0 {
		return nil, errno
	}
	return info, nil
}

func ptrace(request, tid int, addr, data uintptr) error {
	if _, _, errno := syscall.RawSyscall6(unix.SYS_PTRACE, uintptr(request), uintptr(tid), addr, data, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// wait waits for one process, which must not end.
func wait(pid, flags int) (syscall.WaitStatus, error) {
	for {
		var ws syscall.WaitStatus
		_, err := syscall.Wait4(pid, &ws, flags, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return ws, err
		case !ws.Stopped():
			return ws, fmt.Errorf("process %d ended early: status %#x", pid, int(ws))
		default:
			return ws, nil
		}
	}
}

// wait4 waits for any child or tracee of this thread, their threads included. Children
// that other threads of ours have started are theirs to wait for.
func wait4(ws *syscall.WaitStatus, flags int) (int, error) {
	for {
		pid, err := syscall.Wait4(-1, ws, unix.WALL|unix.WNOTHREAD|flags, nil)
		if err != syscall.EINTR {
			return pid, err
		}
	}
}

// tracees tells whether this thread has any left. One that was born when its parent was let
// go is a tracee that no event has told of yet. Left alone it would stay in the stop that it
// is born into, and its process, killed or not, would never be gone.
func tracees() bool {
	return unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WSTOPPED|unix.WNOHANG|unix.WNOWAIT|unix.WALL|unix.WNOTHREAD, nil) != unix.ECHILD
}

// groupOf finds the process that a thread belongs to.
func groupOf(tid int) int {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", tid))
	if _, rest, ok := bytes.Cut(status, []byte("\nTgid:")); ok {
		var tgid int
		if _, err := fmt.Sscan(string(rest[:min(len(rest), 16)]), &tgid); err == nil {
			return tgid
		}
	}
	return tid
}

func alive(tid int) bool { return unix.Kill(tid, 0) == nil }

// peek copies memory of a stopped thread, as much of it as is mapped.
func peek(tid int, addr uint64, buf []byte) []byte {
	if addr == 0 {
		return nil
	}
	// Page by page: a string may end just before an unmapped one.
	first := min(len(buf), os.Getpagesize()-int(addr)&(os.Getpagesize()-1))
	n, err := readMemory(tid, addr, buf[:first])
	if err != nil || n < first || first == len(buf) {
		return buf[:max(n, 0)]
	}
	more, _ := readMemory(tid, addr+uint64(first), buf[first:])
	return buf[:first+max(more, 0)]
}

func readMemory(tid int, addr uint64, buf []byte) (int, error) {
	local := []unix.Iovec{{Base: &buf[0]}}
	local[0].SetLen(len(buf))
	remote := []unix.RemoteIovec{{Base: uintptr(addr), Len: len(buf)}}
	return unix.ProcessVMReadv(tid, local, remote, 0)
}

func peekString(tid int, addr uint64) string {
	s, _, _ := bytes.Cut(peek(tid, addr, make([]byte, 256)), []byte{0})
	return string(s)
}
