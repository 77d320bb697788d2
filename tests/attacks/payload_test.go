package attacks

import (
	"fmt"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

// roleVar makes this program play a role instead of testing: the hostile one in a
// container, for the most part.
const roleVar = "MDRUN_ATTACK"

var roles = map[string]func(args []string){
	"look around": lookAround,
	"list files":  listFiles,
}

func play(name string) int {
	role, ok := roles[name]
	if !ok {
		fmt.Fprintln(os.Stderr, "no such role:", name)
		return 1
	}
	fmt.Println("in")
	role(os.Args[1:])
	return 0
}

// again is this program in a role, on the host's side.
func again(role string, args ...string) *exec.Cmd {
	cmd := exec.Command(image+"/payload", args...)
	cmd.Env = append(os.Environ(), roleVar+"="+role)
	return cmd
}

// lookAround tells the working directory as the kernel sees it, and looks for the
// secret of the host directory that it is given, there and on every way up.
func lookAround(args []string) {
	buf := make([]byte, unix.PathMax)
	if n, err := unix.Getcwd(buf); err != nil {
		fmt.Println("cwd", err)
	} else {
		fmt.Println("cwd", string(buf[:n-1]))
	}
	host := args[0]
	for _, start := range []string{"", "/proc/self/cwd/", "/proc/self/root/", "/proc/1/root/", "/proc/1/cwd/", "/"} {
		for up := range 12 {
			way := start + strings.Repeat("../", up)
			for _, path := range []string{way + "secret", way + host[1:] + "/secret"} {
				if data, err := os.ReadFile(path); err == nil {
					fmt.Printf("read %s: %s\n", path, data)
				}
			}
		}
	}
}

// listFiles tells which descriptors the program was started with.
func listFiles([]string) {
	for fd := range 1024 {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
			to, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
			fmt.Println("file", fd, to)
		}
	}
}
