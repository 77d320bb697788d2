package script

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mdrun/mdrun/spec"
	"github.com/mdrun/mdrun/tests/sandbox"
)

// refused are configurations that create must not take: the edits that make them, the
// field that the error is about, what it says, and what it advises. What is about mounts,
// hooks, devices and namespaces has scripts.
var refused = []struct {
	edits             string
	field, says, hint string
}{
	{`-ociVersion`, ".ociVersion", "missing", `"1.2.0"`},
	{`ociVersion="banana"`, ".ociVersion", `"banana" is no version`, `"1.2.0"`},
	{`ociVersion="9.9.9"`, ".ociVersion", "not supported", "version 1"},
	{`-root`, ".root", "missing", "rootfs"},
	{`root.path=""`, ".root.path", "empty", "rootfs"},
	{`root.path="nope"`, ".root.path", "nope: no such file or directory", "counts from the bundle"},
	{`root.path="/nope"`, ".root.path", "/nope: no such file or directory", "must be that of a directory"},
	{`root.path="config.json"`, ".root.path", "not a directory", "counts from the bundle"},
	{`root.path="/"`, ".root.path", "root of the host", "directory of a root filesystem"},
	{`root.path="../../../../.."`, ".root.path", "root of the host", "directory of a root filesystem"},
	{`hostname="` + strings.Repeat("x", 65) + `"`, ".hostname", "longer than 64 bytes", "at most 64"},
	{`domainname="` + strings.Repeat("x", 65) + `"`, ".domainname", "longer than 64 bytes", "at most 64"},
	{`annotations={"":"x"}`, ".annotations", "empty key", "Give it a name"},
	{`annotations={"a":5}`, ".annotations.a", "must be a string, not a number", caret},

	{`process.args="sh"`, ".process.args", "must be a list, not a string", `["sh"]`},
	{`process.args=[]`, ".process.args", "must not be empty", `["sh"]`},
	{`process.args=[""]`, ".process.args[0]", `exec: "": executable file not found`, "looked up in PATH"},
	{`process.args=["sh",5]`, ".process.args[1]", "must be a string, not a number", caret},
	{`process.args=["sh","a\u0000b"]`, ".process.args[1]", "NUL", caret},
	{`process.args=["nope"]`, ".process.args[0]", `exec: "nope": executable file not found in $PATH`, "PATH in the container is /usr"},
	{`process.args=["/nope"]`, ".process.args[0]", `exec: "/nope": stat /nope: no such file or directory`, "has no /nope"},
	{`process.args=["/no/such"]`, ".process.args[0]", "no such file or directory", "has no folder /no"},
	{`process.args=["/etc"]`, ".process.args[0]", `exec: "/etc": is a directory`, "path of a program"},
	{`process.args=["sh"] process.env=[]`, ".process.args[0]", "not found in $PATH", "It is in /bin"},
	{`process.cwd="rel"`, ".process.cwd", "not absolute", "begins with /"},
	{`-process.cwd`, ".process.cwd", "missing", `"/"`},
	{`process.cwd="/bin/busybox"`, ".process.cwd", "not a directory", "/bin/busybox in the root filesystem is no folder"},
	{`process.cwd="/proc/self/fd/5"`, ".process.cwd", "", "below /proc/PID"},
	{`process.cwd="/` + strings.Repeat("x/", 2100) + `"`, ".process.cwd", "a path of 4201 bytes", "4095"},
	{`process.env=["FOO"]`, ".process.env[0]", `"FOO"`, "NAME=VALUE"},
	{`process.env=["=x"]`, ".process.env[0]", `"=x"`, "NAME=VALUE"},
	{`process.user={"uid":"0","gid":0}`, ".process.user.uid", "must be a number, not a string", caret},
	{`process.user={"uid":-1,"gid":0}`, ".process.user.uid", "not -1", caret},
	{`process.user={"uid":1.5,"gid":0}`, ".process.user.uid", "not 1.5", caret},
	{`process.user={"uid":4294967296,"gid":0}`, ".process.user.uid", "not 4294967296", caret},
	{`process.user={"uid":4294967295,"gid":0}`, ".process.user.uid", "no user", "give another"},
	{`process.user={"uid":0,"gid":0,"umask":512}`, ".process.user.umask", "above 0777", "0022 is 18"},
	{`process.oomScoreAdj=5000`, ".process.oomScoreAdj", "not between -1000 and 1000", "-1000 never"},
	{`process.oomScoreAdj="5"`, ".process.oomScoreAdj", "must be a number, not a string", caret},
	{`process.rlimits=[{"type":"RLIMIT_NOFILE","soft":10,"hard":5}]`, ".process.rlimits[0]", "soft limit 10 is above the hard limit 5", "Lower .soft"},
	{`process.rlimits=[{"type":"nofile","soft":1,"hard":5}]`, ".process.rlimits[0].type", `invalid rlimit type "nofile"`, "RLIMIT_NOFILE"},
	{`process.rlimits=[{"type":"RLIMIT_NOFILE","soft":10}]`, ".process.rlimits[0]", ".hard is missing", caret},
	{`process.rlimits=[{"type":"RLIMIT_CPU","soft":1,"hard":1},{"type":"RLIMIT_CPU","soft":1,"hard":1}]`, ".process.rlimits[1].type", "stands twice", "Leave one"},
	{`process.rlimits=[{"type":"RLIMIT_NOFILE","soft":1099511627776,"hard":1099511627776}]`, ".process.rlimits[0]", "operation not permitted", "CAP_SYS_RESOURCE"},
	{`process.terminal=true`, ".process.terminal", "console socket", "--console-socket"},
	{`process.terminal=1`, ".process.terminal", "must be true or false, not a number", caret},
	{`process.terminal=true process.consoleSize={"height":5}`, ".process.consoleSize", ".width is missing", caret},

	{`linux.namespaces[+]={"type":"user"}`, ".linux.uidMappings", "no mappings found", "hostID"},
	{uidMaps(`[{"containerID":0,"hostID":1000,"size":10},{"containerID":5,"hostID":5000,"size":10}]`), ".linux.uidMappings[1]", "overlaps with .linux.uidMappings[0] at container id 5", "one range"},
	{uidMaps(`[{"containerID":0,"hostID":4294967290,"size":10}]`), ".linux.uidMappings[0]", "beyond the last id of the host", "Lower .hostID"},
	{uidMaps(`[{"containerID":0,"hostID":1000}]`), ".linux.uidMappings[0]", ".size is missing", caret},
	{uidMaps(`[{"containerID":7,"hostID":1000,"size":10}]`), ".linux.uidMappings", "user 0 of the container is not mapped", "hostID"},
	{uidMaps(`[{"containerID":0,"hostID":100000,"size":10}]`) + ` process.user={"uid":70,"gid":0}`, ".process.user.uid", "user 70 is not mapped", "Add it"},
	{`linux.rootfsPropagation="frob"`, ".linux.rootfsPropagation", `"frob"`, "private"},
	{`linux.maskedPaths=["proc"]`, ".linux.maskedPaths[0]", "not an absolute path", "begins with /"},
	{`linux.readonlyPaths=["proc"]`, ".linux.readonlyPaths[0]", "not an absolute path", "begins with /"},
	{`linux.cgroupsPath="/"`, ".linux.cgroupsPath", "root cgroup", "below it"},
	{`linux.cgroupsPath="/a/../.."`, ".linux.cgroupsPath", "root cgroup", "below it"},
	{`linux.cgroupsPath="/host"`, ".linux.cgroupsPath", "is not empty", "another"},
	{`linux.cgroupsPath="/left-behind/` + strings.Repeat("x", 256) + `"`, ".linux.cgroupsPath", "a name of 256 bytes", "255"},
	{`linux.cgroupsPath="/left-behind/a\nb"`, ".linux.cgroupsPath", "line break", "/proc/PID/cgroup"},
	{`linux.cgroupsPath="system.slice:mdrun:x"`, ".linux.cgroupsPath", "systemd", "path"},
	{`linux.resources.memory={"limit":-5}`, ".linux.resources.memory.limit", "no amount of memory", "-1"},
	{`linux.resources.unified={"../x.y":"1"}`, `.linux.resources.unified["../x.y"]`, "not the name of a cgroup file", "memory.high"},
	{`linux.resources.unified={"cgroup.procs":"1"}`, `.linux.resources.unified["cgroup.procs"]`, "moves a process here", "Leave it out"},
	{`linux.resources.unified={"frob.max":"1"}`, `.linux.resources.unified["frob.max"]`, "frob", "Enable it in the cgroups above"},
	{`linux.resources.hugepageLimits=[{"pageSize":"2mb","limit":0}]`, ".linux.resources.hugepageLimits[0].pageSize", `"2mb"`, "2MB"},
	{`linux.resources.hugepageLimits=[{"pageSize":"3MB","limit":0}]`, ".linux.resources.hugepageLimits[0]", "no such file", "huge pages"},
	{`linux.seccomp={"defaultAction":"SCMP_ACT_ALLOW"}`, ".linux.seccomp", "not supported yet", "README.md"},
	{`process.apparmorProfile="x"`, ".process.apparmorProfile", "not supported yet", "README.md"},
	{`process.selinuxLabel="x"`, ".process.selinuxLabel", "not supported yet", "README.md"},
	{`linux.intelRdt={}`, ".linux.intelRdt", "not supported yet", "README.md"},
}

