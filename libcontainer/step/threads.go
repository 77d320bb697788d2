package step

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// SpareThreads makes threads while init may still have them. It is for containers
// with a limit that lets init make none once it is in force (pids.max, RLIMIT_NPROC
// and the like).
//
// What we see without it: "runtime: failed to create new OS thread", and init is
// dead. Whoever is in a system call for more than 20 us loses the right to run Go
// code (a P; init has one, GOMAXPROCS=1) to the runtime's monitor, which needs another
// thread to give it to: an idle one, or else a new one (runtime/proc.go of Go 1.26:
// sysmon, retake, handoffp, startm, mget). A thread that has nothing to do is idle only
// when it has put itself on the list (stopm, mput); between giving up its P and that it
// can be kept from the CPU for as long as the machine likes. The same happens when
// init has run for 10 ms (retake, preemptone): its goroutine is locked to the main
// thread during init(), so it comes back through another one (stoplockedm,
// startlockedm), which is left half-way in the same manner.
//
// From the limit on to execve init waits three times: for the host to commit, for
// start, and for the byte to be written. That takes three threads at most, and one more
// for every 10 ms of work, which is a tenth of a millisecond if nobody disturbs it. One
// can be half-way to the list when we begin. That makes six with two to spare; each costs
// the container 100 KiB of memory until execve.
type SpareThreads struct{ Count int }

// Fields passes it through the codec.
func (s *SpareThreads) Fields(c *Codec) { c.Int(&s.Count) }
func (s *SpareThreads) String() string {
	return "make " + sys.Int(s.Count) + " spare threads, while there may be more"
}

// Apply holds Count goroutines in a system call at once: each has a thread then that
// no other can use. With one P the last to arrive keeps us from running until it is in
// its call too. What they do after that ends on the list of idle threads.
func (s *SpareThreads) Apply(*Env) error {
	arrivals, gate := []int{-1, -1}, []int{-1, -1}
	for _, pipe := range [][]int{arrivals, gate} {
		if err := unix.Pipe2(pipe, unix.O_CLOEXEC); err != nil {
			return sys.Fail(err, "pipe2", "O_CLOEXEC")
		}
	}
	left := make(chan struct{}, s.Count)
	for range s.Count {
		go func() {
			arrive(uintptr(arrivals[1]), uintptr(gate[0]))
			left <- struct{}{}
		}()
	}
	err := count(arrivals[0], s.Count)
	unix.Close(gate[1]) // end of file for all of them
	for range s.Count {
		<-left
	}
	for _, fd := range []int{arrivals[0], arrivals[1], gate[0]} {
		unix.Close(fd)
	}
	return err
}

// arrive tells that it is here and waits at the gate, without a point in between at
// which the runtime could take it from its thread.
//
//go:nosplit
func arrive(arrivals, gate uintptr) {
	var b [1]byte
	syscall.RawSyscall(unix.SYS_WRITE, arrivals, uintptr(unsafe.Pointer(&b)), 1)
	syscall.Syscall(unix.SYS_READ, gate, uintptr(unsafe.Pointer(&b)), 1)
}

// count reads n bytes.
func count(fd, n int) error {
	buf := make([]byte, n)
	for n > 0 {
		got, err := unix.Read(fd, buf[:n])
		if err == unix.EINTR {
			continue
		}
		if err != nil || got == 0 {
			return sys.Fail(err, "read", "a pipe")
		}
		n -= got
	}
	return nil
}
