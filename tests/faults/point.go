package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/tests/faults/tracer"
)

// job is what a worker is asked to do: to record the points of a verb, or to kill
// at one of them and look.
type job struct {
	Variant variant      `json:"variant"`
	Verb    string       `json:"verb"`
	Mode    mode         `json:"mode"`
	Fine    bool         `json:"fine,omitempty"`
	At      tracer.Point `json:"at"`
}

// mode tells whose points are meant and who is killed at them.
type mode string

const (
	record  mode = "record"
	atMain  mode = "main"  // the runtime's own process, alone
	atChild mode = "child" // the child that is to be the container, alone
	atAll   mode = "all"   // both kinds of points, and the whole tree is killed
	halt    mode = "halt"  // the child is stopped there: only races do that
)

var whom = map[mode]tracer.Whom{record: tracer.Nobody, atMain: tracer.Caller, atChild: tracer.Caller, atAll: tracer.Tree, halt: tracer.Halt}

// outcome is what a worker reports.
type outcome struct {
	Job         job            `json:"job"`
	Points      []tracer.Point `json:"points,omitempty"`      // of a record
	Hit         bool           `json:"hit"`                   // the point was reached
	Call        string         `json:"call,omitempty"`        // the system call that was not made
	Wrong       []string       `json:"wrong,omitempty"`       // verbs that did not answer as they must
	Left        []string       `json:"left,omitempty"`        // what delete --force did not remove
	Kinds       string         `json:"kinds,omitempty"`       // the same in few words
	MountPoints int            `json:"mountPoints,omitempty"` // made in the root, counted apart
	Took        time.Duration  `json:"took"`
	Slowest     time.Duration  `json:"slowest"`          // of the verbs that were called to look
	Broken      string         `json:"broken,omitempty"` // the test itself did not work
}

func (o outcome) unclean() bool { return len(o.Wrong)+len(o.Left) > 0 }

// bench is the state of a worker between two points.
type bench struct {
	clean    inventory
	payload  os.FileInfo
	consoles *consoles
	courses  map[variant]course // of create, for the races
}

// newBench furnishes the sandbox and runs one container through its whole life:
// what is there afterwards (the state root, a parent cgroup) is there for good.
func newBench() (*bench, error) {
	if err := layOut(hostBusybox); err != nil {
		return nil, err
	}
	b := &bench{courses: map[variant]course{}}
	var err error
	if b.payload, err = os.Stat(payload()); err != nil {
		return nil, err
	}
	if b.consoles, err = receiveConsoles(); err != nil {
		return nil, err
	}
	if err := writeConfig(variants[0], "/bin/sleep", "1000"); err != nil {
		return nil, err
	}
	empty := takeInventory()
	for _, verb := range []string{"create", "start", "delete --force"} {
		if err := must(call(variants[0], verb), verb); err != nil {
			return nil, err
		}
	}
	left, mountPoints := empty.leftNow()
	for _, t := range mountPoints {
		t.remove()
	}
	for _, t := range left {
		if t.kind == "process" || t.kind == "mount" || strings.Contains(t.String(), id) {
			return nil, fmt.Errorf("left by a life without faults: %v", left)
		}
	}
	b.clean = takeInventory()
	return b, nil
}

// do works one job off. The sandbox is clean before and after it.
func (b *bench) do(j job) (o outcome) {
	o = outcome{Job: j}
	began := time.Now()
	defer func() {
		b.sweepUp(&o)
		o.Took = time.Since(began)
	}()
	if err := b.prepare(j); err != nil {
		o.Broken = "prepare " + j.Verb + ": " + err.Error()
		return o
	}
	res, err := b.trace(j, nil)
	if err != nil {
		o.Broken = "trace " + j.Verb + ": " + err.Error()
		return o
	}
	o.Hit = res.Hit
	if j.Mode == record {
		o.Points = res.Points
	} else if n := len(res.Points); res.Hit {
		o.Call = res.Points[n-1].Call
	}
	if res.Hang {
		o.wrong("%s: %v", j.Verb, errHang)
	}
	b.look(j, &o)
	return o
}

// sweepUp makes the sandbox clean again, whatever a runtime has left in it.
func (b *bench) sweepUp(o *outcome) {
	b.consoles.drop()
	if err := b.clean.restore(); err != nil && o.Broken == "" {
		o.Broken = err.Error()
	}
	_ = os.Remove(pidFile)
	_ = os.Remove(hookMark)
	_ = os.Remove(stopMark)
}

// prepare brings the container to where the verb takes over.
func (b *bench) prepare(j job) error {
	program := []string{"/bin/sleep", "1000"}
	if j.Verb == "run" {
		program = []string{"/bin/true"}
	}
	if err := writeConfig(j.Variant, program...); err != nil {
		return err
	}
	verbs := map[string][]string{
		"start":          {"create"},
		"kill":           {"create", "start"},
		"delete":         {"create", "kill"},
		"delete --force": {"create", "start"},
	}
	for _, verb := range verbs[j.Verb] {
		if err := must(call(j.Variant, verb), verb); err != nil {
			return err
		}
	}
	if j.Verb == "delete" {
		return awaitStatus(j.Variant, "stopped")
	}
	return nil
}

