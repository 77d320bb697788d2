// Package attacks tries to get out of containers, in the ways that were found in
// runtimes before and in a few that were not. The runtime under test is trusted with
// hostile images, hostile neighbours and odd command lines.
//
// What counts is never a certain message. An attempt is a hit when an object of the
// host has changed or something outside the root can be seen; a runtime that refuses
// and one that keeps the attempt inside both pass. The numbers (S-05) name the kinds of
// attempt; see the table that is printed at the end.
//
//	make build && go test -count=1 ./tests/attacks
//	RUNTIME=/usr/sbin/runc MDRUN_SANDBOX_ROOT=$(tests/setup/control) go test -count=1 ./tests/attacks
//
// The first one has to pass. Other runtimes fail with their hits: the second one, runc of
// Debian 12, has to, or the attempts would show nothing; see tests/run. What it ran, and
// how each attempt ended, is told with -v.
//
// Vulnerable runtimes are run on purpose, as root. Nothing of the machine can come to
// harm: see package sandbox and closeDoors. An attempt never aims at what is shared by
// the whole machine, such as a parameter of the kernel that belongs to no namespace.
//
// What waits for the verb exec: descriptors, working directories, capabilities, users
// and /proc/self/exe of a process that joins (S-02, S-04, S-15, S-17, S-20, S-23). Until
// then a container that is created into the pid namespace of another one stands in.
package attacks

import (
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mdrun/mdrun/tests/sandbox"
)

func TestMain(m *testing.M) {
	if name := os.Getenv(roleVar); name != "" {
		os.Exit(play(name))
	}
	if err := sandbox.Available(); err != nil {
		fmt.Println("skipped, needs a sandbox:", err)
		os.Exit(m.Run())
	}
	if !sandbox.Inside() {
		bringRuntime()
	}
	sandbox.Reexec()
	if err := layOut(); err != nil {
		fmt.Fprintln(os.Stderr, "attacks:", err)
		os.Exit(1)
	}
	status := m.Run()
	printTable()
	os.Exit(status)
}

// bringRuntime makes sure that there is one, and that this program can run in any
// container.
func bringRuntime() {
	if f, err := elf.Open("/proc/self/exe"); err != nil || f.Section(".interp") != nil {
		fmt.Fprintln(os.Stderr, "the test program is put into containers and has to be static: set CGO_ENABLED=0", err)
		os.Exit(1)
	}
	path := os.Getenv("RUNTIME")
	if path == "" {
		path = "../../bin/mdrun"
	}
	if os.Getenv(sandbox.RootVar) == "" {
		abs, err := filepath.Abs(path)
		if err == nil {
			_, err = os.Stat(abs)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "no runtime to test: run `make build`, or set RUNTIME:", err)
			os.Exit(1)
		}
		path = abs
	}
	os.Setenv("RUNTIME", path)
}

// attempt is one way to get out, as a test.
type attempt struct {
	*testing.T
	id           string // the kind, such as S-05
	host         string // a directory of the host that the container must not reach
	hits         []string
	ran, refused int  // containers
	hangs        bool // the runtime did, once
}

var attempts []*attempt

// try begins an attempt of a kind.
func try(t *testing.T, id string) *attempt {
	t.Helper()
	if err := sandbox.Available(); err != nil {
		t.Skip("needs a sandbox: ", err)
	}
	a := &attempt{T: t, id: id, host: newHost(t)}
	attempts = append(attempts, a)
	t.Cleanup(func() {
		for _, h := range a.hits {
			t.Errorf("%s: %s", id, h)
		}
	})
	return a
}

// hit notes that the runtime let something through.
func (a *attempt) hit(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(a.hits, text) && len(a.hits) < 20 {
		a.hits = append(a.hits, text)
	}
}

// printTable tells of every attempt; tests/run reads it.
func printTable() {
	slices.SortStableFunc(attempts, func(a, b *attempt) int { return strings.Compare(a.id, b.id) })
	fmt.Printf("attempts against %s\n", runtimeVersion())
	for _, a := range attempts {
		result := fmt.Sprintf("safe  (%d refused, %d ran)", a.refused, a.ran)
		if len(a.hits) > 0 {
			result = fmt.Sprintf("HIT   %s", strings.Join(a.hits, "; "))
			result = result[:min(len(result), 300)]
		}
		fmt.Printf("%s  %s: %s\n", a.id, strings.TrimPrefix(a.Name(), "Test"), strings.ReplaceAll(result, "\n", " "))
	}
}
