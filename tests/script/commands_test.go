package script

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// commands are what scripts can do beside testscript's own.
var commands = map[string]func(*testscript.TestScript, bool, []string){
	"bundle":     makeBundle,
	"rt":         runtimeCommand,
	"code":       codeCommand,
	"status":     statusCommand,
	"eventually": eventuallyCommand,
	"gone":       goneCommand,
	"appears":    appearsCommand,
	"background": backgroundCommand,
	"ended":      endedCommand,
	"console":    consoleCommand,
	"terminal":   terminalCommand,
	"typed":      typedCommand,
	"sh":         shellCommand,
	"dialog":     dialogCommand,
	"pid":        pidCommand,
	"damage":     damageCommand,
}

// patience is for what happens by itself, such as the end of a process.
const patience = 10 * time.Second

// setup gives every script a state root and an id of its own; what it leaves is
// removed.
func setup(env *testscript.Env) error {
	id := strings.ReplaceAll(filepath.Base(strings.TrimPrefix(env.WorkDir, "/")), "script-", "")
	id = id[:min(len(id), 60)]
	env.Setenv("ID", id)
	env.Setenv("STATE", env.WorkDir+"/state")
	env.Setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	env.Setenv("DEBIAN", debianDir)
	env.Setenv("RUNTIME", runtimePath)
	// A user namespace must be able to reach its root.
	for dir := env.WorkDir; dir != "/" && dir != "/tmp"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			return err
		}
	}
	env.Defer(func() { cleanUp(env.WorkDir + "/state") })
	return nil
}

// cleanUp does not wait for ever: a peer may run a hook that hangs. What is left ends
// with the sandbox.
func cleanUp(state string) {
	entries, _ := os.ReadDir(state)
	for _, e := range entries {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		_ = exec.CommandContext(ctx, runtimePath, "--root", state, "delete", "--force", e.Name()).Run()
		cancel()
	}
}

// runtimeCommand is `rt ARGS...`: the runtime, with the script's state root. Output
// goes to files, because a container keeps its end of a pipe; `eventually` looks into
// the last ones.
func runtimeCommand(ts *testscript.TestScript, neg bool, args []string) {
	status := run(ts, args)
	if neg != (status != 0) {
		ts.Fatalf("exit status %d", status)
	}
}

// codeCommand is `code N ARGS...`: the runtime ends with status N.
func codeCommand(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got := run(ts, args[1:]); got != want != neg {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

func run(ts *testscript.TestScript, args []string) int {
	out, err := os.Create(ts.MkAbs(".stdout"))
	ts.Check(err)
	defer out.Close()
	said, err := os.Create(ts.MkAbs(".stderr"))
	ts.Check(err)
	defer said.Close()
	cmd := exec.Command(runtimePath, append([]string{"--root", ts.Getenv("STATE")}, args...)...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = []string{"XDG_RUNTIME_DIR=", "PATH=" + ts.Getenv("PATH")}
	if extra := ts.Getenv("EXTRA_FD"); extra != "" {
		f, err := os.Open(ts.MkAbs(extra))
		ts.Check(err)
		defer f.Close()
		cmd.ExtraFiles = []*os.File{f}
	}
	cmd.Stdout, cmd.Stderr = out, said
	late := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
	err = cmd.Run()
	late.Stop()
	if cmd.ProcessState == nil {
		ts.Check(err)
	}
	copyTo(ts.Stdout(), ".stdout", ts)
	copyTo(ts.Stderr(), ".stderr", ts)
	return cmd.ProcessState.ExitCode()
}

func copyTo(w interface{ Write([]byte) (int, error) }, name string, ts *testscript.TestScript) {
	data, err := os.ReadFile(ts.MkAbs(name))
	ts.Check(err)
	_, _ = w.Write(data)
}

// statusCommand is `status ID STATUS`: waits until the container has the status.
func statusCommand(ts *testscript.TestScript, neg bool, args []string) {
	var last string
	await(ts, func() bool {
		out, _ := exec.Command(runtimePath, "--root", ts.Getenv("STATE"), "state", args[0]).Output()
		var s struct{ Status string }
		_ = json.Unmarshal(out, &s)
		last = s.Status
		return (s.Status == args[1]) != neg
	}, func() string { return "status is " + last })
}

// eventuallyCommand is `eventually REGEXP`: waits for it in what a container prints that
// the last rt has left running.
func eventuallyCommand(ts *testscript.TestScript, neg bool, args []string) {
	re, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	var data []byte
	await(ts, func() bool {
		data, _ = os.ReadFile(ts.MkAbs(".stdout"))
		return re.Match(data) != neg
	}, func() string { return "output is " + string(data) })
}

// appearsCommand is `appears FILE`: waits for a file that a container or a hook makes.
func appearsCommand(ts *testscript.TestScript, neg bool, args []string) {
	await(ts, func() bool {
		_, err := os.Lstat(ts.MkAbs(args[0]))
		return (err == nil) != neg
	}, func() string { return args[0] + ": still waiting" })
}

// backgroundCommand is `background VAR ARGS...`: the runtime, without waiting for it. VAR
// becomes its pid, and what it says is in the file VAR.
func backgroundCommand(ts *testscript.TestScript, _ bool, args []string) {
	out, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	defer out.Close()
	cmd := exec.Command(runtimePath, append([]string{"--root", ts.Getenv("STATE")}, args[1:]...)...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = []string{"XDG_RUNTIME_DIR=", "PATH=" + ts.Getenv("PATH")}
	cmd.Stdout, cmd.Stderr = out, out
	ts.Check(cmd.Start())
	ts.Setenv(args[0], strconv.Itoa(cmd.Process.Pid))
	go func() { _ = cmd.Wait() }()
	ts.Defer(func() { _ = cmd.Process.Kill() })
}

// endedCommand is `ended PID`: waits for the end of a process.
func endedCommand(ts *testscript.TestScript, neg bool, args []string) {
	pid, err := strconv.Atoi(args[0])
	ts.Check(err)
	await(ts, func() bool { return (unix.Kill(pid, 0) == unix.ESRCH) != neg }, func() string { return "process " + args[0] + " still runs" })
}

func await(ts *testscript.TestScript, done func() bool, why func() string) {
	for end := time.Now().Add(patience); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			ts.Fatalf("%s", why())
		}
	}
}

// goneCommand is `gone ID`: nothing of the container is left.
func goneCommand(ts *testscript.TestScript, neg bool, args []string) {
	var left []string
	if _, err := os.Lstat(filepath.Join(ts.Getenv("STATE"), args[0])); err == nil {
		left = append(left, "state directory")
	}
	_ = filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.Contains(filepath.Base(path), args[0]) {
			left = append(left, path)
		}
		return nil
	})
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	ts.Check(err)
	if bytes.Contains(mounts, []byte(ts.MkAbs("."))) {
		left = append(left, "mounts")
	}
	if (len(left) > 0) != neg {
		ts.Fatalf("left of %s: %v", args[0], left)
	}
}

