package rules

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestWithoutTheRightGoTheRemedyIsSaid has a PATH in which go is missing, or is one that
// cannot read go.mod: `make build` and whatever else compiles must say what to install.
func TestWithoutTheRightGoTheRemedyIsSaid(t *testing.T) {
	wants := "go [0-9.]+ or newer"
	for _, c := range []struct {
		name, program, says string
	}{
		{"missing", "", "go: not found in PATH; install "},
		{"old", `case "$1" in env) echo go1.19.8;; version) echo go version go1.19.8 linux/amd64;; esac`, "go: version 1.19.8 is too old; install "},
		// Go before 1.21 refuses go.mod with an error when it is asked for its environment.
		{"cannot read go.mod", `case "$1" in version) echo go version go1.18.1 linux/amd64;; *) echo "go: errors parsing go.mod" >&2; exit 1;; esac`,
			"go: version 1.18.1 is too old; install "},
	} {
		out, err := makeWithGo(t, c.program)
		remedy := regexp.MustCompile("(?i)" + regexp.QuoteMeta(c.says) + wants + `.*https://go\.dev/doc/install.*PATH`)
		if err == nil || !remedy.MatchString(out) {
			t.Errorf("%s: make go: %v, and it says\n%swant: %s", c.name, err, out, remedy)
		}
	}
	if out, err := makeWithGo(t, `case "$1" in env) echo go99.1;; esac`); err != nil || out != "" {
		t.Errorf("a newer one: make go: %v\n%s", err, out)
	}
}

// makeWithGo runs the target on which everything that compiles depends, in a PATH with
// nothing but what its script needs, and with the program as go, unless that is empty.
func makeWithGo(t *testing.T, program string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"bash", "sh", "cat", "cut", "dirname", "git", "head", "make", "sed", "sort"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if program != "" {
		if err := os.WriteFile(filepath.Join(dir, "go"), []byte("#!/bin/sh\n"+program+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("make", "-s", "go")
	cmd.Env = append(makeEnviron(), "PATH="+dir)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestWhatCompilesAsksForGoFirst: no target may meet a missing go by itself.
func TestWhatCompilesAsksForGoFirst(t *testing.T) {
	needs := map[string][]string{}
	data, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^([a-z-]+):([^#=\n]*)`).FindAllStringSubmatch(string(data), -1) {
		needs[m[1]] = strings.Fields(m[2])
	}
	var reaches func(target, wanted string) bool
	reaches = func(target, wanted string) bool {
		for _, n := range needs[target] {
			if n == wanted || reaches(n, wanted) {
				return true
			}
		}
		return false
	}
	for target := range needs {
		if target != "help" && target != "go" && !reaches(target, "go") {
			t.Errorf("make %s does not depend on go, which says what to do where Go is missing", target)
		}
	}
	// They run the binary: in a fresh clone there is none.
	for _, target := range []string{"demo", "test", "vm-test", "faults", "bench", "golden", "install"} {
		if !reaches(target, "build") {
			t.Errorf("make %s does not depend on build, and bin/mdrun is not in the repository", target)
		}
	}
}
