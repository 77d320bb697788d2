package libcontainer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/cgroupv2"
)

// filters counts the device programs that are attached to a cgroup (bpf(2)).
func filters(t *testing.T, cgroup string) uint32 {
	t.Helper()
	fd, err := unix.Open(cgroup, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	must(t, err)
	defer unix.Close(fd)
	query := [8]uint32{uint32(fd), unix.BPF_CGROUP_DEVICE} // the seventh is the count
	if _, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_QUERY, uintptr(unsafe.Pointer(&query)), unsafe.Sizeof(query)); errno != 0 {
		t.Fatal(errno)
	}
	return query[6]
}

func ownerOfPath(t *testing.T, path string) uint32 {
	t.Helper()
	var st unix.Stat_t
	must(t, unix.Stat(path, &st))
	return st.Uid
}

// What create has put on a cgroup that was there before does not outlive the container.
func TestACgroupThatWasThereIsGivenBack(t *testing.T) {
	for name, end := range map[string]func(r *Runtime, good, bad string) error{
		"delete": func(r *Runtime, good, _ string) error {
			must(t, r.Create("a", CreateOptions{Bundle: good}))
			return r.Delete("a", false)
		},
		"a create that fails": func(r *Runtime, _, bad string) error {
			if err := r.Create("a", CreateOptions{Bundle: bad}); err == nil {
				t.Error("it was created")
			}
			return nil
		},
		"delete --force of a damaged record": func(r *Runtime, good, _ string) error {
			must(t, r.Create("a", CreateOptions{Bundle: good}))
			must(t, os.WriteFile(filepath.Join(r.Root, "a", recordFile), nil, 0o600))
			return r.Delete("a", true)
		},
	} {
		good, bad := bundle(t, "sleep", "100"), bundle(t, "sleep", "100")
		h, err := cgroupv2.Open()
		must(t, err)
		path, err := h.Locate("given", "a")
		h.Close()
		must(t, err)
		cgroup := cgroupv2.Mount + string(path)
		must(t, os.Mkdir(cgroup, 0o755))
		must(t, os.Chown(cgroup+"/cgroup.threads", 77, -1))
		for dir, args := range map[string]string{good: `"args":["sleep","100"]`, bad: `"args":["no-such-program"]`} {
			config, err := os.ReadFile(filepath.Join(dir, "config.json"))
			must(t, err)
			text := strings.Replace(string(config), `"args":["sleep","100"]`, args+`,"user":{"uid":1000,"gid":1000}`, 1)
			text = strings.Replace(text, `"linux":{"namespaces":[`, `"linux":{"cgroupsPath":"given","namespaces":[{"type":"cgroup"},`, 1)
			text = strings.Replace(text, `"mounts":[`, `"mounts":[{"destination":"/sys/fs/cgroup","type":"cgroup","source":"cgroup"},`, 1)
			must(t, os.WriteFile(filepath.Join(dir, "config.json"), []byte(text), 0o644))
		}
		r := &Runtime{Root: t.TempDir()}
		must(t, r.Create("other", CreateOptions{Bundle: good}))
		if filters(t, cgroup) == 0 || ownerOfPath(t, cgroup) != 1000 || ownerOfPath(t, cgroup+"/cgroup.threads") != 1000 {
			t.Fatalf("%s: create puts nothing there: %d filters, owners %d, %d", name, filters(t, cgroup), ownerOfPath(t, cgroup), ownerOfPath(t, cgroup+"/cgroup.threads"))
		}
		must(t, r.Delete("other", false))
		must(t, end(r, good, bad))
		if n := filters(t, cgroup); n != 0 {
			t.Errorf("%s: %d device filters are left", name, n)
		}
		if uid := ownerOfPath(t, cgroup); uid != 0 {
			t.Errorf("%s: it belongs to %d", name, uid)
		}
		if uid := ownerOfPath(t, cgroup+"/cgroup.threads"); uid != 77 {
			t.Errorf("%s: cgroup.threads belongs to %d", name, uid)
		}
		must(t, os.Remove(cgroup))
	}
}

// The record is damaged, and another container has the cgroup by now.
func TestForceOfADamagedRecordSparesWhoHasTakenTheCgroup(t *testing.T) {
	r := &Runtime{Root: t.TempDir()}
	must(t, r.Create("a", CreateOptions{Bundle: bundle(t, "sleep", "100")}))
	must(t, r.Kill("a", unix.SIGKILL, false))
	other := cgroupOf(t, r, "a")
	must(t, other.WaitEmpty(killWait))
	must(t, unix.Fsetxattr(other.FD(), mark, []byte("b@1"), 0))
	ended := inCgroup(t, other)
	must(t, os.WriteFile(filepath.Join(r.Root, "a", recordFile), nil, 0o600))
	must(t, r.Delete("a", true))
	select {
	case err := <-ended:
		t.Errorf("its process has ended: %v", err)
	default:
	}
	path := cgroupv2.Mount + other.Path()
	other.Close()
	endCgroup(t, path)
}