// caret is the advice where a value is of the wrong kind: the error says which it must be,
// and the place is shown on the terminal.
const caret = "^"

func uidMaps(uids string) string {
	return `linux.namespaces[+]={"type":"user"} linux.gidMappings=[{"containerID":0,"hostID":100000,"size":65536}] linux.uidMappings=` + uids
}

// Each is refused with one clear error, which names its field, and leaves nothing.
func TestRefusedConfigurations(t *testing.T) {
	if err := sandbox.Available(); err != nil {
		t.Skip("needs a sandbox: ", err)
	}
	if name() != "mdrun" {
		t.Skip("the wording is mdrun's")
	}
	dir := t.TempDir()
	openWay(t, dir)
	bundle := filepath.Join(dir, "b")
	if err := busyboxRoot(bundle + "/rootfs"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir+"/state", 0o700); err != nil {
		t.Fatal(err)
	}
	before := world(t, dir)
	for _, c := range refused {
		writeEdited(t, bundle, c.edits)
		r := attempt(t, dir)
		text, hints := r.lines(t)
		if c.hint == "" {
			t.Errorf("%.200s: what it advises is not in the table: %s", c.edits, hints)
		}
		if r.status != 1 || !strings.HasPrefix(text, "mdrun: create web: ") || strings.Contains(text, "failed to") {
			t.Errorf("%.200s\nstatus %d: %s", c.edits, r.status, r.stderr)
			continue
		}
		if !strings.Contains(text, c.field+": ") || !strings.Contains(text, c.says) || !strings.Contains(hints, c.hint) {
			t.Errorf("%.200s\n%s\nwant %s: %s\n%s", c.edits, r.stderr, c.field, c.says, c.hint)
		}
		if r.record["level"] != "error" || r.record["config"] != c.field || r.record["stage"] != "create" ||
			!strings.Contains(r.record["msg"], c.says) || c.hint != caret && !strings.Contains(r.record["msg"], c.hint) {
			t.Errorf("%.200s\nthe log: %v", c.edits, r.record)
		}
		if after := world(t, dir); after != before {
			t.Fatalf("%.200s\nbefore:\n%s\nafter:\n%s", c.edits, before, after)
		}
	}
}

