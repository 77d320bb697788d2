package main

import "strings"

// lastOfTwo: both containers lie below one parent, which create makes and delete
// removes. The neighbour's delete must not take it from under a create, and the last
// delete removes it, whoever made it.
func (r *round) lastOfTwo() error {
	if err := writeNeighbour(r.v); err != nil {
		return err
	}
	if err := must(call(r.v, "create"+ofNeighbour), "create"+ofNeighbour); err != nil {
		return err
	}
	if err := writeConfig(r.v, "/bin/sleep", "1000"); err != nil {
		return err
	}
	verbs := []string{"delete" + ofNeighbour, "create"}
	for i, a := range r.together(verbs...) {
		if a.err != nil {
			r.o.wrong("%s: %v", verbs[i], a)
		}
	}
	r.mustBe("created")
	return nil
}

// oneCgroup: both containers are to have the same cgroup, so one delete would kill the
// other's processes. One create is refused, whichever.
func (r *round) oneCgroup() error {
	winner := r.oneWins("create", "create"+ofNeighbour)
	if winner == "" {
		r.mustCall("delete --force")
		r.mustCall("delete --force" + ofNeighbour)
		return nil
	}
	of := strings.TrimPrefix(winner, "create")
	r.mustCall("start" + of)
	r.mustBeBy("state"+of, "running")
	loser := ofNeighbour
	if of == ofNeighbour {
		loser = ""
	}
	r.mustCall("delete --force" + loser) // there is nothing, and nothing of the winner's goes
	r.mustBeBy("state"+of, "running")
	r.mustCall("delete --force" + of)
	return nil
}
