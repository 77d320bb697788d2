package libcontainer

import (
	"slices"
	"testing"
)

func TestUndoRunsBackwards(t *testing.T) {
	var order []int
	var u undo
	for i := range 3 {
		u.push(func() { order = append(order, i) })
	}
	u.back()
	if !slices.Equal(order, []int{2, 1, 0}) {
		t.Fatalf("order %v", order)
	}
	u.back()
	if len(order) != 3 {
		t.Fatal("an act ran twice")
	}
}

func TestKeepForgets(t *testing.T) {
	var u undo
	u.push(func() { t.Error("taken back although kept") })
	u.keep()
	u.back()
}