func awaitStatus(v variant, want string) error {
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		got, a := status(v)
		if a.err != nil || got == want {
			return must(a, "state")
		}
		if time.Now().After(end) {
			return fmt.Errorf("the container is %s, not %s", got, want)
		}
	}
}

// trace runs the verb of a job under the tracer; onHit is called at its point.
func (b *bench) trace(j job, onHit func()) (tracer.Result, error) {
	out := scratchFile("output")
	defer out.Close()
	null, err := os.Open("/dev/null")
	if err != nil {
		return tracer.Result{}, err
	}
	defer null.Close()
	files := []uintptr{null.Fd(), out.Fd(), out.Fd()}
	if j.Verb == "run" && j.Variant.Terminal {
		tty, err := openTerminal()
		if err != nil {
			return tracer.Result{}, err
		}
		defer tty.close()
		files = []uintptr{tty.slave.Fd(), tty.slave.Fd(), tty.slave.Fd()}
	}
	p := tracer.Program{
		Path: runtimePath, Args: append([]string{runtimePath}, commandLine(j.Variant, j.Verb)...), Env: environ(),
		Dir: bundleDir, Files: files, Payload: b.payload, Fine: j.Fine, Limit: patience, At: j.At, Kill: whom[j.Mode], OnHit: onHit,
	}
	if j.Mode == halt {
		p.Limit *= 2 // it has to wait for the verb that ends it
	}
	if j.Verb == "start" {
		// The init that create left behind does the other half of start.
		pid, err := readPid()
		if err != nil {
			return tracer.Result{}, err
		}
		p.Adopt = []int{pid}
	}
	res, err := tracer.Run(p)
	if err == nil && j.Mode == record && (res.Hang || res.Status.ExitStatus() != 0) {
		err = fmt.Errorf("status %#x without a fault: %s", int(res.Status), lastLines(contents(out)))
	}
	return res, err
}

func readPid() (pid int, err error) {
	text, err := os.ReadFile(pidFile)
	if err != nil {
		return 0, err
	}
	if _, err := fmt.Sscan(string(text), &pid); err != nil {
		return 0, fmt.Errorf("pid file: %q", text)
	}
	return pid, unix.Kill(pid, 0)
}

// call runs a verb to its end and notes how long that took.
func (o *outcome) call(v variant, verb string) answer {
	a := call(v, verb)
	o.Slowest = max(o.Slowest, a.took)
	return a
}

func (o *outcome) wrong(format string, a ...any) {
	o.Wrong = append(o.Wrong, fmt.Sprintf(format, a...))
}

// look asks the questions that must have an answer after any fault.
func (b *bench) look(j job, o *outcome) {
	settle()
	now, state := status(j.Variant)
	in, list := listed(j.Variant)
	if list.err != nil {
		o.wrong("list: %v", list)
	}
	if state.err == errHang || state.err != nil && in {
		o.wrong("state of a container in the list: %v", state)
	}
	if j.Verb == "start" && j.Mode == atMain && o.Hit {
		startAgain(j.Variant, now, o)
	}
	there := state.err == nil || j.Verb != "create" && j.Verb != "run"
	stopped, said := b.end(j.Variant, o)
	// A hook that is killed by itself has failed, and nobody runs it again. On a busy
	// machine delete may meet one that has begun and done nothing yet, and tell of it.
	if j.Variant.Hooks && there && !stopped && j.Mode != atChild && !strings.Contains(said, "poststop") {
		o.wrong("the poststop hook has not run; delete --force said %q", said)
	}
}

// end is how every look ends: delete --force takes everything away, and the id is free.
// It tells whether a poststop hook has run by then, and what delete said.
func (b *bench) end(v variant, o *outcome) (stopped bool, said string) {
	gone := o.call(v, "delete --force")
	if gone.err != nil {
		o.wrong("delete --force: %v", gone)
	}
	_, err := os.Stat(stopMark)
	left, mountPoints := b.clean.leftNow()
	o.MountPoints = len(mountPoints)
	o.Kinds = kinds(left)
	for _, t := range left {
		o.Left = append(o.Left, t.String())
	}
	b.again(v, o)
	return err == nil, lastLines(gone.said)
}

// startAgain: whoever was killed in start took nothing along. Either the container
// runs, or start can be repeated.
func startAgain(v variant, now string, o *outcome) {
	if now == "created" {
		if a := o.call(v, "start"); a.err != nil {
			o.wrong("start again: %v", a)
			return
		}
		now, _ = status(v)
	}
	if now != "running" {
		o.wrong("the container is %q after a start that was killed", now)
	}
}

// again uses the id once more.
func (b *bench) again(v variant, o *outcome) {
	if a := o.call(v, "create"); a.err != nil {
		o.wrong("create again: %v", a)
	}
	if a := o.call(v, "delete --force"); a.err != nil {
		o.wrong("delete --force again: %v", a)
	}
	if len(o.Left) > 0 {
		return
	}
	left, _ := b.clean.leftNow()
	for _, t := range left {
		o.Left = append(o.Left, t.String()+" (of the second container)")
	}
	o.Kinds = kinds(left)
}
