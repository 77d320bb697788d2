package libcontainer

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/quick"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/cgroupv2"
)

func fullRecord() *record {
	return &record{
		ID: "web", Bundle: "/srv/b \"ä\n", Rootfs: "/srv/b/rootfs", Created: time.Date(2026, 1, 2, 3, 4, 5, 678, time.UTC), PID: 4711, StartTime: 1<<64 - 1,
		HasProcess: true, SharesPID: true, PidFile: "/run/web.pid", NoPivot: true, NoNewKeyring: true, PreserveFDs: 3, Driver: "cgroupfs", Scope: "s", Slice: "t",
		Cgroup:    []cgroupv2.Made{{Path: "/a", Existed: true}, {Path: "/a/web"}},
		Poststart: true, Poststop: true, Next: 2, StartContainer: true, Hook: hookProcess{Field: ".hooks.poststop[2]", PID: 4712, StartTime: 1<<64 - 2, Pipe: 1<<64 - 3},
		Annotations: map[string]string{"a=b": "c", "bundle": "", "\u2028": "\x00x"},
	}
}

func TestRecordComesBackAsItWas(t *testing.T) {
	want := fullRecord()
	v := reflect.ValueOf(want).Elem()
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Fatalf("the test does not set %s", v.Type().Field(i).Name)
		}
	}
	delete(want.Annotations, "\u2028") // holds a NUL, which no configuration does
	got, version, err := decodeRecord(want.encode())
	if err != nil || version != recordVersion || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant %+v\n(%d, %v)", got, want, version, err)
	}
}

// Whatever is in a record, it comes back, or is an error: a NUL, bytes that are no UTF-8.
func TestAnyRecordComesBack(t *testing.T) {
	same := func(id, bundle, pidFile, key, value string, pid int32, start uint64, a, b bool) bool {
		want := &record{ID: id, Bundle: bundle, PidFile: pidFile, PID: int(pid), StartTime: start, HasProcess: a, SharesPID: b, Created: time.Now().UTC(),
			Cgroup: []cgroupv2.Made{{Path: "/x", Existed: b}}, Annotations: map[string]string{key: value}}
		got, _, err := decodeRecord(want.encode())
		if strings.ContainsRune(id+bundle+pidFile+key+value, 0) {
			return err != nil
		}
		return err == nil && reflect.DeepEqual(got, want)
	}
	if err := quick.Check(same, &quick.Config{MaxCount: 2000}); err != nil {
		t.Error(err)
	}
}

// damages are what a crash, a full disk or a person can make of a record.
func damages() map[string]string {
	whole := string(fullRecord().encode())
	list := map[string]string{
		"empty": "", "null": "null", "{}": "{}", "a list": "[]", "a string": `"x"`, "NULs": "\x00\x00\x00\x00", "garbage": "\xff\xfe\x01", "twice": whole + whole,
		"wrong type of id": `{"version":1,"id":5}`, "wrong type of cgroup": `{"version":1,"id":"web","cgroup":{}}`, "no version": `{"id":"web"}`,
		"version 0": `{"version":0,"id":"web"}`, "version -1": `{"version":-1,"id":"web"}`, "newer": `{"version":2,"id":"web"}`, "other id": `{"version":1,"id":"other"}`,
		"pid out of range": `{"version":1,"id":"web","pid":4294967296}`, "a negative start": `{"version":1,"id":"web","startTime":-1}`, "no time": `{"version":1,"id":"web","created":"now"}`,
		"cgroup without a path": `{"version":1,"id":"web","cgroup":[{}]}`, "cgroup with a state alone": `{"version":1,"id":"web","cgroup":[{"existed":true}]}`,
	}
	for _, path := range []string{"", "/", "a", "/a/../..", "/a/", "//a", "/a/./b", "/..", "."} {
		list["cgroup "+path] = `{"version":1,"id":"web","cgroup":[{"path":"` + path + `"}]}`
	}
	for i := range len(whole) - 2 { // the last byte is a line end
		list["cut at "+whole[:i]] = whole[:i]
	}
	return list
}

