package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// peer is a runtime and the place of its state.
type peer struct{ name, path, root, id string }

// call runs one command of the runtime and gives its time: from the fork to the end, and
// no more of what a Go program does about it than the fork and one wait4(2).
func (p peer) call(args ...string) (time.Duration, error) {
	cmd := p.command(args...)
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	out, said := cmd.Stdout.(*os.File), cmd.Stderr.(*os.File)
	defer out.Close()
	defer said.Close()
	files := []uintptr{null.Fd(), out.Fd(), said.Fd()}
	var status unix.WaitStatus
	begin := time.Now()
	pid, err := syscall.ForkExec(cmd.Path, cmd.Args, &syscall.ProcAttr{Env: cmd.Env, Files: files})
	if err == nil {
		err = waitFor(pid, &status)
	}
	took := time.Since(begin)
	if err != nil || status != 0 {
		text, _ := os.ReadFile("/tmp/said")
		err = fmt.Errorf("%s %s: status %#x, %v: %s", p.name, strings.Join(args, " "), status, err, text)
	}
	return took, err
}

func waitFor(pid int, status *unix.WaitStatus) error {
	for {
		if _, err := unix.Wait4(pid, status, 0, nil); err != unix.EINTR {
			return err
		}
	}
}

func (p peer) command(args ...string) *exec.Cmd {
	cmd := exec.Command(p.path, append([]string{"--root", p.root}, args...)...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "XDG_RUNTIME_DIR="}
	// Files, not pipes: a container keeps its end.
	cmd.Stdout, _ = os.OpenFile("/dev/null", os.O_WRONLY, 0)
	cmd.Stderr, _ = os.Create("/tmp/said")
	return cmd
}

// bench is a case: what is measured, and the bar for mdrun against crun; 0 for none.
type bench struct {
	name    string
	bar     float64
	gap     bool // done a second time with an idle gap
	divide  int  // rounds are fewer by this factor
	prepare func(peer) error
	measure func(peer) (time.Duration, error)
	clean   func(peer) error
}

var benches = []bench{
	{name: "run", bar: 0.95, gap: true, divide: 1, measure: func(p peer) (time.Duration, error) { return p.call("run", "--bundle", bundleDir, p.id) }},
	{name: "create+start+wait+delete", bar: 0.85, gap: true, divide: 1, measure: life},
	{name: "state", bar: 0.75, gap: true, divide: 1, prepare: created, clean: removed, measure: func(p peer) (time.Duration, error) { return p.call("state", p.id) }},
	{name: "kill", divide: 2, measure: killed},
	{name: "list of 1000", divide: 20, prepare: thousand, clean: noThousand, measure: func(p peer) (time.Duration, error) { return p.call("list") }},
	{name: "100 at once", bar: 1.1, divide: 10, measure: hundred},
	{name: "run, 50 binds", bar: 0.85, divide: 1, measure: runs("50 binds")},
	{name: "run, 200 binds", bar: 0.85, divide: 1, measure: runs("200 binds")},
	{name: "run, user namespace", divide: 2, measure: runs("user namespace")},
	{name: "run, hooks", divide: 2, measure: runs("hooks")},
}

// runs measures run with one of the bundles.
func runs(bundle string) func(peer) (time.Duration, error) {
	return func(p peer) (time.Duration, error) { return p.call("run", "--bundle", dirOf(bundle), p.id) }
}

func life(p peer) (total time.Duration, err error) {
	for _, args := range [][]string{{"create", "--bundle", bundleDir, "--pid-file", "/tmp/pid", p.id}, {"start", p.id}} {
		took, err := p.call(args...)
		if err != nil {
			return 0, err
		}
		total += took
	}
	begin := time.Now()
	if err := awaitPidFile(); err != nil {
		return 0, err
	}
	total += time.Since(begin)
	took, err := p.call("delete", p.id)
	return total + took, err
}

// awaitPidFile reaps the container's init, which is ours: see the subreaper in bench.
func awaitPidFile() error {
	data, err := os.ReadFile("/tmp/pid")
	if err != nil {
		return err
	}
	var pid int
	if _, err := fmt.Sscan(string(data), &pid); err != nil {
		return err
	}
	return waitFor(pid, nil)
}

func created(p peer) error {
	_, err := p.call("create", "--bundle", bundleDir, "--pid-file", "/tmp/pid", p.id)
	return err
}

func removed(p peer) error {
	_, err := p.call("delete", "--force", p.id)
	return err
}

func killed(p peer) (time.Duration, error) {
	if _, err := p.call("run", "--detach", "--bundle", sleepDir, "--pid-file", "/tmp/pid", p.id); err != nil {
		return 0, err
	}
	took, err := p.call("kill", p.id, "KILL")
	if err == nil {
		err = awaitPidFile()
	}
	if err == nil {
		err = removed(p)
	}
	return took, err
}

// thousand makes containers, of which one in a hundred is alive.
func thousand(p peer) error {
	for i := range 1000 {
		id := fmt.Sprintf("%s%03d", p.id, i)
		if _, err := p.call("create", "--bundle", bundleDir, "--pid-file", "/tmp/pid", id); err != nil {
			return err
		}
		if i%100 == 0 {
			continue
		}
		if _, err := p.call("kill", id, "KILL"); err != nil {
			return err
		}
		if err := awaitPidFile(); err != nil {
			return err
		}
	}
	return nil
}

func noThousand(p peer) error {
	for i := range 1000 {
		if _, err := p.call("delete", "--force", fmt.Sprintf("%s%03d", p.id, i)); err != nil {
			return err
		}
	}
	return nil
}

func hundred(p peer) (time.Duration, error) {
	var wait sync.WaitGroup
	var mu sync.Mutex
	var failed error
	begin := time.Now()
	for i := range 100 {
		wait.Go(func() {
			if err := p.command("run", "--bundle", bundleDir, fmt.Sprintf("%s%d", p.id, i)).Run(); err != nil {
				mu.Lock()
				failed = fmt.Errorf("%s run h%d: %w", p.name, i, err)
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	return time.Since(begin), failed
}
