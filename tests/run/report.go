package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"time"
)

const module = "github.com/mdrun/mdrun/"

// report is what came of a suite.
type report struct {
	suite   suite
	ctx     context.Context
	took    time.Duration
	passed  []string
	failed  []string
	skipped []string
	missing string // why it was not run at all
}

func (r *report) pass(name string) { r.passed = append(r.passed, name) }

// count is how many tests passed; one that consists of others does not count.
func (r *report) count() int {
	parents := map[string]bool{}
	for _, name := range r.passed {
		if i := strings.LastIndexByte(name, '/'); i >= 0 {
			parents[name[:i]] = true
		}
	}
	n := 0
	for _, name := range r.passed {
		if !parents[name] {
			n++
		}
	}
	return n
}

func (r *report) fail(name, output string) {
	r.failed = append(r.failed, name)
	fmt.Printf("--- FAIL %s\n%s", name, output)
}

// command is one that ends, with everything it started, when the suite's time is over.
func (r *report) command(env []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(r.ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// step is a command that counts as one test. What it prints is shown when it fails, and
// returned.
func (r *report) step(name string, env []string, args ...string) string {
	out, err := r.command(env, args...).CombinedOutput()
	if err != nil {
		r.fail(name, string(out)+err.Error()+"\n")
	} else {
		r.pass(name)
	}
	return string(out)
}

// mustFail is a step that has to fail, and to say why.
func (r *report) mustFail(name string, why *regexp.Regexp, args ...string) {
	out, err := r.command(nil, args...).CombinedOutput()
	if err == nil || !why.Match(out) {
		r.fail(name, string(out))
		return
	}
	r.pass(name)
}

// silent is a step that must not print anything either.
func (r *report) silent(name string, args ...string) {
	out, err := r.command(nil, args...).CombinedOutput()
	if err != nil || len(out) > 0 {
		r.fail(name, string(out))
		return
	}
	r.pass(name)
}

// goTest runs `go test` and counts its tests.
func (r *report) goTest(env []string, args ...string) error {
	cmd := r.command(env, append([]string{"go", "test", "-json", "-count=1"}, args...)...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	before := len(r.failed)
	if err := r.read(out); err != nil {
		return err
	}
	if err := cmd.Wait(); err != nil && len(r.failed) == before {
		return fmt.Errorf("go test: %w\n%s", err, said.String())
	}
	return nil
}

// event is a line of `go test -json`, see `go doc test2json`.
type event struct {
	Action, Package, Test, Output string
}

func (r *report) read(in io.Reader) error {
	outputs := map[string]*strings.Builder{}
	dec := json.NewDecoder(in)
	for {
		var e event
		if err := dec.Decode(&e); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("go test -json: %w", err)
		}
		key := strings.TrimSuffix(strings.TrimPrefix(e.Package, module)+"."+e.Test, ".")
		if outputs[key] == nil {
			outputs[key] = &strings.Builder{}
		}
		switch e.Action {
		case "output", "build-output":
			outputs[key].WriteString(e.Output)
		case "pass", "skip", "fail":
			r.end(e, key, outputs[key].String())
		}
	}
}

// end takes the end of a test, or of a package: that one is news only when it fails.
func (r *report) end(e event, key, output string) {
	switch {
	case e.Action == "fail":
		r.fail(key, output)
	case e.Test == "":
	case e.Action == "skip":
		r.skipped = append(r.skipped, key)
	default:
		r.pass(key)
	}
}
