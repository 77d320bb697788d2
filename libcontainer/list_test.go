package libcontainer

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A long list is read in two threads, which must not show.
func TestALongListIsWholeAndInOrder(t *testing.T) {
	r := &Runtime{Root: t.TempDir()}
	var want, damagedIDs []string
	for i := range 200 {
		id := fmt.Sprintf("c%03d", i)
		dir := filepath.Join(r.Root, id)
		must(t, os.Mkdir(dir, 0o700))
		if i%7 == 3 {
			damagedIDs = append(damagedIDs, id)
			continue
		}
		want = append(want, id)
		rec := record{ID: id, Bundle: "/b", Created: time.Now()}
		must(t, os.WriteFile(filepath.Join(dir, recordFile), rec.encode(), 0o600))
	}
	must(t, os.Mkdir(filepath.Join(r.Root, "c999"+inFlight), 0o700))
	must(t, os.WriteFile(filepath.Join(r.Root, "file"), nil, 0o600))
	containers, broken, err := r.List()
	must(t, err)
	var got []string
	for _, s := range containers {
		got = append(got, s.ID)
		if s.Status != Stopped || s.Owner == "" {
			t.Errorf("%s: status %s, owner %q", s.ID, s.Status, s.Owner)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("containers: %v\nwant %v", got, want)
	}
	if len(broken) != len(damagedIDs) {
		t.Fatalf("%d broken ones, want %d", len(broken), len(damagedIDs))
	}
	for i, id := range damagedIDs {
		if !strings.Contains(broken[i].Error(), "list "+id+":") {
			t.Errorf("error %d: %v, want that of %s", i, broken[i], id)
		}
	}
}

func TestHalvesDoEachOnce(t *testing.T) {
	for n := range 100 {
		done := make([]int, n)
		halves(n, func(i int) { done[i]++ })
		if slices.ContainsFunc(done, func(times int) bool { return times != 1 }) {
			t.Errorf("of %d: %v", n, done)
		}
	}
}
