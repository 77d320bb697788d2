package libcontainer

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/step"
)

func TestMountsWithTheSameMappingsShareANamespace(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root maps ids of others")
	}
	one, other := []step.IDRange{{Disk: 0, Shown: 5000, Size: 10}}, []step.IDRange{{Disk: 0, Shown: 6000, Size: 10}}
	var m idMaps
	var got []int
	for _, ids := range []step.IDMap{{UIDs: one, GIDs: one}, {UIDs: one, GIDs: other}, {UIDs: one, GIDs: one}, {}, {}} {
		fd, err := m.of(&ids, os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fd)
	}
	if got[0] != got[2] || got[0] == got[1] || got[3] != got[4] || got[3] == got[0] || len(m) != 3 {
		t.Errorf("descriptors %v", got)
	}
	m.close()
	for _, fd := range got {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != unix.EBADF {
			t.Errorf("descriptor %d: %v", fd, err)
		}
	}
}

// The kernel maps the ids of a mount once, and not those of every filesystem.
func TestARefusedMappingIsExplained(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root maps ids of others")
	}
	var m idMaps
	defer m.close()
	one := []step.IDRange{{Disk: 0, Shown: 5000, Size: 10}}
	namespace, err := m.of(&step.IDMap{UIDs: one, GIDs: one}, 0)
	if err != nil {
		t.Fatal(err)
	}
	for source, want := range map[string]string{"/proc/sys": "no ids on proc: ext4", "/sys": "no ids on sysfs, or not on that of a mount below: ext4", t.TempDir(): "has mapped ids already"} {
		tree, err := unix.OpenTree(unix.AT_FDCWD, source, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(tree)
		attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(namespace)}
		err = unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &attr)
		if err == nil {
			err = unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &attr)
		}
		bind := &step.Bind{Source: source, IDs: step.IDMap{Recursive: source == "/sys"}}
		if hint := idMapHint(err, bind, tree); !strings.Contains(hint, want) {
			t.Errorf("%s: %v: %q", source, err, hint)
		}
	}
}

// A child is given the maps of the plan, and only for mounts that have one.
func TestOnlyMountsOfThePlanAreMapped(t *testing.T) {
	c := &creation{design: &design{}}
	c.Plan = step.Plan{{Field: ".mounts[0]", Step: &step.Bind{Source: "/a"}}, {Field: ".mounts[4]", Step: &step.Bind{Source: "/b", IDs: step.IDMap{Mount: 5}}}}
	for _, number := range []string{"", "0", "1", "4", "-5", "5x", "6"} {
		if b, _ := c.bindOf(number); b != nil {
			t.Errorf("%q: %s", number, b)
		}
	}
	if b, field := c.bindOf("5"); b == nil || b.Source != "/b" || field != ".mounts[4]" {
		t.Errorf("%v, %s", b, field)
	}
}
