package main

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/mdrun/mdrun/cmd/mdrun/verb"
)

var update = flag.Bool("update", false, "write testdata/ anew")

// itself makes the test program the program: also its plain way, which has ended before
// main is reached.
const itself = "MDRUN_TEST_IS_THE_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(itself) != "" {
		main()
	}
	os.Exit(m.Run())
}

// mdrun runs the program in an empty folder. None of these commands starts anything.
func mdrun(t *testing.T, dir string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Env = dir, []string{itself + "=1", "XDG_RUNTIME_DIR="}
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	return out.String(), said.String(), cmd.ProcessState.ExitCode()
}

func transcript(t *testing.T, dir string, args []string) string {
	t.Helper()
	out, said, status := mdrun(t, dir, args...)
	text := "$ mdrun"
	for _, a := range args {
		if a == "" || strings.ContainsAny(a, " \n\x1b") {
			a = strconv.Quote(a)
		}
		text += " " + a
	}
	return text + "\n" + out + said + "= " + strconv.Itoa(status) + "\n"
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; `make golden` renews it. Now:\n%s", path, got)
	}
}

// A verb has a file of its own, so that two changes of two verbs do not meet.
func TestHelp(t *testing.T) {
	dir := t.TempDir()
	golden(t, "help", transcript(t, dir, []string{"--help"}))
	for _, v := range verb.All() {
		golden(t, "help-"+v.Name, transcript(t, dir, []string{v.Name, "--help"}))
	}
	want, _, _ := mdrun(t, dir, "--help")
	for _, args := range [][]string{{}, {"-h"}, {"help"}, {"h"}} {
		if got, said, status := mdrun(t, dir, args...); got != want || said != "" || status != 0 {
			t.Errorf("mdrun %v is not the help: %s%s", args, got, said)
		}
	}
	want, _, _ = mdrun(t, dir, "create", "--help")
	for _, args := range [][]string{{"create", "-h"}, {"help", "create"}, {"--debug", "create", "web", "--help"}} {
		if got, said, status := mdrun(t, dir, args...); got != want || said != "" || status != 0 {
			t.Errorf("mdrun %v is not the help: %s%s", args, got, said)
		}
	}
}

func TestVersion(t *testing.T) {
	dir := t.TempDir()
	for _, args := range [][]string{{"--version"}, {"-v"}, {"--debug", "--version"}} {
		if out, said, status := mdrun(t, dir, args...); out != "mdrun version unknown\nspec: 1.3.0\n" || said != "" || status != 0 {
			t.Errorf("%v: %q %q %d", args, out, said, status)
		}
	}
}

func TestErrorsOfTheCommandLine(t *testing.T) {
	dir := t.TempDir()
	var b strings.Builder
	for _, args := range [][]string{
		{"frob"}, {"--frob"}, {"--root"}, {"--debug=5", "list"}, {"help", "frob"}, {"checkpoint", "--help"},
		{"create"}, {"create", "a", "b"}, {"create", "--frob", "a"}, {"create", "a", "--bundle"}, {"create", "--preserve-fds", "x", "a"},
		{"create", "--no-pivot=5", "a"}, {"list", "a"}, {"list", "--format", "frob"}, {"--log-format", "frob", "list"}, {"--log", "nowhere/log", "list"},
		{"state", ""}, {"state", "../b"}, {"state", "a b\n\x1b[1m"}, {"state", "web"}, {"delete", "web"}, {"delete", "--force", "web"}, {"kill", "web", "FROB"}, {"kill", "web"},
		{"start", "web"}, {"explain", "web"}, {"spec", "--bundle", "nowhere"},
		{"create", "--pidfile", "x", "a"}, {"delete", "--forse", "a"}, {"run", "--readonly", "--rootfs", "r", "--", "sh"}, {"run", "--mem=1m", "--rootfs", "r", "--", "sh"},
		{"run", "--rm", "--rootfs", "r", "--", "sh"}, {"run", "--rootfs", "r", "-it", "sh", "-c", "ls"}, {"run", "--rootfs", "r", "--hostnam", "y", "--", "sh"},
		{"run", "web", "-c", "x"}, {"run", "--keep", "web", "-c", "x"}, {"run", "--rootfs", "r", "--hostnam", "y", "sh", "-c", "ls"}, {"run", "--rootfs", "--", "sh"}, {"run", "--rootfs", "r", "-e", "--", "sh"},
	} {
		b.WriteString(transcript(t, dir, append([]string{"--root", "state"}, args...)))
	}
	golden(t, "errors", strings.ReplaceAll(b.String(), dir, "DIR"))
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// Clients look for the reason in the log; when it is not there they show an older one.
func TestErrorsOfTheCommandLineAreInTheLog(t *testing.T) {
	dir := t.TempDir()
	lines := 0
	for _, args := range [][]string{{"frob"}, {"create", "--frob", "a"}, {"create"}, {"state", "../b"}, {"--frob", "list"}, {"start", "web"}} {
		_, said, _ := mdrun(t, dir, append([]string{"--root", "state", "--log", "log", "--log-format", "json"}, args...)...)
		lines++
		data, _ := os.ReadFile(dir + "/log")
		if strings.Count(string(data), "\n") != lines || strings.Count(string(data), `"level":"error"`) != lines {
			t.Fatalf("%v: the log is\n%s\nafter\n%s", args, data, said)
		}
	}
}
