package libcontainer

import (
	"os"
	"testing"
)

func TestParseStat(t *testing.T) {
	tail := " S 1 2 3 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 "
	for name, c := range map[string]struct {
		in   string
		want process
		ok   bool
	}{
		"plain":              {"7 (sh)" + tail + "4242 1 2", process{"sh", 'S', 4194560, 4242}, true},
		"name with brackets": {"7 (a) S 1 (b)" + tail + "77 1", process{"a) S 1 (b", 'S', 4194560, 77}, true},
		"half":               {"7 (sh) S 1 2", process{}, false},
		"empty":              {"", process{}, false},
		"no bracket":         {"7 sh S", process{}, false},
		"start is no number": {"7 (sh)" + tail + "x 1", process{}, false},
	} {
		got, ok := parseStat([]byte(c.in))
		if ok != c.ok || got != c.want {
			t.Errorf("%s: %+v, %v", name, got, ok)
		}
	}
}

func TestProcessIsKnownByItsStartTime(t *testing.T) {
	p, ok := readProcess(os.Getpid())
	if !ok || p.dead() {
		t.Fatalf("this process: %+v, %v", p, ok)
	}
	if _, ok := alive(os.Getpid(), p.Start); !ok {
		t.Error("this process is not alive")
	}
	if _, ok := alive(os.Getpid(), p.Start+1); ok {
		t.Error("another start time is the same process")
	}
	if _, ok := holdProcess(os.Getpid(), p.Start+1); ok {
		t.Error("held a process with another start time")
	}
	if _, ok := alive(0, 0); ok {
		t.Error("pid 0 is alive")
	}
}
