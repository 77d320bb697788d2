package step

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// hostTree makes a folder of the host with a file and a mount in it.
func hostTree(w *world) string {
	w.Helper()
	dir := filepath.Join(os.Getenv(insideVar), "host")
	must(w.T, os.MkdirAll(filepath.Join(dir, "sub"), 0o755))
	must(w.T, os.WriteFile(filepath.Join(dir, "file"), []byte("of the host"), 0o644))
	must(w.T, unix.Mount("tmpfs", filepath.Join(dir, "sub"), "tmpfs", 0, ""))
	must(w.T, os.WriteFile(filepath.Join(dir, "sub/deep"), nil, 0o644))
	return dir
}

func TestStepBind(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	dir := hostTree(w)
	ro := Attributes{Set: unix.MOUNT_ATTR_RDONLY}
	for name, c := range map[string]struct {
		bind               Bind
		deep, topRO, subRO bool // the mount below is there; who is read-only
	}{
		"flat":                             {Bind{}, false, false, false},
		"with what is below":               {Bind{Recursive: true}, true, false, false},
		"read-only":                        {Bind{After: ro}, false, true, false},
		"read-only, but not what is below": {Bind{Recursive: true, After: ro}, true, true, false},
		"all read-only":                    {Bind{Recursive: true, After: Attributes{RSet: unix.MOUNT_ATTR_RDONLY}}, true, true, true},
	} {
		target := "/srv/" + name
		c.bind.Source, c.bind.Target = dir, target
		w.apply(&c.bind)
		_, err := os.Stat(w.in(target + "/sub/deep"))
		if deep := err == nil; deep != c.deep {
			t.Errorf("%s: what is below is there: %v", name, deep)
		}
		if readonly(w, target) != c.topRO || c.deep && readonly(w, target+"/sub") != c.subRO {
			t.Errorf("%s: read-only: %v, below %v", name, readonly(w, target), readonly(w, target+"/sub"))
		}
		if got, err := os.ReadFile(w.in(target + "/file")); err != nil || string(got) != "of the host" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("of the host"), 0o644); err != nil {
		t.Errorf("the source became read-only: %v", err)
	}
}

// readonly tries to make a file.
func readonly(w *world, path string) bool {
	w.Helper()
	err := os.WriteFile(w.in(path+"/new"), nil, 0o644)
	if err == nil {
		must(w.T, os.Remove(w.in(path+"/new")))
	}
	return err != nil
}

func TestStepBindOfAFile(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	dir := hostTree(w)
	w.apply(&Bind{Source: dir + "/file", Target: "/etc/deep/hosts", After: Attributes{Set: unix.MOUNT_ATTR_RDONLY}})
	if got, err := os.ReadFile(w.in("etc/deep/hosts")); err != nil || string(got) != "of the host" {
		t.Errorf("%q, %v", got, err)
	}
	if err := os.WriteFile(w.in("etc/deep/hosts"), nil, 0o644); err == nil {
		t.Error("it can be written to")
	}
	// A link that is in the way leads to a place in the root, not on the host.
	must(t, os.Symlink("/etc/passwd", w.in("etc/link")))
	w.write("etc/passwd", "of the root", 0o644)
	w.apply(&Bind{Source: dir + "/file", Target: "/etc/link"})
	if got, err := os.ReadFile(w.in("etc/passwd")); err != nil || string(got) != "of the host" {
		t.Errorf("%q, %v", got, err)
	}
	w.fails(&Bind{Source: dir + "/nope", Target: "/a"}, "source "+dir+"/nope does not exist on the host", "")
	w.fails(&Bind{Source: dir, Target: "/etc/passwd"}, "source "+dir+" is a folder, destination /etc/passwd is a file in the root filesystem: not a directory", "")
	w.fails(&Bind{Source: dir + "/file", Target: "/tmp"}, "source "+dir+"/file is a file, destination /tmp is a folder in the root filesystem: not a directory", "")
}

// The host maps the ids before anybody can see the mount, and none that cannot be mapped
// is shown as it is.
func TestStepBindMapsIDs(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	dir := hostTree(w)
	w.apply(&Bind{Source: dir, Target: "/plain"})
	if w.mapped != 0 {
		t.Error("the host was asked in vain")
	}
	w.apply(&Bind{Source: dir, Target: "/mapped", IDs: IDMap{Mount: 7}})
	if _, err := os.Stat(w.in("/mapped/file")); w.mapped != 7 || err != nil {
		t.Errorf("the host was asked for mount %d, %v", w.mapped, err)
	}
	w.refuses = errRefused
	if err := (&Bind{Source: dir, Target: "/not", IDs: IDMap{Mount: 8}}).Apply(w.env); err != errRefused {
		t.Error(err)
	}
	if _, err := os.Stat(w.in("/not/file")); err == nil {
		t.Error("what was not mapped is shown")
	}
}
