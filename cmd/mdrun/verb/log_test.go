package verb

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mdrun/mdrun/libcontainer"
	"github.com/mdrun/mdrun/spec"
)

// errorsOf are one of every kind that reaches a person.
func errorsOf() map[string]error {
	call := fmt.Errorf("mkdir(\"/x\"): %w", syscall.EROFS)
	return map[string]error{
		"advice":    &Advice{Text: "unknown signal \"FROB\"", Hint: "Give a number."},
		"container": &libcontainer.Error{Op: "create", ID: "web", Field: ".mounts[1]", Err: call, Hint: "Mount a tmpfs over it."},
		"bundle": &libcontainer.Error{Op: "create", ID: "web", Err: &spec.Error{File: "config.json", Problems: []spec.Problem{
			{Field: ".process.cwd", Text: "not absolute", Hint: "Give /."}, {Field: ".root", Text: "missing"}, {Field: ".process.env[0]", Text: "no =", Hint: "It is NAME=VALUE."}}}},
		"json":    &spec.Error{File: "config.json", Problems: []spec.Problem{{Text: "unexpected ','", Line: 2, Col: 7}}, Source: " \"a\": ,\n      ^"},
		"hostile": &libcontainer.Error{Op: "state", ID: "a\nlevel=error\x1b[2J", Err: errors.New("open /a\x1b[1m\u202e\n{\"level\":\"error\"}")},
		"broken":  &libcontainer.Error{Op: "state", ID: "web", Err: errors.New("open /a\xff")},
	}
}

// logged gives the one record that an error makes.
func logged(t *testing.T, format string, err error) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	defer func() { log.out, log.json = nil, false }()
	if err := OpenLog(path, format, false); err != nil {
		t.Fatal(err)
	}
	hush(t, func() { Report(err) })
	data, readErr := os.ReadFile(path)
	if readErr != nil || bytes.Count(data, []byte("\n")) != 1 || !bytes.HasSuffix(data, []byte("\n")) {
		t.Fatalf("%v: not one record: %q", readErr, data)
	}
	return data
}

// hush gives what is written to standard error.
func hush(t *testing.T, do func()) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stderr")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	old := os.Stderr
	os.Stderr = f
	do()
	os.Stderr = old
	f.Close()
	data, _ := os.ReadFile(path)
	return string(data)
}

func TestARecordOfTheLogIsComplete(t *testing.T) {
	want := map[string]map[string]string{
		"advice":    {"msg": `unknown signal "FROB". Give a number.`},
		"container": {"msg": `create web: .mounts[1]: mkdir("/x"): read-only file system. Mount a tmpfs over it.`, "stage": "create", "config": ".mounts[1]", "errno": "EROFS"},
		"bundle": {"msg": "create web: 3 problems in config.json: .process.cwd: not absolute; .root: missing; .process.env[0]: no =. " +
			".process.cwd: Give /.. .process.env[0]: It is NAME=VALUE.", "stage": "create", "config": ".process.cwd"},
		"json":    {"msg": "config.json:2:7: unexpected ','"},
		"hostile": {"stage": "state"},
		"broken":  {"msg": "state web: open /a\ufffd", "stage": "state"},
	}
	for name, err := range errorsOf() {
		var got map[string]string
		if err := json.Unmarshal(logged(t, "json", err), &got); err != nil {
			t.Fatal(name, err)
		}
		if when, err := time.Parse(time.RFC3339, got["time"]); err != nil || time.Since(when) > time.Minute {
			t.Errorf("%s: time %q", name, got["time"])
		}
		if got["level"] != "error" || strings.ContainsAny(got["msg"], "\n\x1b\u202e") {
			t.Errorf("%s: %v", name, got)
		}
		delete(got, "time")
		delete(got, "level")
		if name == "hostile" {
			delete(got, "msg")
		}
		if fmt.Sprint(got) != fmt.Sprint(want[name]) {
			t.Errorf("%s:\n%v\nwant\n%v", name, got, want[name])
		}
	}
}

var textRecord = regexp.MustCompile(`^time="[0-9T:.+Z-]+" level=error msg="(\\.|[^"\\])*"( (stage|config|errno)="[^"]*")*\n$`)

func TestARecordInWordsIsOneLine(t *testing.T) {
	for name, err := range errorsOf() {
		got := string(logged(t, "text", err))
		if !textRecord.MatchString(got) || strings.ContainsAny(got, "\x1b\u202e") {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestWhatPeopleRead(t *testing.T) {
	for name, want := range map[string]string{
		"container": "mdrun: create web: .mounts[1]: mkdir(\"/x\"): read-only file system\n  Mount a tmpfs over it.\n",
		"json":      "mdrun: config.json:2:7: unexpected ','\n \"a\": ,\n      ^\n",
		"hostile":   "mdrun: state \"a\\nlevel=error\\x1b[2J\": open /a\\x1b[1m\\u202e\\n{\"level\":\"error\"}\n",
	} {
		if got := hush(t, func() { Report(errorsOf()[name]) }); got != want {
			t.Errorf("%s:\n%q\nwant\n%q", name, got, want)
		}
	}
}

// Without --log the records go where clients look next; with it people still see theirs.
func TestTheFormatWithoutALog(t *testing.T) {
	defer func() { log.json = false }()
	if err := OpenLog("", "json", false); err != nil {
		t.Fatal(err)
	}
	said := hush(t, func() { warn("odd", "config", ".x"); Report(errorsOf()["container"]) })
	for line := range strings.Lines(said) {
		var record map[string]string
		if err := json.Unmarshal([]byte(line), &record); err != nil || record["config"] == "" {
			t.Errorf("%q: %v", line, err)
		}
	}
}

func TestTheLogIsAppendedToAndMustBeAFile(t *testing.T) {
	defer func() { log.out, log.json = nil, false }()
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte("before\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := OpenLog(path, "json", false); err != nil {
		t.Fatal(err)
	}
	warn("odd")
	if data, _ := os.ReadFile(path); !strings.HasPrefix(string(data), "before\n{\"level\":\"warning\"") {
		t.Errorf("%q", data)
	}
	fifo := path + ".fifo"
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{fifo, filepath.Dir(path), path + "/x", path + "\x00"} {
		if err := OpenLog(bad, "text", false); err == nil {
			t.Errorf("%q was taken for a log", bad)
		}
	}
}

func TestStatusOfAProgramIsNoError(t *testing.T) {
	if said := hush(t, func() {
		if got := Report(exitStatus(7)); got != 7 {
			t.Errorf("status %d", got)
		}
	}); said != "" {
		t.Errorf("said %q", said)
	}
}
