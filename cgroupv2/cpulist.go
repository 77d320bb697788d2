package cgroupv2

import (
	"strconv"
	"strings"
)

// numbers are ranges of CPUs or memory nodes, as in "0-3,7".
type numbers []struct{ first, last uint64 }

// parseList reads a list as the kernel writes it (cpuset(7), "List format"). Other
// forms, which the kernel may take too, are not ok.
func parseList(s string) (list numbers, ok bool) {
	for part := range strings.SplitSeq(strings.TrimSpace(s), ",") {
		a, b, isRange := strings.Cut(part, "-")
		first, err := strconv.ParseUint(a, 10, 32)
		if err != nil {
			return nil, false
		}
		last := first
		if isRange {
			if last, err = strconv.ParseUint(b, 10, 32); err != nil || last < first {
				return nil, false
			}
		}
		list = append(list, struct{ first, last uint64 }{first, last})
	}
	return list, true
}

// within tells whether all of a are in b.
func (a numbers) within(b numbers) bool {
	for _, r := range a {
		for n := r.first; n <= r.last; n++ {
			if !b.has(n) {
				return false
			}
		}
	}
	return true
}

func (a numbers) has(n uint64) bool {
	for _, r := range a {
		if n >= r.first && n <= r.last {
			return true
		}
	}
	return false
}
