package step

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func TestStepMaskedPath(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	w.write("etc/secret", "secret", 0o644)
	w.write("sys/a/secret", "secret", 0o644)
	w.write("sys/b/secret", "secret", 0o644)
	w.write("etc/real", "secret", 0o644)
	must(t, os.Symlink("/etc/real", w.in("etc/link")))
	// The image's own null device is anything but one (CVE-2025-31133).
	w.write("dev/null", "false", 0o644)
	w.apply(&HoldNull{})
	for _, path := range []string{"/etc/secret", "/sys/a", "/sys/b", "/etc/link", "/not/there", "/etc/secret/below"} {
		w.apply(&MaskedPath{Path: path})
	}
	for _, path := range []string{"etc/secret", "etc/real"} {
		if got, err := os.ReadFile(w.in(path)); err != nil || len(got) > 0 {
			t.Errorf("%s: %q, %v", path, got, err)
		}
		if err := os.WriteFile(w.in(path), []byte("x"), 0o644); err != nil {
			t.Errorf("writing to a masked file is writing to the null device: %v", err)
		}
		if err := unix.Chmod(w.in(path), 0o600); err != unix.EROFS {
			t.Errorf("%s: the host's node can be changed through the mask: %v", path, err)
		}
	}
	for _, path := range []string{"sys/a", "sys/b"} {
		if entries, err := os.ReadDir(w.in(path)); err != nil || len(entries) > 0 || !readonly(w, path) {
			t.Errorf("%s: %v, %v", path, entries, err)
		}
	}
	if _, err := os.Lstat(w.in("not")); err == nil {
		t.Error("a path was made to be masked")
	}
}

func TestStepReadonlyPath(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	w.write("sys/a/file", "x", 0o644)
	w.write("etc/file", "x", 0o644)
	must(t, os.Mkdir(w.in("sys/noexec"), 0o755))
	w.apply(&Mount{Type: "tmpfs", Source: "tmpfs", Target: "/sys/noexec", Flags: unix.MS_NOEXEC | unix.MS_NOSUID})
	for _, path := range []string{"/sys/a", "/etc/file", "/sys/noexec", "/not/there"} {
		w.apply(&ReadonlyPath{Path: path})
	}
	if !readonly(w, "sys/a") || !readonly(w, "sys/noexec") || readonly(w, "sys") || readonly(w, "etc") {
		t.Error("not these and no others are read-only")
	}
	if err := os.WriteFile(w.in("etc/file"), nil, 0o644); err == nil {
		t.Error("a file can be written to")
	}
	if got, err := os.ReadFile(w.in("sys/a/file")); err != nil || string(got) != "x" {
		t.Errorf("%q, %v", got, err)
	}
	if _, flags := w.mounted("sys/noexec"); flags&unix.ST_NOEXEC == 0 || flags&unix.ST_NOSUID == 0 {
		t.Errorf("flags %#x: the mount's own are gone", flags)
	}
	if _, err := os.Lstat(w.in("not")); err == nil {
		t.Error("a path was made to be read-only")
	}
}

// A mask over a read-only path still masks, and the folder around it stays read-only.
func TestStepMaskOverReadonlyPath(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	w.write("sys/a/secret", "secret", 0o644)
	w.apply(&HoldNull{}, &ReadonlyPath{Path: "/sys"}, &MaskedPath{Path: "/sys/a/secret"})
	if got, err := os.ReadFile(w.in("sys/a/secret")); err != nil || len(got) > 0 || !readonly(w, "sys/a") {
		t.Errorf("%q, %v", got, err)
	}
}
