package libcontainer

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// dupStdout sends descriptor 1 to a file: the container inherits the descriptor, not
// os.Stdout.
func dupStdout(t *testing.T, to *os.File) (restore func()) {
	t.Helper()
	saved, err := unix.FcntlInt(1, unix.F_DUPFD_CLOEXEC, 3)
	must(t, err)
	must(t, unix.Dup2(int(to.Fd()), 1))
	return func() {
		_ = unix.Dup2(saved, 1)
		_ = unix.Close(saved)
	}
}
