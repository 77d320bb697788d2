package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/mdrun/mdrun/tests/sandbox"
)

// What a worker is told through its environment.
const (
	workerVar   = "MDRUN_FAULTS_WORKER" // set: be one
	runtimeVar  = "RUNTIME"             // the sandbox keeps its directory visible
	busyboxVar  = "MDRUN_FAULTS_BUSYBOX"
	patienceVar = "MDRUN_FAULTS_PATIENCE"
)

// The runtime under test and the program of the containers, in a worker.
var (
	runtimePath = os.Getenv(runtimeVar)
	hostBusybox = os.Getenv(busyboxVar)
)

// serveIfWorker turns the process into a worker when it was started as one: in a
// sandbox of its own it answers jobs from stdin on stdout, a line each.
func serveIfWorker() {
	if os.Getenv(workerVar) == "" {
		return
	}
	sandbox.Reexec()
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func serve() error {
	b, err := newBench()
	if err != nil {
		return err
	}
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var t task
		if err := in.Decode(&t); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := out.Encode(b.reply(t)); err != nil {
			return err
		}
	}
}

// task is a line to a worker: a point, or some rounds of a race.
type task struct {
	Job      job       `json:"job"`
	Race     string    `json:"race,omitempty"`
	First    int       `json:"first,omitempty"` // number of the first round
	Rounds   int       `json:"rounds,omitempty"`
	Seed     int64     `json:"seed,omitempty"`
	Variants []variant `json:"variants,omitempty"` // the rounds take turns with them
}

// reply is the line that comes back, with the part that the task asked for.
type reply struct {
	Outcome outcome `json:"outcome"`
	Lap     lap     `json:"lap"`
}

func (b *bench) reply(t task) (r reply) {
	if t.Race != "" {
		r.Lap = b.lap(t)
	} else {
		r.Outcome = b.do(t.Job)
	}
	return r
}

// broken says what did not work in the test itself; "" is nothing.
func (r reply) broken() string { return r.Outcome.Broken + r.Lap.Broken }

// worker is one as seen by whoever hands out the jobs.
type worker struct {
	cmd *exec.Cmd
	in  *json.Encoder
	out *json.Decoder
	end io.Closer
}

func startWorker(o config) (*worker, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), workerVar+"=1", runtimeVar+"="+o.runtime, busyboxVar+"="+o.busybox,
		patienceVar+"="+o.patience.String(), sandbox.RootVar+"="+o.root)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &worker{cmd: cmd, in: json.NewEncoder(in), out: json.NewDecoder(out), end: in}, nil
}

// ask hands a task over and waits for the reply.
func (w *worker) ask(t task) (r reply, err error) {
	if err := w.in.Encode(t); err != nil {
		return r, fmt.Errorf("worker is gone: %w", err)
	}
	if err := w.out.Decode(&r); err != nil {
		return r, fmt.Errorf("worker is gone: %w", err)
	}
	return r, nil
}

func (w *worker) stop() error {
	w.end.Close()
	return w.cmd.Wait()
}