// openWay lets the user that a container's root is on the host pass.
func openWay(t *testing.T, dir string) {
	t.Helper()
	for ; dir != "/" && dir != "/tmp"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func writeEdited(t *testing.T, bundle, edits string) {
	t.Helper()
	data, err := json.Marshal(spec.Default())
	if err != nil {
		t.Fatal(err)
	}
	var doc any
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	for _, e := range append([]string{"process.terminal=false", "root.readonly=false"}, strings.Split(edits, " ")...) {
		if err := edit(doc, e); err != nil {
			t.Fatal(err)
		}
	}
	if data, err = json.Marshal(doc); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(bundle+"/config.json", data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// result is what one create said.
type result struct {
	status int
	stderr string
	record map[string]string // the last of the log
}

func attempt(t *testing.T, dir string) result {
	t.Helper()
	log := filepath.Join(dir, "log")
	if err := os.WriteFile(log, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	stderr, err := os.Create(filepath.Join(dir, "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close()
	cmd := exec.Command(runtimePath, "--root", dir+"/state", "--log", log, "--log-format", "json", "create", "--bundle", dir+"/b", "--pid-file", dir+"/pid", "web")
	cmd.Stderr = stderr // a file: what stays behind would hold a pipe
	if err := cmd.Run(); cmd.ProcessState == nil {
		t.Fatal(err)
	}
	if cmd.ProcessState.Success() {
		_ = exec.Command(runtimePath, "--root", dir+"/state", "delete", "--force", "web").Run()
	}
	said, err := os.ReadFile(filepath.Join(dir, "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	r := result{status: cmd.ProcessState.ExitCode(), stderr: string(said)}
	for line := range strings.Lines(string(data)) {
		r.record = nil
		if err := json.Unmarshal([]byte(line), &r.record); err != nil {
			t.Errorf("the log: %q: %v", line, err)
		}
	}
	return r
}

// lines divides what people read: one line of error, what hints it has below it.
func (r result) lines(t *testing.T) (text, hints string) {
	t.Helper()
	for line := range strings.Lines(r.stderr) {
		switch {
		case strings.HasPrefix(line, "mdrun: ") && text == "":
			text = strings.TrimSuffix(line, "\n")
		case strings.HasPrefix(line, "mdrun: "):
			t.Errorf("two errors: %s", r.stderr)
		case strings.HasPrefix(line, "  "):
			hints += line
		}
	}
	return text, hints
}

// world is all that a create could leave: cgroups, state, mounts, files beside the pid
// file. In the root filesystem there may be mount points.
func world(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	list := func(root string, skip ...string) {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case slices.Contains(skip, path) && d.IsDir():
				return fs.SkipDir
			case !slices.Contains(skip, path):
				b.WriteString(path + "\n")
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	list(dir, dir+"/b/rootfs", dir+"/b/config.json", dir+"/log", dir+"/stderr")
	_ = filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, _ error) error {
		if d.IsDir() {
			b.WriteString(path + "\n")
		}
		return nil
	})
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	return b.String() + string(mounts)
}
