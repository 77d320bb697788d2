package main

import (
	"fmt"
	"math/rand"
	"time"
)

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
	found  map[recorded]int // points of each verb, the runtime's and its children's together
	broken []string         // what did not work in the test itself
	took   time.Duration
}

type recorded struct{ variant, verb string }

func sweep(c config) (*result, error) {
	began := time.Now()
	p, err := newPool(c)
	if err != nil {
		return nil, err
	}
	defer p.stop()
	s := &result{found: map[recorded]int{}}
	for _, r := range p.each(tasksOf(recordings(c))) {
		o := r.Outcome
		if o.Broken != "" {
			// runc's threads come and go: now and then the tracer loses one.
			o = p.one(0, task{Job: o.Job}).Outcome
		}
		if o.Broken != "" {
			s.broken = append(s.broken, fmt.Sprintf("record %s %s: %s", o.Job.Variant.Name, o.Job.Verb, o.Broken))
			continue
		}
		if !o.Job.Fine {
			s.found[recorded{o.Job.Variant.Name, o.Job.Verb}] = len(o.Points)
		}
		s.groups = append(s.groups, groupsOf(o, c.modes)...)
	}
	for _, r := range p.each(tasksOf(s.choose(c.sample, c.seed))) {
		s.file(r.Outcome)
	}
	s.took = time.Since(began)
	return s, nil
}

func tasksOf(jobs []job) (tasks []task) {
	for _, j := range jobs {
		tasks = append(tasks, task{Job: j})
	}
	return tasks
}

// recordings asks for the points of every verb, and for some once more with every system
// call counted: what start does between opening the FIFO and the end, and what any verb
// does while a hook runs, is reads and waits.
func recordings(c config) (jobs []job) {
	for _, v := range c.variants {
		for _, verb := range c.verbs {
			jobs = append(jobs, job{Variant: v, Verb: verb, Mode: record})
			if verb == "start" || v.Hooks && (verb == "create" || verb == "delete") {
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
