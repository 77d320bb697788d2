package script

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/tests/sandbox"
)

// filterVar names a filter for the whole of a test run and all that it starts: with
// MDRUN_FILTER=floor, `go test ./tests/script` is on the oldest kernel that mdrun works
// with, as far as system calls go.
const filterVar = "MDRUN_FILTER"

// lastOfFloor is the last system call of Linux 5.14, memfd_secret(2). From 424 on every
// architecture has the same numbers.
const lastOfFloor = 447

// Where struct seccomp_data has the number and the lower halves of the arguments.
const (
	dataNumber = 0
	dataArg0   = 16
	dataArg2   = 32
)

const below = unix.BPF_JMP | unix.BPF_K

func load(offset uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
}

func answer(errno unix.Errno) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(errno)}
}

var allow = unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW}

// here is AT_FDCWD as the kernel gets it.
const here = uint32(0xffffff9c)

var filters = map[string][]unix.SockFilter{
	"floor": {
		load(dataNumber),
		{Code: below | unix.BPF_JGT, K: lastOfFloor, Jf: 1},
		answer(unix.ENOSYS),
		allow,
	},
	// The one open_tree(2) that the image of init is made with, not those of binds.
	"image": {
		load(dataNumber),
		{Code: below | unix.BPF_JEQ, K: unix.SYS_OPEN_TREE, Jf: 5},
		load(dataArg0),
		{Code: below | unix.BPF_JEQ, K: here, Jf: 3},
		load(dataArg2),
		{Code: below | unix.BPF_JEQ, K: unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC, Jf: 1},
		answer(unix.EPERM),
		allow,
	},
}

// filter puts the named one on every thread of this process.
func filter(name string) error {
	list := filters[name]
	if list == nil {
		return fmt.Errorf("%s=%s: no such filter", filterVar, name)
	}
	program := unix.SockFprog{Len: uint16(len(list)), Filter: &list[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return fmt.Errorf("seccomp: %w", errno)
	}
	return nil
}

// filtered runs tests of this program once more, under a filter.
func filtered(t *testing.T, name, tests string) {
	t.Helper()
	if err := sandbox.Available(); err != nil {
		t.Skip("needs a sandbox: ", err)
	}
	if os.Getenv(filterVar) != "" || filepath.Base(runtimePath) != "mdrun" {
		return
	}
	cmd := exec.Command("/proc/self/exe", "-test.v", "-test.run", tests)
	cmd.Env = append(os.Environ(), filterVar+"="+name)
	out, err := cmd.CombinedOutput()
	if ran := strings.Count(string(out), "--- PASS: "); err != nil || ran < 2 {
		t.Errorf("under the filter %s: %v, %d tests passed:\n%s", name, err, ran, out)
	}
}

// TestTheFloorIsEnough: nothing of a container's life needs a call that is younger than
// Linux 5.14. What is younger in calls that are older (flags) is not seen here.
func TestTheFloorIsEnough(t *testing.T) {
	filtered(t, "floor", "TestTheFilterHolds|TestScripts/(a-life-from-create-to-delete-.*|a-bind-.*|.*tmpfs.*|.*user-namespace.*)$")
}

// TestWithoutAMountOfItsImage: where the detached mount is refused, init runs from a
// sealed copy.
func TestWithoutAMountOfItsImage(t *testing.T) {
	filtered(t, "image", "TestTheFilterHolds|TestScripts/(a-life-from-create-to-delete-.*|the-program-of-init-cannot-be-written-to)$")
}

// TestTheFilterHolds is the negative control, in the filtered run.
func TestTheFilterHolds(t *testing.T) {
	const fchmodat2 = 452 // Linux 6.6
	switch os.Getenv(filterVar) {
	case "floor":
		if _, _, errno := unix.Syscall(fchmodat2, ^uintptr(0), 0, 0); errno != unix.ENOSYS {
			t.Errorf("fchmodat2: %v, want ENOSYS", errno)
		}
		if _, _, errno := unix.Syscall(unix.SYS_MOUNT_SETATTR, ^uintptr(0), 0, 0); errno == unix.ENOSYS {
			t.Error("mount_setattr is not there, and was in Linux 5.12")
		}
	case "image":
		if _, err := unix.OpenTree(unix.AT_FDCWD, "/proc/self/exe", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC); err != unix.EPERM {
			t.Errorf("open_tree: %v, want EPERM", err)
		}
	}
}