func TestADamagedRecordIsAnErrorThatSaysWhatToDo(t *testing.T) {
	root := t.TempDir()
	d, err := reserve(root, "web", nothing)
	must(t, err)
	defer d.close()
	for name, content := range damages() {
		must(t, os.WriteFile(filepath.Join(root, "web", recordFile), []byte(content), 0o600))
		_, err := loadRecord(d)
		if err == nil || !strings.Contains(err.Error(), "/web/state.json is damaged: ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
			continue
		}
		e := fail("state", "web", err).(*Error)
		if !strings.Contains(e.Hint, "delete --force") {
			t.Errorf("%s: hint %q", name, e.Hint)
		}
	}
	for name, make := range map[string]func(path string) error{
		"FIFO":   func(path string) error { return unix.Mkfifo(path, 0o600) },
		"folder": func(path string) error { return os.Mkdir(path, 0o700) },
		"link":   func(path string) error { return os.Symlink("/etc/passwd", path) },
		"gone":   func(string) error { return nil },
	} {
		path := filepath.Join(root, "web", recordFile)
		must(t, os.RemoveAll(path))
		must(t, make(path))
		if _, err := loadRecord(d); err == nil || !strings.Contains(err.Error(), "is damaged") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A record that was written before the flags of create were in it is one without them.
func TestARecordMayLackTheFlagsOfCreate(t *testing.T) {
	raw := fullRecord().encode()
	for _, key := range []string{`"noPivot":true,`, `"noNewKeyring":true,`, `"preserveFds":3,`} {
		if !bytes.Contains(raw, []byte(key)) {
			t.Fatalf("no %s in %s", key, raw)
		}
		raw = bytes.Replace(raw, []byte(key), nil, 1)
	}
	raw = bytes.ReplaceAll(raw, []byte(`\u0000`), nil)
	r, _, err := decodeRecord(raw)
	if err != nil || r.PidFile != "/run/web.pid" || r.NoPivot || r.NoNewKeyring || r.PreserveFDs != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

// A newer mdrun may add what an older one does not know.
func TestARecordMayHoldMoreThanIsKnown(t *testing.T) {
	raw := bytes.Replace(fullRecord().encode(), []byte(`{"version"`), []byte(`{"future":{"a":[1]},"version"`), 1)
	raw = bytes.ReplaceAll(raw, []byte(`\u0000`), nil)
	if r, _, err := decodeRecord(raw); err != nil || r.ID != "web" || r.Annotations["a=b"] != "c" {
		t.Errorf("%+v, %v", r, err)
	}
}

func FuzzDecodeRecord(f *testing.F) {
	for _, content := range damages() {
		f.Add([]byte(content))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, version, err := decodeRecord(data)
		if err != nil {
			return
		}
		for _, m := range r.Cgroup {
			if m.Path == "/" || !filepath.IsAbs(m.Path) || strings.Contains(m.Path, "..") && m.Path != filepath.Clean(m.Path) {
				t.Errorf("the cgroup %q would be killed and removed", m.Path)
			}
		}
		again, _, err := decodeRecord(r.encode())
		if err != nil || version == recordVersion && !reflect.DeepEqual(again.Cgroup, r.Cgroup) || again.PID != r.PID || !again.Created.Equal(r.Created) {
			t.Errorf("%q: %+v, then %+v, %v", data, r, again, err)
		}
	})
}

// The link is what is left of a damaged record, and names what is killed.
func TestCgroupLinkComesBackOrNothingDoes(t *testing.T) {
	root := t.TempDir()
	d, err := reserve(root, "web", nothing)
	must(t, err)
	defer d.close()
	must(t, fullRecord().linkCgroup(d))
	if got := readCgroupLink(d); !reflect.DeepEqual(got, fullRecord().Cgroup) {
		t.Errorf("%+v", got)
	}
	path := filepath.Join(root, "web", cgroupLink)
	for _, target := range []string{"x", ":/a", "1:/", "0:/", "0:", "0:a", "0:/a/../..", "0:/a/..", "-:/a", "1", "0:/a//b", "0:/a/", "99999999999999999999:/a"} {
		must(t, os.Remove(path))
		must(t, os.Symlink(target, path))
		if got := readCgroupLink(d); got != nil {
			t.Errorf("%q is read as %+v", target, got)
		}
	}
	must(t, os.Remove(path))
	must(t, os.WriteFile(path, []byte("0:/a"), 0o600))
	if got := readCgroupLink(d); got != nil {
		t.Errorf("a file is read as %+v", got)
	}
}

func TestReleasesOfTheKernel(t *testing.T) {
	for in, want := range map[string][2]int{"5.14.0": {5, 14}, "6.18.5-cloud-amd64": {6, 18}, "6.1": {6, 1}, "10.0-rc1": {10, 0}, "5.14-rc2": {5, 14}, "6.12+": {6, 12}} {
		if major, minor, ok := parseRelease(in); !ok || major != want[0] || minor != want[1] {
			t.Errorf("%s: %d.%d %v", in, major, minor, ok)
		}
	}
	for _, in := range []string{"", "x", "5", "5.", ".14", "five.one"} {
		if major, minor, ok := parseRelease(in); ok {
			t.Errorf("%q: %d.%d", in, major, minor)
		}
	}
}

func TestProcessesAreReadWhateverTheirName(t *testing.T) {
	tail := " S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 987654 20 21\n"
	for comm := range map[string]bool{"sh": true, "a b": true, ") S 1 (": true, "": true, "\n": true, "((": true} {
		p, ok := parseStat([]byte("12 (" + comm + ")" + tail))
		if !ok || p.Comm != comm || p.State != 'S' || p.Start != 987654 {
			t.Errorf("%q: %+v %v", comm, p, ok)
		}
	}
	random := rand.New(rand.NewPCG(1, 1))
	for range 1000 {
		b := []byte("12 (sh)" + tail)
		for range 1 + random.IntN(5) {
			b[random.IntN(len(b))] = byte(random.Uint32())
		}
		parseStat(b[:random.IntN(len(b))]) // does not panic
	}
}