// pidCommand is `pid VAR ID`: sets a variable to the pid of a container's init.
func pidCommand(ts *testscript.TestScript, _ bool, args []string) {
	out, err := exec.Command(runtimePath, "--root", ts.Getenv("STATE"), "state", args[1]).Output()
	ts.Check(err)
	var s struct{ Pid int }
	ts.Check(json.Unmarshal(out, &s))
	ts.Setenv(args[0], strconv.Itoa(s.Pid))
}

// damageCommand is `damage ID TEXT`: the text takes the place of the container's record,
// whatever the runtime calls that.
func damageCommand(ts *testscript.TestScript, _ bool, args []string) {
	file := "state.json"
	if name() == "crun" {
		file = "status"
	}
	path := filepath.Join(ts.Getenv("STATE"), args[0], file)
	_, err := os.Lstat(path)
	ts.Check(err)
	ts.Check(os.WriteFile(path, []byte(args[1]), 0o600))
}

// shellCommand is `sh SCRIPT`: a line for the shell, outside the container.
func shellCommand(ts *testscript.TestScript, neg bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", strings.Join(args, " "))
	cmd.WaitDelay = time.Second
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = append(os.Environ(), "STATE="+ts.Getenv("STATE"), "ID="+ts.Getenv("ID"))
	cmd.Stdout, cmd.Stderr = ts.Stdout(), ts.Stderr()
	if err := cmd.Run(); (err != nil) != neg {
		ts.Fatalf("sh: %v", err)
	}
}

// consoleCommand is `console SOCKET`: listens, takes the terminal that arrives, and
// collects what is written to it in the file SOCKET.txt.
func consoleCommand(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	go func() {
		c, err := l.AcceptUnix()
		if err != nil {
			return
		}
		defer c.Close()
		buf, oob := make([]byte, 4096), make([]byte, 1024)
		_, n, _, _, err := c.ReadMsgUnix(buf, oob)
		if err != nil {
			return
		}
		messages, _ := unix.ParseSocketControlMessage(oob[:n])
		if len(messages) != 1 {
			return
		}
		fds, _ := unix.ParseUnixRights(&messages[0])
		if len(fds) != 1 {
			return
		}
		master := os.NewFile(uintptr(fds[0]), "master")
		defer master.Close()
		out, err := os.Create(path + ".txt")
		if err != nil {
			return
		}
		defer out.Close()
		_, _ = fmt.Fprintln(master, "typed by a person")
		for {
			n, err := master.Read(buf)
			if err != nil {
				return
			}
			_, _ = out.Write(buf[:n])
		}
	}()
}

// typedCommand is `typed SOCKET REGEXP`: waits for it on the terminal.
func typedCommand(ts *testscript.TestScript, neg bool, args []string) {
	re, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	var data []byte
	await(ts, func() bool {
		data, _ = os.ReadFile(ts.MkAbs(args[0] + ".txt"))
		return re.Match(data) != neg
	}, func() string { return fmt.Sprintf("on the terminal: %q", data) })
}
