package limits

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// runtimeVar names the runtime under test.
const runtimeVar = "MDRUN"

func TestMain(m *testing.M) {
	if os.Args[0] == "/"+insideName {
		runInside(os.Args)
	}
	if os.Getenv(runtimeVar) == "" {
		fmt.Println("not tested: these tests belong in a virtual machine; run tests/vm/lane")
		return
	}
	// Containers become our children when the runtime has left, as they become an
	// engine's: so their exit status can be read.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		fmt.Fprintln(os.Stderr, os.NewSyscallError("prctl(PR_SET_CHILD_SUBREAPER)", err))
		os.Exit(1)
	}
	os.Exit(m.Run())
}
