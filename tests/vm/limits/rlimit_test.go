package limits

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// The usual limits of engines are above the machine's hard ones. To raise those takes
// CAP_SYS_RESOURCE outside of every user namespace, which the program has never had, and
// init no longer when a limit that would hinder it comes (podman asks for RLIMIT_NPROC).
func TestHardLimitsAreRaised(t *testing.T) {
	const nofile, nproc = 4096, 2000
	lower(t, unix.RLIMIT_NOFILE, nofile)
	lower(t, unix.RLIMIT_NPROC, nproc)
	for name, change := range map[string]func(*specs.Spec){
		"as root":             func(*specs.Spec) {},
		"as a user":           func(s *specs.Spec) { s.Process.User = specs.User{UID: 1000, GID: 1000} },
		"in a user namespace": inUserNamespace,
	} {
		s := shell("cat /proc/self/limits", nil)
		s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: nofile + 1, Hard: nofile + 2}, {Type: "RLIMIT_NPROC", Soft: nproc + 1, Hard: nproc + 2}}
		change(s)
		limited(t, name, s, nofile+1, nofile+2, nproc+1, nproc+2)
		// The control: without them it has the machine's.
		s.Process.Rlimits = nil
		limited(t, name+", without limits", s, nofile, nofile, nproc, nproc)
	}
}

// limited runs a container that prints its limits.
func limited(t *testing.T, name string, s *specs.Spec, files, mostFiles, processes, mostProcesses int) {
	t.Helper()
	status, out := run(t, s)
	for _, want := range []string{fmt.Sprintf("Max open files %d %d files", files, mostFiles), fmt.Sprintf("Max processes %d %d processes", processes, mostProcesses)} {
		if text := strings.Join(strings.Fields(out), " "); status != 0 || !strings.Contains(text, want) {
			t.Errorf("%s: exit status %d, want %q in: %s", name, status, want, text)
		}
	}
}

// Who lacks the capability is told so, in either place.
func TestHardLimitsAreNotRaisedWithoutTheCapability(t *testing.T) {
	lower(t, unix.RLIMIT_NOFILE, 4096)
	for _, limit := range []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 10, Hard: 5000}, {Type: "RLIMIT_NOFILE", Soft: 5000, Hard: 5000}} {
		s := shell("true", nil)
		s.Process.Rlimits = []specs.POSIXRlimit{limit}
		c := prepare(t, s)
		c.launcher = []string{"setpriv", "--bounding-set=-sys_resource", "--inh-caps=-all"}
		status, out := c.runtime("create", "--bundle", c.dir, c.id)
		for _, part := range []string{".process.rlimits[0]", "prlimit(RLIMIT_NOFILE, ", "operation not permitted", "The hard limit is 4096 here, and raising it needs CAP_SYS_RESOURCE"} {
			if status != 1 || !strings.Contains(out, part) {
				t.Errorf("%v: exit status %d, want %q in: %s", limit, status, part, out)
			}
		}
		c.gone()
	}
}

// lower sets the limit of this process, and so of the runtime, for the time of the test.
func lower(t *testing.T, resource int, to uint64) {
	t.Helper()
	var before unix.Rlimit
	must(t, unix.Prlimit(0, resource, &unix.Rlimit{Cur: to, Max: to}, &before))
	// Package syscall gives programs the limit of files that it found at its start, unless
	// it has been set by its own function.
	if resource == unix.RLIMIT_NOFILE {
		must(t, syscall.Setrlimit(resource, &syscall.Rlimit{Cur: to, Max: to}))
	}
	t.Cleanup(func() { must(t, unix.Prlimit(0, resource, &before, nil)) })
}

func inUserNamespace(s *specs.Spec) {
	ids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 65536}}
	s.Linux.Namespaces = append(slices.Clone(s.Linux.Namespaces), specs.LinuxNamespace{Type: specs.UserNamespace})
	s.Linux.UIDMappings, s.Linux.GIDMappings = ids, ids
}
