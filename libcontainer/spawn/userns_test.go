package spawn

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// The namespace is there with its maps, and nobody is left who was in it.
func TestAUserNamespaceNeedsNobodyInIt(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root maps ids of others")
	}
	proc, err := unix.Open("/proc", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(proc)
	fd, err := UserNamespace(proc, []Mapping{{Inside: 0, Outside: 5000, Size: 10}, {Inside: 70, Outside: 9, Size: 1}}, []Mapping{{Inside: 3, Outside: 6000, Size: 10}})
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if kind, err := unix.IoctlRetInt(fd, unix.NS_GET_NSTYPE); err != nil || kind != unix.CLONE_NEWUSER {
		t.Errorf("type %#x, %v", kind, err)
	}
	if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err != unix.ECHILD {
		t.Errorf("a child is left: %d, %v", pid, err)
	}
	for _, bad := range [][]Mapping{nil, {{Size: 5}, {Inside: 3, Outside: 100, Size: 5}}} {
		fd, err := UserNamespace(proc, bad, bad)
		if err == nil {
			unix.Close(fd)
			t.Errorf("%v was taken", bad)
		}
	}
	if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err != unix.ECHILD {
		t.Errorf("a child is left after an error: %d, %v", pid, err)
	}
}

func TestMapsOfAUserNamespaceAreThoseAskedFor(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root maps ids of others")
	}
	proc, err := unix.Open("/proc", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(proc)
	fd, err := UserNamespace(proc, []Mapping{{Inside: 4, Outside: 5000, Size: 10}}, []Mapping{{Inside: 4, Outside: 6000, Size: 10}})
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	dir := t.TempDir()
	if err := os.Chown(dir, 6, 7); err != nil {
		t.Fatal(err)
	}
	tree, err := unix.OpenTree(unix.AT_FDCWD, dir, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(tree)
	err = unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(fd)})
	if err == unix.EINVAL {
		t.Skip("the filesystem of ", dir, " maps no ids")
	}
	var st unix.Stat_t
	if err != nil || unix.Fstat(tree, &st) != nil || st.Uid != 5002 || st.Gid != 6003 {
		t.Errorf("%v, user %d, group %d", err, st.Uid, st.Gid)
	}
}

// Rootless engines run the runtime in a user namespace of theirs, as its root.
func TestAUserNamespaceIsMadeInOne(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root maps ids of others")
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestAUserNamespaceNeedsNobodyInIt$", "-test.v")
	ids := []syscall.SysProcIDMap{{HostID: 100000, Size: 65536}}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER, UidMappings: ids, GidMappings: ids, Credential: &syscall.Credential{NoSetGroups: true}}
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS") {
		t.Errorf("%v\n%s", err, out)
	}
}
