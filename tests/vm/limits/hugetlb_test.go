package limits

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// The bundle's limit is about reservations: whoever wants too much is told by mmap(2),
// and not killed when it uses what it was promised.
func TestHugePagesAreRefused(t *testing.T) {
	hugePages(t, 8)
	two := []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 2 * hugePage}}
	c := start(t, works(&specs.LinuxResources{HugepageLimits: two}, "hugepages", 4))
	if ws := c.wait(); ws.ExitStatus() != 1 || !strings.Contains(c.output(), "mmap: cannot allocate memory") {
		t.Errorf("with 2 pages: ended with %#x: %s", ws, c.output())
	}
	c = start(t, works(&specs.LinuxResources{HugepageLimits: two}, "hugepages", 2))
	if ws := c.wait(); ws != 0 {
		t.Errorf("with 2 pages: 2 are refused: %#x: %s", ws, c.output())
	}
	c = start(t, works(nil, "hugepages", 4))
	if ws := c.wait(); ws != 0 {
		t.Errorf("without a limit: ended with %#x: %s", ws, c.output())
	}
	// The other limit alone, which is about use.
	used := &specs.LinuxResources{Unified: map[string]string{"hugetlb.2MB.max": strconv.Itoa(2 * hugePage)}}
	c = start(t, works(used, "hugepages", 4))
	if ws := c.wait(); !ws.Signaled() && ws.ExitStatus() != 2 {
		t.Errorf("with 2 pages in use: ended with %#x: %s", ws, c.output())
	}
	if n := c.number("hugetlb.2MB.events", "max"); n == 0 {
		t.Error("with 2 pages in use: hugetlb.2MB.events tells of none")
	}
}

// hugePages gives the machine some for the time of a test.
func hugePages(t *testing.T, n int) {
	t.Helper()
	const file = "/proc/sys/vm/nr_hugepages"
	must(t, os.WriteFile(file, []byte(strconv.Itoa(n)), 0))
	t.Cleanup(func() { must(t, os.WriteFile(file, []byte("0"), 0)) })
	data, err := os.ReadFile(file)
	must(t, err)
	if got := strings.TrimSpace(string(data)); got != strconv.Itoa(n) {
		t.Fatalf("the machine has %s huge pages to give, want %d", got, n)
	}
}
