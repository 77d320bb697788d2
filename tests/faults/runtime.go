package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long a verb may take. What takes longer hangs.
var patience = patienceOf(os.Getenv(patienceVar))

// usualPatience is a little longer than mdrun itself waits for another command at the
// most: what it says then tells more than that it did not answer.
const usualPatience = 13 * time.Second

func patienceOf(text string) time.Duration {
	if d, err := time.ParseDuration(text); err == nil {
		return d
	}
	return usualPatience
}

var errHang = fmt.Errorf("no answer within %v", patience)

// ofNeighbour after a verb means the other container that some races have.
const ofNeighbour = " of a neighbour"

// commandLine is how the runtime is called for a verb; the options that the verb
// needs in this variant are filled in.
func commandLine(v variant, verb string) []string {
	args := []string{"--root", stateRoot}
	id := id
	if other, ok := strings.CutSuffix(verb, ofNeighbour); ok {
		verb, id = other, neighbour
	}
	switch verb {
	case "create", "run":
		args = append(args, verb, "--bundle", bundleDir, "--pid-file", pidFile)
		if v.Terminal && verb == "create" {
			args = append(args, "--console-socket", consoleAt)
		}
		return append(args, id)
	case "kill":
		return append(args, "kill", id, "KILL")
	case "delete --force":
		return append(args, "delete", "--force", id)
	case "list":
		return append(args, "list", "--format", "json")
	}
	return append(args, verb, id)
}

// environ is what every call of the runtime gets: podman gives no more.
func environ() []string { return []string{"XDG_RUNTIME_DIR=", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"} }

// answer is what a call of the runtime came to.
type answer struct {
	out  string
	said string // on stderr
	err  error  // nil: exit status 0; errHang
	took time.Duration
}

func (a answer) String() string {
	if a.err == nil {
		return "0"
	}
	return strings.TrimSpace(fmt.Sprintf("%v %s", a.err, lastLines(a.said)))
}

// lastLines is the end of what a runtime has said, on one line: an error and its hint.
func lastLines(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	last := strings.Join(lines[max(0, len(lines)-2):], " |")
	return last[:min(len(last), 300)]
}

// command is a call of the runtime that is to be started by itself.
func command(ctx context.Context, v variant, verb string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, runtimePath, commandLine(v, verb)...)
	cmd.Env, cmd.Dir = environ(), bundleDir
	return cmd
}

// call runs a verb to its end. What the container inherits are files and not pipes:
// a pipe would keep us waiting for the container.
func call(v variant, verb string) answer {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, said := scratchFile("stdout"), scratchFile("stderr")
	defer out.Close()
	defer said.Close()
	cmd := command(ctx, v, verb)
	cmd.Stdout, cmd.Stderr = out, said
	began := time.Now()
	err := cmd.Run()
	if ctx.Err() != nil {
		err = errHang
	}
	return answer{out: contents(out), said: contents(said), err: err, took: time.Since(began)}
}

// scratchFile lies in memory: it leaves nothing in a directory that is looked at.
func scratchFile(name string) *os.File {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		panic(os.NewSyscallError("memfd_create", err))
	}
	return os.NewFile(uintptr(fd), name)
}

func contents(f *os.File) string {
	data := make([]byte, 64<<10)
	n, _ := f.ReadAt(data, 0)
	return string(data[:n])
}

// status asks for the container's; "" when there is none of this name.
func status(v variant) (string, answer) { return statusBy(v, "state") }

func statusBy(v variant, verb string) (string, answer) {
	a := call(v, verb)
	var s struct{ Status string }
	if a.err == nil {
		if err := json.Unmarshal([]byte(a.out), &s); err != nil {
			a.err = fmt.Errorf("state prints no JSON: %w", err)
		}
	}
	return s.Status, a
}

// listed asks whether the container is in the list.
func listed(v variant) (bool, answer) {
	a := call(v, "list")
	if a.err != nil {
		return false, a
	}
	var all []struct{ ID string }
	if text := bytes.TrimSpace([]byte(a.out)); len(text) > 0 && !bytes.Equal(text, []byte("null")) {
		if err := json.Unmarshal(text, &all); err != nil {
			a.err = fmt.Errorf("list prints no JSON: %w", err)
		}
	}
	for _, c := range all {
		if c.ID == id {
			return true, a
		}
	}
	return false, a
}

// must turns the failure of a preparing verb into an error of the whole sweep.
func must(a answer, verb string) error {
	if a.err == nil {
		return nil
	}
	return errors.New(verb + ": " + a.String())
}
