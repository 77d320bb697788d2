package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// idle is long enough for the kernel to close what a warm loop keeps open.
const idle = 40 * time.Millisecond

// figure is what came out of one case, one entry per runtime.
type figure struct {
	Case   string             `json:"case"`
	Idle   bool               `json:"idle,omitempty"`
	Rounds int                `json:"rounds"`
	Micros map[string]float64 `json:"medianMicroseconds"`
	Ratio  map[string]float64 `json:"medianRatioToCrun"`
	Bar    float64            `json:"bar,omitempty"`
}

// bench does every case and prints the table.
func (o options) bench(dir string) error {
	// The inits of detached containers become ours to wait for.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return err
	}
	peers := []peer{
		{"mdrun", filepath.Join(dir, "mdrun"), "/run/mdrun", "ours"},
		{"crun", filepath.Join(dir, "crun"), "/run/crun", "theirs"},
		{"runc", filepath.Join(dir, "runc"), "/run/runc", "others"},
	}
	if err := layOut(peers[2].path); err != nil {
		return err
	}
	var all []figure
	for _, b := range benches {
		if o.only != "" && o.only != b.name {
			continue
		}
		figures, err := b.run(peers, max(o.rounds/b.divide, 3))
		if err != nil {
			return err
		}
		all = append(all, figures...)
	}
	var counts []count
	if o.only == "" {
		var err error
		if counts, err = countAll(peers); err != nil {
			return err
		}
	}
	printTable(os.Stdout, all, counts)
	if err := writeFiles(dir, all, counts); err != nil {
		return err
	}
	return o.judge(all)
}

func (o options) judge(all []figure) error {
	missed := 0
	for _, f := range all {
		if f.Bar > 0 && !f.Idle && f.Ratio["mdrun"] > f.Bar {
			fmt.Printf("missed: %s is %.2f of crun, the bar is %.2f\n", f.Case, f.Ratio["mdrun"], f.Bar)
			missed++
		}
	}
	if o.check && missed > 0 {
		return fmt.Errorf("%d bars missed", missed)
	}
	return nil
}

func (b bench) run(peers []peer, rounds int) ([]figure, error) {
	if b.prepare != nil {
		for _, p := range peers {
			if err := b.prepare(p); err != nil {
				return nil, err
			}
		}
	}
	var out []figure
	f, err := b.rounds(peers, rounds, false)
	if err == nil && b.gap {
		out = append(out, f)
		f, err = b.rounds(peers, max(rounds/2, 3), true)
	}
	if err != nil {
		return nil, err
	}
	if b.clean != nil {
		for _, p := range peers {
			if err := b.clean(p); err != nil {
				return nil, err
			}
		}
	}
	return append(out, f), nil
}

// rounds measures each runtime in turn with crun, by which it is judged, and with no other:
// what the kernel still clears away after a run falls on the next one, and a slow runtime
// leaves much. Lots are drawn for who begins. The first round only warms up.
func (b bench) rounds(peers []peer, rounds int, gap bool) (figure, error) {
	f := figure{Case: b.name, Idle: gap, Rounds: rounds, Bar: b.bar, Micros: map[string]float64{}, Ratio: map[string]float64{"crun": 1}}
	crun := peers[slices.IndexFunc(peers, func(p peer) bool { return p.name == "crun" })]
	lots := rand.New(rand.NewPCG(1, 1))
	for _, p := range peers {
		if p == crun {
			continue
		}
		pair := [2]peer{p, crun}
		var times [2][]float64
		var ratios []float64
		for round := range rounds + 1 {
			now, err := b.round(pair, lots.IntN(2), gap)
			if err != nil {
				return figure{}, err
			}
			if round == 0 {
				continue
			}
			times[0], times[1], ratios = append(times[0], now[0]), append(times[1], now[1]), append(ratios, now[0]/now[1])
		}
		f.Micros[p.name], f.Ratio[p.name] = median(times[0]), median(ratios)
		if f.Micros["crun"] == 0 { // the one beside mdrun, which comes first
			f.Micros["crun"] = median(times[1])
		}
	}
	return f, nil
}

// round gives the times of two in microseconds.
func (b bench) round(pair [2]peer, first int, gap bool) (now [2]float64, err error) {
	for i := range pair {
		i ^= first
		if gap {
			time.Sleep(idle)
		}
		took, err := b.measure(pair[i])
		if err != nil {
			return now, err
		}
		now[i] = float64(took.Microseconds())
	}
	return now, nil
}

func median(v []float64) float64 {
	slices.Sort(v)
	if len(v)%2 == 1 {
		return v[len(v)/2]
	}
	return (v[len(v)/2-1] + v[len(v)/2]) / 2
}
