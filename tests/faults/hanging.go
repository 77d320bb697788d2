package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/mdrun/mdrun/tests/faults/tracer"
)

// course is how a create goes when nothing is done to it.
type course struct {
	own      []tracer.Point // the runtime's process
	children []tracer.Point
}

// courseOf records it once for each variant.
func (b *bench) courseOf(v variant) (course, error) {
	if c, ok := b.courses[v]; ok {
		return c, nil
	}
	res, err := b.trace(job{Variant: v, Verb: "create", Mode: record}, nil)
	if err != nil {
		return course{}, fmt.Errorf("record create: %w", err)
	}
	var c course
	for _, p := range res.Points {
		if p.Proc > 0 {
			c.children = append(c.children, p)
		} else {
			c.own = append(c.own, p)
		}
	}
	if len(c.own) == 0 || len(c.children) == 0 {
		return c, fmt.Errorf("record create: %d points of its own, %d of children", len(c.own), len(c.children))
	}
	b.courses[v] = c
	return c, must(call(v, "delete --force"), "delete --force")
}

// early is how long a runtime may take to come to its work: a delete that is to meet a
// create at a point has to begin that much before it.
const early = 4 * time.Millisecond

// hangingCreate: the create's child is stopped at any of its points, and the create
// waits for it. A delete --force is called at about the time of one of the create's own
// points, the last of which is when it waits already.
func (r *round) hangingCreate() error {
	c, err := r.b.courseOf(r.v)
	if err != nil {
		return err
	}
	j := job{Variant: r.v, Verb: "create", Mode: halt, At: c.children[r.IntN(len(c.children))]}
	delay := c.own[r.IntN(len(c.own))].After + r.upTo(2*early) - early
	var res tracer.Result
	stopped, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		res, err = r.b.trace(j, func() { close(stopped) })
	}()
	time.Sleep(delay)
	before := r.end(stopped, ended, "the create's child has stopped before "+j.At.Call)
	if res.Hang {
		r.o.wrong("create goes on waiting after delete --force: its child has stopped before %s", j.At.Call)
	}
	r.missed = !res.Hit && !before
	return err
}

// hangingHook: a hook of the create never ends.
func (r *round) hangingHook() error {
	v := r.v
	v.Hang = true
	if err := writeConfig(v, "/bin/sleep", "1000"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	create := command(ctx, v, "create")
	if err := create.Start(); err != nil {
		return err
	}
	runs, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		_ = create.Wait() // how it ends is nobody's concern, but it has to
	}()
	go awaitMark(runs, ended)
	if r.IntN(2) == 0 {
		select {
		case <-runs:
		case <-ended:
			r.missed = true
		}
		time.Sleep(r.upTo(early))
	} else {
		time.Sleep(r.upTo(10 * early))
	}
	r.end(runs, ended, "a hook of the create hangs")
	if ctx.Err() != nil {
		r.o.wrong("create goes on waiting after delete --force: its hook hangs")
	}
	return writeConfig(r.v, "/bin/sleep", "1000")
}

// awaitMark closes runs when the hook has left its mark.
func awaitMark(runs, ended chan struct{}) {
	for !closed(ended) {
		if _, err := os.Stat(hookMark); err == nil {
			close(runs)
			return
		}
		time.Sleep(100 * time.Microsecond)
	}
}

// end has delete --force end a create that hangs from the moment that hangs is closed;
// ended is closed when it is over. Where the first delete comes before the create has
// taken the id it has nothing to do; then there is a second. It tells whether the
// first came before the create hung.
func (r *round) end(hangs, ended chan struct{}, why string) (before bool) {
	before = !closed(hangs)
	r.deleteForce(why)
	if before {
		select {
		case <-hangs:
			r.deleteForce(why)
		case <-ended:
		}
	}
	<-ended
	return before
}

func (r *round) deleteForce(why string) {
	if a := r.o.call(r.v, "delete --force"); a.err != nil {
		r.o.wrong("delete --force while %s: %v", why, a)
	}
}

func closed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
