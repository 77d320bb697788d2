package main

import "fmt"

// fewest is how many points create must have, the runtime's and its children's
// together. crun has about 200, runc 290: a sweep that finds few is broken.
const fewest = 80

// judge lists every reason why the sweep has not succeeded.
func (s *result) judge(c config) (reasons []string) {
	reasons = append(reasons, s.broken...)
	for _, v := range c.variants {
		for _, verb := range c.verbs {
			n := s.found[recorded{v.Name, verb}]
			least := 1
			if verb == "create" {
				least = fewest
			}
			if n < least {
				reasons = append(reasons, fmt.Sprintf("%d points found in %s (%s), at least %d expected: the sweep is broken", n, verb, v.Name, least))
			}
		}
	}
	var sum tally
	for _, g := range s.groups {
		sum.add(g.tally())
	}
	if sum.Tried == 0 {
		reasons = append(reasons, "no point was tried")
	}
	// A few calls come and go with the scheduling of a Go runtime.
	if sum.Missed > sum.Tried/20+1 {
		reasons = append(reasons, fmt.Sprintf("%d of %d points were not met again: the numbers drift", sum.Missed, sum.Tried))
	}
	if c.control {
		return append(reasons, s.judgeControl()...)
	}
	if sum.Unclean > 0 {
		reasons = append(reasons, fmt.Sprintf("%d of %d points are unclean", sum.Unclean, sum.Tried))
	}
	return reasons
}

// leaky is the least share of create's own points that a runtime known to leak
// must be caught at. Without a record before the first effect it is more than half.
const leaky = 0.15

func (s *result) judgeControl() []string {
	var sum tally
	for _, g := range s.groups {
		if g.Verb == "create" && g.Mode == atMain {
			sum.add(g.tally())
		}
	}
	if sum.Tried == 0 || float64(sum.Left) < leaky*float64(sum.Tried) {
		return []string{fmt.Sprintf("control: the known leaks were not seen: something left at %d of %d points in create", sum.Left, sum.Tried)}
	}
	return nil
}
