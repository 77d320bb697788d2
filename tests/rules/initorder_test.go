package rules

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

var initLine = regexp.MustCompile(`^init (\S+) @`)

func TestLittleIsInitialisedBeforeTheChildTakesOver(t *testing.T) {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	host, conn := pair[0], os.NewFile(uintptr(pair[1]), "conn")
	defer conn.Close()
	// A host that is gone: the child takes over, finds the channel closed and ends.
	syscall.Close(host)
	cmd := exec.Command(binary(t))
	cmd.ExtraFiles = []*os.File{conn}
	order, rest, status := initOrder(t, cmd, "_MDRUN_INIT=3,-1,-1,0,-1")
	if status != 1 || rest != "" {
		t.Fatalf("it was no child: exit status %d, %q", status, rest)
	}
	compare(t, "initorder.txt", order)
}

func TestAPlainCommandRunsBeforeTheCommandLineIsInitialised(t *testing.T) {
	cmd := exec.Command(binary(t), "--root", filepath.Join(t.TempDir(), "none"), "state", "nothing")
	order, rest, status := initOrder(t, cmd)
	if status != 1 || !strings.Contains(rest, "container does not exist") {
		t.Fatalf("exit status %d, %q", status, rest)
	}
	compare(t, "initorder-command.txt", order)
}

// initOrder runs the program and gives the packages that had something to initialise,
// what else it printed, and its exit status. What is inside the Go runtime depends on
// the processor, and is not ours.
func initOrder(t *testing.T, cmd *exec.Cmd, env ...string) (order []string, rest string, status int) {
	t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Env = append(env, "GODEBUG=inittrace=1")
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		m := initLine.FindStringSubmatch(line)
		switch {
		case m == nil:
			rest += line
		case m[1] != "runtime" && !strings.HasPrefix(m[1], "internal/"):
			order = append(order, m[1])
		}
	}
	return order, rest, cmd.ProcessState.ExitCode()
}

// compare holds a list against a file whose first lines, after #, are a comment.
func compare(t *testing.T, name string, got []string) {
	t.Helper()
	path := filepath.Join("tests/rules/testdata", name)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var comment, want string
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "#") {
			comment += line
		} else {
			want += line
		}
	}
	text := strings.Join(got, "\n") + "\n"
	if text == want {
		return
	}
	if !*update {
		t.Errorf("with %s the order is\n%s\n%s has\n%s\nWhat comes first costs every start. Is it meant? Then go test ./tests/rules -update.",
			runtime.Version(), text, path, want)
		return
	}
	if err := os.WriteFile(path, []byte(comment+text), 0o644); err != nil {
		t.Fatal(err)
	}
}
