// Package monitor keeps the Go runtime's monitor thread from taking processor time that
// other processes need.
//
// The monitor (runtime/proc.go, sysmon) wakes up every 20 us for the first milliseconds of
// a program to see whether a goroutine needs another thread. That is an eighth of the
// processor time of a whole run, on a machine that may be starting many containers at
// once, and a command of one goroutine needs none of it.
package monitor

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// hushed is the number of the monitor's thread while Hush holds.
var hushed uintptr

// Hush lets the monitor run only when a processor has nothing else to do (SCHED_IDLE,
// sched(7)). Who waits while other goroutines have something to do calls Rouse first. With
// one processor the monitor is needed at any time and is left alone.
func Hush() {
	if runtime.GOMAXPROCS(0) < 2 {
		return
	}
	pid := self()
	// It is the first thread that the first one has made. Others may have taken numbers
	// in between: tgkill(2) tells whose they are.
	for tid := pid + 1; tid < pid+64; tid++ {
		if _, _, errno := unix.RawSyscall(unix.SYS_TGKILL, pid, tid, 0); errno != 0 {
			continue
		}
		if setScheduler(tid, unix.SCHED_IDLE, 0) {
			hushed = tid
		}
		return
	}
}

// Rouse takes Hush back, as far as the kernel lets it: that wants CAP_SYS_NICE.
func Rouse() {
	if hushed != 0 {
		schedule(hushed)
		hushed = 0
	}
}

// Outgrow gives this thread the scheduling policy of the first. One that a hushed monitor
// has made has the monitor's, and so would the processes that it makes.
func Outgrow() { schedule(0) }

// schedule gives a thread the policy of the first; 0 is the calling one.
func schedule(tid uintptr) {
	first := self()
	policy, _, errno := unix.RawSyscall(unix.SYS_SCHED_GETSCHEDULER, first, 0, 0)
	if errno != 0 {
		return
	}
	var priority int32
	if _, _, errno := unix.RawSyscall(unix.SYS_SCHED_GETPARAM, first, uintptr(unsafe.Pointer(&priority)), 0); errno == 0 {
		setScheduler(tid, policy, priority)
	}
}

func setScheduler(tid, policy uintptr, priority int32) bool {
	_, _, errno := unix.RawSyscall(unix.SYS_SCHED_SETSCHEDULER, tid, policy, uintptr(unsafe.Pointer(&priority)))
	return errno == 0
}

func self() uintptr {
	pid, _ := unix.RawSyscallNoError(unix.SYS_GETPID, 0, 0, 0)
	return pid
}
