package main

import (
	"fmt"
	"math/rand"
	"os"
	"sync"
	"time"
)

// fewest is how many points create must have, the runtime's and its children's
// together. crun has about 200, runc 290: a sweep that finds few is broken.
const fewest = 80

// group is the points of one verb, mode and variant.
type group struct {
	Variant string `json:"variant"`
	Verb    string `json:"verb"`
	Mode    mode   `json:"mode"`
	Fine    bool   `json:"fine,omitempty"`
	Points  int    `json:"points"` // found when the verb was recorded

	jobs     []job
	outcomes []outcome
}

// result is a whole sweep.
type result struct {
	groups []*group
	broken []string // what did not work in the test itself
	took   time.Duration
}

func sweep(c config) (*result, error) {
	began := time.Now()
	p, err := newPool(c)
	if err != nil {
		return nil, err
	}
	defer p.stop()
	s := new(result)
	for _, o := range p.run(recordings(c)) {
		if o.Broken != "" {
			// runc's threads come and go: now and then the tracer loses one.
			o = p.one(0, o.Job)
		}
		if o.Broken != "" {
			s.broken = append(s.broken, fmt.Sprintf("record %s %s: %s", o.Job.Variant.Name, o.Job.Verb, o.Broken))
			continue
		}
		s.groups = append(s.groups, groupsOf(o, c.modes)...)
	}
	jobs := s.choose(c.sample, c.seed)
	for _, o := range p.run(jobs) {
		s.file(o)
	}
	s.took = time.Since(began)
	return s, nil
}

// recordings asks for the points of every verb, and for start once more with every
// system call counted: what happens between opening the FIFO and the end is reads.
func recordings(c config) (jobs []job) {
	for _, v := range c.variants {
		for _, verb := range c.verbs {
			jobs = append(jobs, job{Variant: v, Verb: verb, Mode: record})
			if verb == "start" {
				jobs = append(jobs, job{Variant: v, Verb: verb, Mode: record, Fine: true})
			}
		}
	}
	return jobs
}

// groupsOf makes the jobs of one recording.
func groupsOf(o outcome, modes []mode) (all []*group) {
	for _, m := range modes {
		if o.Job.Fine && m != atMain {
			continue
		}
		g := &group{Variant: o.Job.Variant.Name, Verb: o.Job.Verb, Mode: m, Fine: o.Job.Fine}
		for _, p := range o.Points {
			if m == atAll || (p.Proc == 0) == (m == atMain) {
				g.jobs = append(g.jobs, job{Variant: o.Job.Variant, Verb: o.Job.Verb, Mode: m, Fine: o.Job.Fine, At: p})
			}
		}
		g.Points = len(g.jobs)
		if g.Points > 0 {
			all = append(all, g)
		}
	}
	return all
}

// choose takes all jobs, or n of them: one of each group in turn, so that the small
// ones are not forgotten.
func (s *result) choose(n int, seed int64) (jobs []job) {
	if n == 0 {
		for _, g := range s.groups {
			jobs = append(jobs, g.jobs...)
		}
		return jobs
	}
	random := rand.New(rand.NewSource(seed))
	for _, g := range s.groups {
		random.Shuffle(len(g.jobs), func(i, k int) { g.jobs[i], g.jobs[k] = g.jobs[k], g.jobs[i] })
	}
	for round, took := 0, true; took && len(jobs) < n; round++ {
		took = false
		for _, g := range s.groups {
			if round < len(g.jobs) && len(jobs) < n {
				jobs, took = append(jobs, g.jobs[round]), true
			}
		}
	}
	return jobs
}

func (s *result) file(o outcome) {
	if o.Broken != "" {
		s.broken = append(s.broken, fmt.Sprintf("%s: %s", o.Job, o.Broken))
		return
	}
	for _, g := range s.groups {
		j := o.Job
		if g.Variant == j.Variant.Name && g.Verb == j.Verb && g.Mode == j.Mode && g.Fine == j.Fine {
			g.outcomes = append(g.outcomes, o)
		}
	}
}

