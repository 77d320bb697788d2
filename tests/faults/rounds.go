package main

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// round is one time that a race is run, with what chance decides in it.
type round struct {
	*rand.Rand
	b      *bench
	v      variant
	o      outcome
	missed bool // it did not come to what the race is about
}

// lap runs some rounds. The sandbox is clean before and after each.
func (b *bench) lap(t task) lap {
	l := lap{Race: t.Race}
	race, ok := raceNamed(t.Race)
	if !ok {
		l.Broken = "no such race"
		return l
	}
	for n := t.First; n < t.First+t.Rounds && l.Broken == ""; n++ {
		r := &round{Rand: chance(t, n), b: b, v: t.Variants[n%len(t.Variants)]}
		r.run(race)
		l.note(n, r)
	}
	return l
}

// chance is the same for the same seed, race and number of the round.
func chance(t task, n int) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(t.Race)) // never fails
	return rand.New(rand.NewPCG(uint64(t.Seed), h.Sum64()+uint64(n)))
}

func (r *round) run(race race) {
	defer r.b.sweepUp(&r.o)
	err := writeConfig(r.v, "/bin/sleep", "1000")
	if err == nil {
		err = race.run(r)
	}
	if err != nil {
		r.o.Broken = err.Error()
		return
	}
	r.b.end(r.v, &r.o)
}

func (l *lap) note(n int, r *round) {
	if r.o.Broken != "" {
		l.Broken = fmt.Sprintf("round %d (%s): %s", n, r.v.Name, r.o.Broken)
		return
	}
	l.Rounds++
	if r.missed {
		l.Missed++
	}
	l.Slowest = max(l.Slowest, r.o.Slowest)
	if r.o.unclean() {
		l.Failures = append(l.Failures, failure{Round: n, Variant: r.v.Name, Wrong: r.o.Wrong, Left: r.o.Left})
	}
}

// upTo is any time from 0 to most.
func (r *round) upTo(most time.Duration) time.Duration {
	return time.Duration(r.Int64N(int64(most) + 1))
}

// spreads are how far apart the callers of a race may begin. A verb takes from one to
// twenty milliseconds, the machine's load and the runtime deciding.
var spreads = []time.Duration{0, 200 * time.Microsecond, 2 * time.Millisecond, 10 * time.Millisecond}

// together calls the verbs at the same time, or nearly.
func (r *round) together(verbs ...string) []answer {
	spread := spreads[r.IntN(len(spreads))]
	answers := make([]answer, len(verbs))
	gate := make(chan struct{})
	var wg sync.WaitGroup
	for i, verb := range verbs {
		delay := r.upTo(spread)
		wg.Go(func() {
			<-gate
			time.Sleep(delay)
			answers[i] = call(r.v, verb)
		})
	}
	close(gate)
	wg.Wait()
	for _, a := range answers {
		r.o.Slowest = max(r.o.Slowest, a.took)
	}
	return answers
}

// oneWins calls the verbs together: all of them answer, and one of them succeeds. It
// returns the verb; "" is a race without a single winner.
func (r *round) oneWins(verbs ...string) (winner string) {
	won := 0
	var said []string
	for i, a := range r.together(verbs...) {
		said = append(said, verbs[i]+": "+a.String())
		if a.err == nil {
			won, winner = won+1, verbs[i]
		}
		if a.err == errHang {
			r.o.wrong("%s: %v", verbs[i], errHang)
		}
	}
	if won != 1 {
		r.o.wrong("%d winners: %s", won, strings.Join(said, "; "))
		return ""
	}
	return winner
}

// mustBe notes a container that is not where the winner has brought it.
func (r *round) mustBe(want string) { r.mustBeBy("state", want) }

func (r *round) mustBeBy(verb, want string) {
	if got, a := statusBy(r.v, verb); got != want {
		r.o.wrong("the container is %q (%s: %v), not %q", got, verb, a, want)
	}
}

// mustCall calls a verb that has to succeed.
func (r *round) mustCall(verb string) {
	if a := r.o.call(r.v, verb); a.err != nil {
		r.o.wrong("%s: %v", verb, a)
	}
}

// creates: the one that loses does no harm to the one that wins.
func (r *round) creates() error {
	if r.oneWins("create", "create") == "" {
		return nil
	}
	r.mustBe("created")
	if _, err := readPid(); err != nil {
		r.o.wrong("pid file of the create that won: %v", err)
	}
	r.mustCall("start")
	r.mustBe("running")
	return nil
}

func (r *round) starts() error {
	if err := must(call(r.v, "create"), "create"); err != nil {
		return err
	}
	if r.oneWins("start", "start", "start", "start") != "" {
		r.mustBe("running")
	}
	return nil
}

// deleteAndStart: a plain delete takes a created container, and refuses one that runs.
func (r *round) deleteAndStart() error {
	if err := must(call(r.v, "create"), "create"); err != nil {
		return err
	}
	switch r.oneWins("delete", "start") {
	case "start":
		r.mustBe("running")
	case "delete":
		r.mustBe("")
	}
	return nil
}

// killedStart: init has seen that the FIFO was opened, and nobody listens any more.
// In every other round init is stopped before, so that the start is killed for sure
// while it waits; and goes on at some time around the second start.
func (r *round) killedStart() error {
	if err := must(call(r.v, "create"), "create"); err != nil {
		return err
	}
	pid, err := readPid()
	if err != nil {
		return err
	}
	waits := r.IntN(2) == 0
	if waits {
		if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
			return os.NewSyscallError("kill(SIGSTOP)", err)
		}
	}
	met, err := r.killStart(r.upTo(500 * time.Microsecond))
	if err != nil {
		return err
	}
	r.missed = waits && !met
	if waits {
		// Nobody has heard it, and it must not believe so.
		goOn := time.AfterFunc(r.upTo(5*time.Millisecond), func() { _ = unix.Kill(pid, unix.SIGCONT) })
		defer goOn.Stop()
	} else {
		settle() // it may be just before execve
	}
	now, _ := status(r.v)
	startAgain(r.v, now, &r.o)
	return nil
}

// killStart begins a start and kills it a while after it has opened the FIFO; met
// tells whether it lived to be killed.
func (r *round) killStart(after time.Duration) (met bool, err error) {
	cmd := command(context.Background(), r.v, "start")
	if err := cmd.Start(); err != nil {
		return false, err
	}
	for end := time.Now().Add(patience); !hasOpen(cmd.Process.Pid, "exec.fifo"); {
		var ended unix.Siginfo
		err := unix.Waitid(unix.P_PID, cmd.Process.Pid, &ended, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
		if err != nil || ended.Signo != 0 || time.Now().After(end) {
			break
		}
	}
	time.Sleep(after)
	_ = cmd.Process.Kill() // it may have ended
	_ = cmd.Wait()
	return !cmd.ProcessState.Exited(), nil
}

// hasOpen looks for an open file by the last part of its path.
func hasOpen(pid int, name string) bool {
	dir := fmt.Sprintf("/proc/%d/fd/", pid)
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if link, _ := os.Readlink(dir + e.Name()); strings.HasSuffix(link, "/"+name) {
			return true
		}
	}
	return false
}
