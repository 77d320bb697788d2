package step

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

func lastCap(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/sys/kernel/cap_last_cap")
	must(t, err)
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	must(t, err)
	return n
}

// The five sets are those that are asked for, whoever the user is.
func TestStepCapabilities(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	last := lastCap(t)
	const bounding, permitted, effective, inheritable, ambient = 1 | 1<<5 | 1<<12 | 1<<33, 1 | 1<<5 | 1<<33, 1 | 1<<33, 1<<5 | 1<<12 | 1<<33, 1<<5 | 1<<33
	w.apply(&Bounding{Keep: bounding, Last: last})
	if w.allIDs {
		w.apply(&User{UID: 1000, GID: 100})
	}
	w.apply(&Capabilities{Bounding: bounding, Permitted: permitted, Effective: effective, Inheritable: inheritable, Ambient: ambient, Last: last})
	for name, want := range map[string]uint64{"CapBnd": bounding, "CapPrm": permitted, "CapEff": effective, "CapInh": inheritable, "CapAmb": ambient} {
		if got := w.status(name); got != w.hex(want) {
			t.Errorf("%s %s, want %s", name, got, w.hex(want))
		}
	}
	// What is gone cannot come back.
	w.fails(&Capabilities{Permitted: permitted | 1<<12, Last: last}, "capset(", "")
	w.apply(&Capabilities{Last: last})
	for _, name := range []string{"CapPrm", "CapEff", "CapInh", "CapAmb"} {
		if got := w.status(name); got != w.hex(0) {
			t.Errorf("%s %s", name, got)
		}
	}
	w.fails(&Bounding{Last: last}, "prctl(PR_CAPBSET_DROP, 0): operation not permitted", "")
}

func TestStepCapabilitiesCannotBeAmbientOnly(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	w.fails(&Capabilities{Permitted: 1, Ambient: 1, Last: lastCap(t)}, "prctl(PR_CAP_AMBIENT_RAISE, 0): operation not permitted", "")
}

func TestSetsAreNamed(t *testing.T) {
	for _, c := range []struct {
		bits uint64
		last int
		want string
	}{{0, 40, "none"}, {1, 40, "CAP_CHOWN"}, {1<<5 | 1<<40, 40, "CAP_KILL CAP_CHECKPOINT_RESTORE"}, {1<<41 - 1, 40, "all"}, {1<<40 - 1, 39, "all"}, {1<<64 - 1, 63, "all"}} {
		if got := capabilitySet(c.bits, c.last); got != c.want {
			t.Errorf("%#x of %d: %q, want %q", c.bits, c.last, got, c.want)
		}
	}
}
