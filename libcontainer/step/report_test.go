package step

import (
	"encoding/json"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// reportVar makes the test binary a program that says what it is. It is set in the
// environment of the program that a plan executes.
const reportVar = "MDRUN_STEP_REPORT"

// reported is what the program sees of itself.
type reported struct {
	Args, Env       []string
	Cwd, Host       string
	UID, GID, Umask int
	Nofile          unix.Rlimit
	NoNewPrivs      int
	Files           []int // open, from 3 on
	Root            []string
	Permitted       uint32
}

// report prints it, and stays until its input ends.
func report() {
	r := reported{Args: os.Args, Env: os.Environ(), UID: os.Getuid(), GID: os.Getgid(), Umask: unix.Umask(0)}
	buf := make([]byte, 4096)
	if n, err := unix.Getcwd(buf); err == nil {
		r.Cwd = string(buf[:n-1])
	}
	r.Host, _ = os.Hostname()
	_ = unix.Getrlimit(unix.RLIMIT_NOFILE, &r.Nofile)
	r.NoNewPrivs, _ = unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	for fd := 3; fd < 64; fd++ {
		if kind, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && kind&unix.FD_CLOEXEC == 0 {
			r.Files = append(r.Files, fd)
		}
	}
	entries, _ := os.ReadDir("/")
	for _, e := range entries {
		r.Root = append(r.Root, e.Name())
	}
	var caps [2]unix.CapUserData
	_ = unix.Capget(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &caps[0])
	r.Permitted = caps[0].Permitted
	_ = json.NewEncoder(os.Stdout).Encode(r)
	os.Stdout.Close()
	_, _ = io.Copy(io.Discard, os.Stdin)
}
