package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// suite is one layer of the tests.
type suite struct {
	name    string
	about   string
	minutes int // what it may take; four times what it takes on a small machine
	root    bool
	run     func(*report) error
}

var suites = []suite{
	{"check", "formatting, vet, staticcheck, the project's own rules", 8, false, check},
	{"unit", "tables, golden files, laws; single steps in namespaces", 6, false, unit},
	{"fuzz", "the decoder, ids and the record with made-up input, a short while", 6, false, fuzz},
	{"script", "the whole binary, a script for each behaviour", 4, true, script},
	{"peers", "the same scripts against runc and crun", 12, true, peers},
	{"faults", "killed at every system call: a sample; races; runtimes that must be caught", 12, true, faults},
	{"attacks", "out of a container, in every way that is known; a runtime that must be caught", 8, true, attacks},
	{"demo", "the README's first command", 2, true, demo},
	{"vm", "limits hold, on a machine that has every controller", 20, true, vm},
}

// staticcheck is pinned: a new one finds new things when it is updated, not by itself.
const staticcheck = "honnef.co/go/tools/cmd/staticcheck@v0.8.2"

func check(r *report) error {
	// What is downloaded is told of, and silence is what we look for.
	if out, err := r.command(nil, "go", "mod", "download").CombinedOutput(); err != nil {
		return fmt.Errorf("go mod download: %w\n%s", err, out)
	}
	r.silent("gofmt", "gofmt", "-l", ".")
	r.silent("vet", "go", "vet", "./...")
	r.step("staticcheck", nil, "go", "run", staticcheck, "./...")
	return r.goTest(nil, "./tests/rules")
}

func unit(r *report) error {
	return r.goTest(nil, "./cmd/...", "./spec/...", "./libcontainer/...", "./cgroupv2/...", "./tests/sandbox", "./tests/run", "./tests/faults")
}

// fuzz finds the targets by itself: a new one needs no row.
func fuzz(r *report) error {
	out, err := r.command(nil, "go", "list", "-f", "{{$p := .}}{{range .TestGoFiles}}{{$p.Dir}}/{{.}}\n{{end}}{{range .XTestGoFiles}}{{$p.Dir}}/{{.}}\n{{end}}", "./...").Output()
	if err != nil {
		return err
	}
	for _, file := range strings.Fields(string(out)) {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(data)) {
			rest, ok := strings.CutPrefix(line, "func Fuzz")
			if !ok {
				continue
			}
			name, _, _ := strings.Cut("Fuzz"+rest, "(")
			r.fuzz(name, filepath.Dir(file))
		}
	}
	return nil
}

// fuzz runs one target for a while. "context deadline exceeded" without an input that
// fails is how `go test -fuzz` ends now and then when its time is over; it says nothing
// of the target.
func (r *report) fuzz(name, dir string) {
	out, err := r.command(nil, "go", "test", "-run=^$", "-fuzz=^"+name+"$", "-fuzztime=8s", dir).CombinedOutput()
	text := string(out)
	over := strings.Contains(text, "context deadline exceeded") && !strings.Contains(text, "Failing input written")
	if err != nil && (!over || r.ctx.Err() != nil) {
		r.fail(name, text+err.Error()+"\n")
		return
	}
	r.pass(name)
}

func script(r *report) error {
	tree, err := r.peersTree()
	if err != nil {
		return err
	}
	programs, err := r.setup("tests/setup/debian")
	if err != nil {
		return err
	}
	return r.goTest([]string{"MDRUN_DEBIAN=" + tree, "MDRUN_PROGRAMS=" + programs}, "./tests/script")
}

// peersTree makes the Debian tree with runc and crun, unless it is there.
func (r *report) peersTree() (string, error) { return r.setup("tests/setup/peers") }

// setup makes something that tests need and gives the place that the script prints.
func (r *report) setup(script string) (string, error) {
	cmd := r.command(nil, script)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w", script, err)
	}
	return strings.TrimSpace(string(out)), nil
}

var peerPaths = []string{"/usr/sbin/runc", "/usr/bin/crun"}

func peers(r *report) error {
	tree, err := r.peersTree()
	if err != nil {
		return err
	}
	for _, path := range peerPaths {
		env := []string{"MDRUN_SANDBOX_ROOT=" + tree, "RUNTIME=" + path}
		if err := r.goTest(env, "./tests/script"); err != nil {
			return err
		}
	}
	return nil
}

func demo(r *report) error {
	r.step("demo", nil, "make", "demo")
	return nil
}

// vm boots one machine for all the packages that need one.
func vm(r *report) error {
	dir, err := os.MkdirTemp("", "mdrun-vm-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	said, failed := r.command(nil, "tests/vm/lane", dir).CombinedOutput()
	logs, err := filepath.Glob(dir + "/*.log")
	if err != nil {
		return err
	}
	for _, log := range logs {
		if err := r.readLog(log); err != nil {
			return err
		}
	}
	if failed != nil && len(r.failed) == 0 {
		return fmt.Errorf("tests/vm/lane: %w\n%s", failed, said)
	}
	return nil
}

// readLog counts the tests in the output of a test binary (-test.v=test2json).
func (r *report) readLog(log string) error {
	name := strings.TrimSuffix(filepath.Base(log), ".log")
	out, err := exec.Command("go", "tool", "test2json", "-p", "vm/"+name, "/bin/cat", log).Output()
	if err != nil {
		return fmt.Errorf("test2json %s: %w", log, err)
	}
	return r.read(strings.NewReader(string(out)))
}
