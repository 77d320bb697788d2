package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// race is two or more callers at one container. Whatever their order comes to, one of
// them wins, nobody hangs, and nothing is left in the end.
type race struct {
	name  string
	about string
	run   func(*round) error
}

// races are those of the table, in its order.
var races = []race{
	{"creates", "two creates of one id", (*round).creates},
	{"starts", "four starts of one container", (*round).starts},
	{"one-cgroup", "two creates of containers that are to have one cgroup", (*round).oneCgroup},
	{"last-of-two", "a create, and the delete of the only other container below the same parent", (*round).lastOfTwo},
	{"delete-start", "delete against start", (*round).deleteAndStart},
	{"killed-start", "a start is killed when it has opened the FIFO, and repeated", (*round).killedStart},
	{"hanging-create", "delete --force against a create whose child has stopped", (*round).hangingCreate},
	{"hanging-hook", "delete --force against a create whose hook never ends", (*round).hangingHook},
}

func raceNamed(name string) (race, bool) {
	for _, r := range races {
		if r.name == name {
			return r, true
		}
	}
	return race{}, false
}

func raceNames() (names []string) {
	for _, r := range races {
		names = append(names, r.name)
	}
	return names
}

// lap is what came of some rounds of a race.
type lap struct {
	Race     string        `json:"race"`
	Rounds   int           `json:"rounds"`
	Missed   int           `json:"missed"` // rounds that did not come to what they are about
	Failures []failure     `json:"failures"`
	Slowest  time.Duration `json:"slowest"`
	Broken   string        `json:"broken,omitempty"` // the test itself did not work
}

// failure is a round that did not end as it must.
type failure struct {
	Round   int      `json:"round"`
	Variant string   `json:"variant"`
	Wrong   []string `json:"wrong,omitempty"`
	Left    []string `json:"left,omitempty"`
}

func (l *lap) add(m lap) {
	l.Rounds += m.Rounds
	l.Missed += m.Missed
	l.Failures = append(l.Failures, m.Failures...)
	l.Slowest = max(l.Slowest, m.Slowest)
}

// atATime is how many rounds a worker is given: few, so that all have work to the end.
const atATime = 5

// runRaces reports whether every round ended well; with control, whether one did not.
func runRaces(c config, w io.Writer) (bool, error) {
	began := time.Now()
	p, err := newPool(c)
	if err != nil {
		return false, err
	}
	defer p.stop()
	sums := make([]lap, len(c.races))
	var broken []string
	for _, r := range p.each(heats(c)) {
		if r.Lap.Broken != "" {
			broken = append(broken, r.Lap.Race+": "+r.Lap.Broken)
		}
		for i, race := range c.races {
			if race.name == r.Lap.Race {
				sums[i].Race = race.name
				sums[i].add(r.Lap)
			}
		}
	}
	verdict := append(broken, judgeRaces(c, sums)...)
	if c.json {
		return len(verdict) == 0, json.NewEncoder(w).Encode(struct {
			Races   []lap    `json:"races"`
			Seconds float64  `json:"seconds"`
			Failed  []string `json:"failed"`
		}{sums, time.Since(began).Seconds(), verdict})
	}
	writeRaces(w, c, sums)
	fmt.Fprintf(w, "\n%v\n", time.Since(began).Round(time.Second))
	for _, v := range verdict {
		fmt.Fprintln(w, "FAIL:", v)
	}
	return len(verdict) == 0, nil
}

// heats spreads the rounds over tasks, the races in turn.
func heats(c config) (tasks []task) {
	for first := 0; first < c.rounds; first += atATime {
		for _, r := range c.races {
			tasks = append(tasks, task{Race: r.name, First: first, Rounds: min(atATime, c.rounds-first), Seed: c.seed, Variants: c.variants})
		}
	}
	return tasks
}

// judgeRaces lists every reason why the races have not succeeded.
func judgeRaces(c config, sums []lap) (reasons []string) {
	failed := 0
	for _, s := range sums {
		failed += len(s.Failures)
		if s.Rounds < c.rounds {
			reasons = append(reasons, fmt.Sprintf("%s: only %d of %d rounds were run", s.Race, s.Rounds, c.rounds))
		}
		if s.Missed > c.rounds/10+1 {
			reasons = append(reasons, fmt.Sprintf("%s: %d of %d rounds did not come to the race: the test is broken", s.Race, s.Missed, s.Rounds))
		}
		if len(s.Failures) > 0 && !c.control {
			reasons = append(reasons, fmt.Sprintf("%s: %d of %d rounds failed", s.Race, len(s.Failures), s.Rounds))
		}
	}
	if c.control && failed == 0 {
		reasons = append(reasons, "control: no round failed")
	}
	return reasons
}

func writeRaces(w io.Writer, c config, sums []lap) {
	if c.verbose {
		for _, s := range sums {
			for _, f := range s.Failures {
				fmt.Fprintf(w, "%s round %d (%s)\n\tleft:  %q\n\twrong: %q\n", s.Race, f.Round, f.Variant, f.Left, f.Wrong)
			}
		}
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "race\trounds\tfailures\tmissed\tslowest\t")
	for i, s := range sums {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%v\t%s\n", c.races[i].name, s.Rounds, len(s.Failures), s.Missed, s.Slowest.Round(100*time.Microsecond), c.races[i].about)
	}
	t.Flush()
}
