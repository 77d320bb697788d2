package step

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestStepRuntimeHookWaitsForTheHost(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	w.apply(&RuntimeHook{Kind: "prestart", Index: 1, Path: "/x"})
	if !slices.Equal(w.paused, []string{".hooks.prestart[1]"}) {
		t.Errorf("the host was asked for %q", w.paused)
	}
}

// The hook finds the root as its working directory, the state on its input, and of our
// files only its own three.
func TestStepContainerHookRunsInTheRoot(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	// Init begins with nothing but what it was given.
	must(t, unix.CloseRange(3, ^uint(0)>>1, unix.CLOSE_RANGE_CLOEXEC))
	w.program = open(t, "/bin/sh")
	extra := open(t, "/dev/null")
	if _, err := unix.FcntlInt(uintptr(extra), unix.F_DUPFD, 3); err != nil { // not closed on exec, as what is preserved
		t.Fatal(err)
	}
	h := &ContainerHook{Kind: "createContainer", Path: "/bin/sh", Env: []string{"A=1"}, State: StateText{`{"pid":`, `}`}, Preserved: 20,
		Args: []string{"sh", "-c", `pwd >seen; cat >>seen; echo " $A" >>seen; echo /proc/self/fd/* >>seen`}}
	w.apply(h)
	got := read(t, w.in("seen"))
	want := w.root + "\n" + `{"pid":` + strconv.Itoa(os.Getpid()) + `} 1` + "\n/proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 /proc/self/fd/3"
	if !strings.HasPrefix(got, want) || strings.Contains(got, "fd/4") {
		t.Errorf("%q, want %q", got, want)
	}
	w.program, h.Args = open(t, "/bin/sh"), []string{"sh", "-c", "echo why; exit 9"}
	w.fails(h, "createContainer hook /bin/sh: exit status 9 after", "")
}

// Where the path leads to another file than on the host, the host's is executed, also
// when it is a script.
func TestStepContainerHookRunsTheFileOfTheHost(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	w.write("tmp/mine", "#!/bin/sh\necho mine >seen\n", 0o755)
	w.write("tmp/other", "#!/bin/sh\necho other >seen\n", 0o755)
	w.program = open(t, w.root+"/tmp/mine")
	w.apply(&ContainerHook{Kind: "createContainer", Path: w.root + "/tmp/other"})
	if got := read(t, w.in("seen")); got != "mine\n" {
		t.Errorf("%q was executed", got)
	}
}

func TestStepContainerHookEndsWithItsHost(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	w.program = open(t, "/bin/sh")
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	w.host = pair[0]
	must(t, unix.Close(pair[1]))
	w.fails(&ContainerHook{Kind: "createContainer", Path: "/bin/sh", Args: []string{"sh", "-c", "sleep 1000"}}, "nobody waits for the hook", "")
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	return string(data)
}

func open(t *testing.T, path string) int {
	t.Helper()
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	must(t, err)
	return fd
}