func (j job) String() string {
	return fmt.Sprintf("%s %s/%s process %d call %d (%s)", j.Variant.Name, j.Verb, j.Mode, j.At.Proc, j.At.N, j.At.Call)
}

// judge lists every reason why the sweep has not succeeded.
func (s *result) judge(c config) (reasons []string) {
	reasons = append(reasons, s.broken...)
	for _, v := range c.variants {
		if n, ok := s.createPoints(v.Name); ok && n < fewest {
			reasons = append(reasons, fmt.Sprintf("only %d points found in create (%s), not %d: the sweep is broken", n, v.Name, fewest))
		}
	}
	tried, missed, unclean := 0, 0, 0
	for _, g := range s.groups {
		t := g.tally()
		tried, missed, unclean = tried+t.Tried, missed+t.Missed, unclean+t.Unclean
	}
	// A few calls come and go with the scheduling of a Go runtime.
	if missed > tried/20+1 {
		reasons = append(reasons, fmt.Sprintf("%d of %d points were not met again: the numbers drift", missed, tried))
	}
	if c.control {
		return append(reasons, s.judgeControl()...)
	}
	if unclean > 0 {
		reasons = append(reasons, fmt.Sprintf("%d of %d points are unclean", unclean, tried))
	}
	return reasons
}

// leaky is the least share of create's own points that a runtime known to leak
// must be caught at. Without a record before the first effect it is more than half.
const leaky = 0.15

func (s *result) judgeControl() []string {
	tried, left := 0, 0
	for _, g := range s.groups {
		if g.Verb == "create" && g.Mode == atMain {
			t := g.tally()
			tried, left = tried+t.Tried, left+t.Left
		}
	}
	if tried == 0 || float64(left) < leaky*float64(tried) {
		return []string{fmt.Sprintf("control: the known leaks were not seen: something left at %d of %d points in create", left, tried)}
	}
	return nil
}

// createPoints counts what was found in create, the runtime and its children.
func (s *result) createPoints(variant string) (n int, recorded bool) {
	for _, g := range s.groups {
		if g.Variant == variant && g.Verb == "create" && (g.Mode == atMain || g.Mode == atChild) {
			n, recorded = n+g.Points, true
		}
	}
	return n, recorded
}

// pool is some workers, each in a sandbox of its own.
type pool struct {
	config  config
	workers []*worker
}

func newPool(c config) (*pool, error) {
	p := &pool{config: c}
	for range c.workers {
		w, err := startWorker(c)
		if err != nil {
			return nil, err
		}
		p.workers = append(p.workers, w)
	}
	return p, nil
}

// run has the jobs done and returns the outcomes in the order of the jobs.
func (p *pool) run(jobs []job) []outcome {
	outcomes := make([]outcome, len(jobs))
	next := make(chan int)
	var wg sync.WaitGroup
	for i := range p.workers {
		wg.Go(func() {
			for n := range next {
				outcomes[n] = p.one(i, jobs[n])
			}
		})
	}
	for n := range jobs {
		next <- n
	}
	close(next)
	wg.Wait()
	return outcomes
}

// one has worker i do a job, and replaces the worker when its sandbox is spoilt.
func (p *pool) one(i int, j job) outcome {
	var o outcome
	err := p.workers[i].ask(task{Job: j}, &o)
	if err == nil && o.Broken == "" {
		return o
	}
	if err != nil {
		o = outcome{Job: j, Broken: err.Error()}
	}
	_ = p.workers[i].stop() // it has said what is wrong on stderr
	if p.workers[i], err = startWorker(p.config); err != nil {
		fmt.Fprintln(os.Stderr, "faults: start another worker:", err)
		os.Exit(2)
	}
	return o
}

func (p *pool) stop() {
	for _, w := range p.workers {
		_ = w.stop() // what was wrong with it is in its outcomes
	}
}
