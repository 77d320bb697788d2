package step

import (
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestStepMountCopiesUpWhatItHides(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	furnish(w, w.in("var"))
	want := described(t, w.in("var"))
	must(t, os.Mkdir(w.in("var/mounted"), 0o750))
	must(t, unix.Mount("tmpfs", w.in("var/mounted"), "tmpfs", 0, "mode=750"))
	w.write("var/mounted/hidden", "", 0o644)
	w.apply(&Mount{Type: "tmpfs", Source: "tmpfs", Target: "/var", Flags: unix.MS_NOSUID, KeepMode: true, CopyUp: true})
	// What is mounted in the hidden folder stays behind: only its place is there.
	if entries, err := os.ReadDir(w.in("var/mounted")); err != nil || len(entries) > 0 {
		t.Errorf("%v, %v", entries, err)
	}
	must(t, os.Remove(w.in("var/mounted")))
	if got := described(t, w.in("var")); !slices.Equal(got, want) {
		t.Errorf("copied:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	must(t, os.WriteFile(w.in("var/file"), []byte("changed"), 0o644)) // the copy, not the image
	must(t, unix.Unmount(w.in("var"), 0))
	if got, err := os.ReadFile(w.in("var/file")); err != nil || string(got) != "content" {
		t.Errorf("%q, %v", got, err)
	}
	w.fails(&Mount{Type: "tmpfs", Source: "tmpfs", Target: "/var", Options: []string{"size=8k"}, CopyUp: true}, "no space left on device", "Give the tmpfs a larger size.")
}

// furnish makes one of everything that a folder can hold.
func furnish(w *world, dir string) {
	w.Helper()
	at := func(name string) string { return filepath.Join(dir, name) }
	must(w.T, os.MkdirAll(at("deep/er/empty"), 0o755))
	must(w.T, os.WriteFile(at("file"), []byte("content"), 0o644))
	must(w.T, os.WriteFile(at("deep/big"), []byte(strings.Repeat("0123456789abcdef", 20_000)), 0o600))
	must(w.T, os.WriteFile(at("sparse"), nil, 0o640))
	must(w.T, os.Truncate(at("sparse"), 3<<20))
	f, err := os.OpenFile(at("sparse"), os.O_WRONLY, 0)
	must(w.T, err)
	_, err = f.WriteAt([]byte("in the middle"), 1<<20)
	must(w.T, err)
	must(w.T, f.Close())
	must(w.T, os.Link(at("file"), at("deep/er/same")))
	must(w.T, os.Symlink("/etc/shadow", at("link")))
	must(w.T, unix.Mkfifo(at("pipe"), 0o620))
	must(w.T, os.WriteFile(at("setuid"), nil, 0o755))
	if w.allIDs {
		must(w.T, os.Chown(at("setuid"), 7, 8))
		must(w.T, os.Lchown(at("link"), 9, 9))
		must(w.T, os.Chown(dir, 5, 6))
	}
	must(w.T, unix.Chmod(at("setuid"), 0o6751))
	must(w.T, unix.Chmod(at("deep/er"), 0o1777))
	must(w.T, unix.Chmod(dir, 0o751))
	// Since Linux 6.6 a tmpfs holds them.
	if err := unix.Setxattr(at("file"), "user.kind", []byte("odd"), 0); err != unix.ENOTSUP {
		must(w.T, err)
	}
	for _, name := range []string{"file", "deep/big", "sparse", "pipe", "setuid", "deep/er/empty", "deep/er", "deep"} {
		must(w.T, unix.UtimesNanoAt(unix.AT_FDCWD, at(name), []unix.Timespec{{Sec: 5, Nsec: 6}, {Sec: 7, Nsec: 8}}, 0))
	}
}

// described says of everything in a folder, and of itself, what a copy has to keep.
func described(t *testing.T, dir string) (lines []string) {
	t.Helper()
	names := map[uint64]string{} // of a file with several
	must(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		must(t, err)
		var st unix.Stat_t
		must(t, unix.Lstat(path, &st))
		name := strings.TrimPrefix(path, dir)
		line := fmt.Sprintf("%s: %#o %d:%d", name, st.Mode, st.Uid, st.Gid)
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFREG:
			if first, ok := names[st.Ino]; ok {
				line += " like " + first
			}
			names[st.Ino] = name
			content, err := os.ReadFile(path)
			must(t, err)
			line += fmt.Sprintf(" %d bytes, %d blocks, sum %d, xattr %q", st.Size, st.Blocks, crc32.ChecksumIEEE(content), attribute(path))
		case unix.S_IFLNK:
			target, err := os.Readlink(path)
			must(t, err)
			line += " -> " + target
		}
		if st.Mode&unix.S_IFMT != unix.S_IFLNK && name != "" {
			line += fmt.Sprintf(" modified %d.%d", st.Mtim.Sec, st.Mtim.Nsec)
		}
		lines = append(lines, line)
		return nil
	}))
	return lines
}

func attribute(path string) string {
	buf := make([]byte, 100)
	n, err := unix.Lgetxattr(path, "user.kind", buf)
	if err != nil {
		return ""
	}
	return string(buf[:n])
}
