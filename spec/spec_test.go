package spec

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func TestDecoderIsUpToDate(t *testing.T) {
	dir := t.TempDir()
	self, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "run", "-C", self, "./gen", dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	fresh, err := os.ReadFile(filepath.Join(dir, "decode_gen.go"))
	if err != nil {
		t.Fatal(err)
	}
	if have, _ := os.ReadFile("decode_gen.go"); string(have) != string(fresh) {
		t.Error("decode_gen.go is not what go generate writes")
	}
}

// Every field of the specification has a row, or is below one that refuses or ignores.
func TestEveryFieldHasARow(t *testing.T) {
	rows := map[string]Support{}
	for _, r := range Coverage() {
		if _, twice := rows[r.Field]; twice {
			t.Errorf("%s has two rows", r.Field)
		}
		if (r.Support == Honoured) != (r.Because == "") {
			t.Errorf("%s: only what is not honoured has a reason", r.Field)
		}
		rows[r.Field] = r.Support
	}
	used := map[string]bool{}
	walk(reflect.TypeFor[specs.Spec](), "", func(field string) {
		for at := field; at != ""; at = parent(at) {
			if s, ok := rows[at]; ok && (at == field || s != Honoured) {
				used[at] = true
				return
			}
		}
		t.Errorf("%s has no row", field)
	})
	for field := range rows {
		if !used[field] {
			t.Errorf("%s is no field of the specification", field)
		}
	}
}

func parent(field string) string {
	if list, ok := strings.CutSuffix(field, "[]"); ok {
		return list
	}
	return field[:max(0, strings.LastIndexByte(field, '.'))]
}

// walk calls f for every leaf.
func walk(t reflect.Type, at string, f func(string)) {
	switch {
	case t.Kind() == reflect.Pointer:
		walk(t.Elem(), at, f)
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct, t.Kind() == reflect.Map && t.Elem().Kind() == reflect.Struct:
		walk(t.Elem(), at+"[]", f)
	case t.Kind() != reflect.Struct:
		f(at)
	default:
		for i := range t.NumField() {
			field := t.Field(i)
			key, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			switch {
			case field.Anonymous:
				walk(field.Type, at, f)
			case key != "" && key != "-":
				walk(field.Type, at+"."+key, f)
			}
		}
	}
}

func edited(t *testing.T, edit func(*specs.Spec)) []byte {
	t.Helper()
	s := Default()
	edit(s)
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Each test of a refusal turns red when support arrives and the row changes.
func TestWhatIsNotSupportedIsRefusedByName(t *testing.T) {
	set := map[string]func(*specs.Spec){
		".process.apparmorProfile": func(s *specs.Spec) { s.Process.ApparmorProfile = "x" },
		".process.selinuxLabel":    func(s *specs.Spec) { s.Process.SelinuxLabel = "x" },
		".process.scheduler":       func(s *specs.Spec) { s.Process.Scheduler = &specs.Scheduler{Policy: "SCHED_IDLE"} },
		".process.ioPriority": func(s *specs.Spec) {
			s.Process.IOPriority = &specs.LinuxIOPriority{Class: "IOPRIO_CLASS_BE", Priority: 3}
		},
		".linux.netDevices":   func(s *specs.Spec) { s.Linux.NetDevices = map[string]specs.LinuxNetDevice{"eth0": {}} },
		".linux.seccomp":      func(s *specs.Spec) { s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow} },
		".linux.mountLabel":   func(s *specs.Spec) { s.Linux.MountLabel = "x" },
		".linux.intelRdt":     func(s *specs.Spec) { s.Linux.IntelRdt = &specs.LinuxIntelRdt{} },
		".linux.memoryPolicy": func(s *specs.Spec) { s.Linux.MemoryPolicy = &specs.LinuxMemoryPolicy{} },
		".linux.personality.flags": func(s *specs.Spec) {
			s.Linux.Personality = &specs.LinuxPersonality{Domain: "LINUX32", Flags: []specs.LinuxPersonalityFlag{"ADDR_NO_RANDOMIZE"}}
		},
	}
	for _, r := range refusals {
		if set[r.field] == nil {
			t.Errorf("no test that %s is refused", r.field)
		}
	}
	for field, edit := range set {
		_, _, err := Decode("config.json", edited(t, edit))
		if err == nil || !strings.Contains(err.Error(), field+": ") || !strings.Contains(err.Error(), "not supported yet") {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestDefaultIsValid(t *testing.T) {
	s, warnings, err := Decode("config.json", edited(t, func(*specs.Spec) {}))
	if err != nil || len(warnings) != 0 {
		t.Fatal(err, warnings)
	}
	if !reflect.DeepEqual(s, Default()) {
		t.Error("the default configuration did not come back as it was")
	}
	if _, _, err := Decode("config.json", edited(t, func(s *specs.Spec) { Rootless(s, 1000, 1000) })); err != nil {
		t.Error("rootless:", err)
	}
}

func TestProblemsNameTheirField(t *testing.T) {
	for want, edit := range map[string]func(*specs.Spec){
		".ociVersion: version 2.0.0":          func(s *specs.Spec) { s.Version = "2.0.0" },
		`.ociVersion: "banana" is no version`: func(s *specs.Spec) { s.Version = "banana" },
		`.ociVersion: "1.0" is no version`:    func(s *specs.Spec) { s.Version = "1.0" },
		".root: ":                             func(s *specs.Spec) { s.Root = nil },
		".hostname: it needs a uts":           func(s *specs.Spec) { s.Linux.Namespaces = s.Linux.Namespaces[:1] },
		".hostname: longer":                   func(s *specs.Spec) { s.Hostname = strings.Repeat("x", 65) },
		".annotations: ":                      func(s *specs.Spec) { s.Annotations = map[string]string{"": "x"} },
		".process.cwd: ":                      func(s *specs.Spec) { s.Process.Cwd = "rel" },
		".process.args: ":                     func(s *specs.Spec) { s.Process.Args = nil },
		".process.env[2]: ":                   func(s *specs.Spec) { s.Process.Env = append(s.Process.Env, "X") },
		".process.user.umask: ":               func(s *specs.Spec) { s.Process.User.Umask = new(uint32); *s.Process.User.Umask = 0o1000 },
		".process.user.uid: ":                 func(s *specs.Spec) { s.Process.User.UID = 1<<32 - 1 },
		".process.rlimits[1].type: RLIMIT_NOFILE stands twice": func(s *specs.Spec) { s.Process.Rlimits = append(s.Process.Rlimits, s.Process.Rlimits[0]) },
		".process.rlimits[0]: RLIMIT_NOFILE: the soft":         func(s *specs.Spec) { s.Process.Rlimits[0].Soft = 5000 },
		".process.oomScoreAdj: 5000":                           func(s *specs.Spec) { n := 5000; s.Process.OOMScoreAdj = &n },
		".linux.namespaces[6].type: the namespace type pid": func(s *specs.Spec) {
			s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: "pid"})
		},
		".linux.namespaces[0].path: ": func(s *specs.Spec) { s.Linux.Namespaces[0].Path = "rel" },
		".linux.uidMappings: user namespaces enabled": func(s *specs.Spec) {
			s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: "user"})
		},
		".linux.uidMappings[1]: overlaps with .linux.uidMappings[0] at container id 5": func(s *specs.Spec) {
			Rootless(s, 0, 0)
			s.Linux.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100, Size: 10}, {ContainerID: 5, HostID: 900, Size: 10}}
		},
		".linux.maskedPaths[10]: ":                                     func(s *specs.Spec) { s.Linux.MaskedPaths = append(s.Linux.MaskedPaths, "rel") },
		".linux.timeOffsets: ":                                         func(s *specs.Spec) { s.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{"monotonic": {}} },
		".linux.rootfsPropagation: ":                                   func(s *specs.Spec) { s.Linux.RootfsPropagation = "bogus" },
		".linux.devices[0].type: ":                                     func(s *specs.Spec) { s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/x", Type: "q"}} },
		`.hooks.prestart[0].path: the path "bin/true" is not absolute`: func(s *specs.Spec) { s.Hooks = &specs.Hooks{Prestart: []specs.Hook{{Path: "bin/true"}}} },
		".hooks.poststop[1].path: the path of the hook is missing":     func(s *specs.Spec) { s.Hooks = &specs.Hooks{Poststop: []specs.Hook{{Path: "/bin/true"}, {}}} },
		".hooks.startContainer[0].timeout: the timeout 0 is not above zero": func(s *specs.Spec) {
			s.Hooks = &specs.Hooks{StartContainer: []specs.Hook{{Path: "/bin/true", Timeout: new(int)}}}
		},
		".mounts[7].destination: ": func(s *specs.Spec) { s.Mounts = append(s.Mounts, specs.Mount{Type: "tmpfs"}) },
	} {
		_, _, err := Decode("config.json", edited(t, edit))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	_, _, err := Decode("config.json", edited(t, func(s *specs.Spec) { s.Process.Cwd = "rel"; s.Version = ""; s.Root = nil }))
	for _, want := range []string{"3 problems in config.json", ".process.cwd", ".ociVersion", ".root"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
}

func TestBrokenDocuments(t *testing.T) {
	for in, want := range map[string]string{
		`{"ociVersion":"1.0.0",`:                      "config.json:1:23: unexpected end of the document",
		"{\n  \"hostname\": \"x\"\n  \"root\": {}\n}": `config.json:3:3: unexpected '"', "," or "}" should stand here`,
		`{"process":{"args":"sh"}}`:                   "config.json:1:20: .process.args: must be a list, not a string",
		`{"process":{"user":{"uid":4294967296}}}`:     ".process.user.uid: must be a whole number from 0 to 4294967295, not 4294967296",
		`{"process":{"user":{"uid":-1}}}`:             "not -1",
		`{"process":{"user":{"uid":1.5}}}`:            "not 1.5",
		`{"process":{"oomScoreAdj":"5"}}`:             ".process.oomScoreAdj: must be a number, not a string",
		`{"hostname":"a","hostname":"b"}`:             `the key "hostname" stands twice`,
		`{"hostname":"a\u0000"}`:                      ".hostname: a NUL byte in a string",
		"{\"hostname\":\"\xff\"}":                     "invalid UTF-8",
		`{} x`:                                        "text behind the end",
		`{}{}`:                                        "text behind the end",
		``:                                            "unexpected end of the document",
		`[]`:                                          "must be an object, not a list",
		"\xef\xbb\xbf{}":                              "unexpected",
		`{"annotations":{"a":5}}`:                     ".annotations.a: must be a string, not a number",
		`{"process":{"rlimits":[{"type":"RLIMIT_CORE","hard":1}]}}`: ".process.rlimits[0]: .soft is missing",
		`{"linux":{"uidMappings":[{"containerID":0,"hostID":0}]}}`:  ".size is missing",
		strings.Repeat("[", 5000):                                   "must be an object",
		`{"x":` + strings.Repeat("[", 5000):                         "nested too deeply",
		`{"hostname":"a` + "\n" + `"}`:                              "control character",
		`{"hostname":"\ud800"}`:                                     "invalid escape",
		`{"process":{"terminal":1}}`:                                "must be true or false, not a number",
		`{"linux":{"resources":{"pids":{"limit":01}}}}`:             "a number that is none",
	} {
		_, _, err := Decode("config.json", []byte(in))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: want %q, got %v", in, want, err)
		}
	}
}

func TestUnknownKeysAreNoted(t *testing.T) {
	raw := strings.Replace(string(edited(t, func(*specs.Spec) {})), `"hostname":`, `"HOSTNAME":"x","linxu":{"a":[1,2,{"b":null}]},"hostname":`, 1)
	s, warnings, err := Decode("config.json", []byte(raw))
	if err != nil || s.Hostname != "mdrun" || len(warnings) != 2 {
		t.Fatal(err, warnings)
	}
	if warnings[0].Field != ".HOSTNAME" || !strings.Contains(warnings[0].Hint, ".hostname") {
		t.Errorf("warning %+v", warnings[0])
	}
}

func TestCaretPointsAtTheError(t *testing.T) {
	_, _, err := Decode("config.json", []byte(`{"a": ,}`))
	e, ok := err.(*Error)
	if !ok || e.Source != "{\"a\": ,}\n      ^" {
		t.Errorf("%#v", err)
	}
}

func TestDecoderAgreesWithEncodingJSON(t *testing.T) {
	files, _ := filepath.Glob(schemaDir(t) + "/test/config/good/*.json")
	if len(files) < 5 {
		t.Fatalf("only %d examples", len(files))
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var want specs.Spec
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatal(err)
		}
		want.Solaris, want.Windows, want.VM, want.ZOS, want.FreeBSD = nil, nil, nil, nil, nil
		got, _, err := decode(file, raw)
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
		} else if !reflect.DeepEqual(got, &want) {
			t.Errorf("%s was read differently", filepath.Base(file))
		}
	}
}

func schemaDir(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/opencontainers/runtime-spec").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out)) + "/schema"
}

func TestBundlesThatCannotBeLoaded(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, ConfigFile)
	load := func(what, want string) {
		t.Helper()
		if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", what, err)
		}
		_ = os.RemoveAll(config)
	}
	load("nothing", "JSON specification file config.json not found")
	_ = unix.Mkfifo(config, 0o600)
	load("FIFO", "not a regular file")
	_ = os.Mkdir(config, 0o700)
	load("folder", "not a regular file")
	f, _ := os.Create(config)
	_ = f.Truncate(200 << 20)
	_ = f.Close()
	load("200 MB", "larger than 16 MiB")
	if _, err := Load(filepath.Join(dir, "none")); err == nil {
		t.Error("a bundle that is not there was loaded")
	}
	if _, err := Load("/dev/null"); err == nil {
		t.Error("a bundle that is no folder was loaded")
	}
}

func TestIDs(t *testing.T) {
	for _, id := range []string{"a", "A-b_c+d.e", ".hidden", "-x", "a..b", strings.Repeat("x", idLimit)} {
		if err := CheckID(id); err != nil {
			t.Errorf("%q: %v", id, err)
		}
	}
	for _, id := range []string{"", ".", "..", "a/b", "../x", "/abs", "ü", "日本", "a b", "a\nb", "a:b", "50%", "a@new", "a*", "\x1b[1m", strings.Repeat("x", idLimit+1)} {
		if err := CheckID(id); err == nil || !strings.Contains(err.Error(), "invalid container ID format") || strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"ociVersion":"1.0.0","root":{"path":"r"}}`))
	if b, err := json.Marshal(Default()); err == nil {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, _, err := decode("x", b)
		if err != nil {
			return
		}
		// Not whether encoding/json can read it into the types: it folds the case of keys.
		if !json.Valid(b) {
			t.Errorf("taken although it is no JSON: %q", b)
		}
		again, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		second, _, err := decode("x", again)
		if err != nil {
			t.Fatalf("%q became %q: %v", b, again, err)
		}
		if once, _ := json.Marshal(second); !bytes.Equal(once, again) {
			t.Errorf("%q was read back as %q", again, once)
		}
	})
}

func FuzzCheckID(f *testing.F) {
	f.Add("a")
	f.Fuzz(func(t *testing.T, id string) {
		if CheckID(id) == nil && (strings.ContainsAny(id, "/@ \x00") || id == "." || id == "..") {
			t.Errorf("%q", id)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	raw, _ := json.Marshal(Default())
	for b.Loop() {
		if _, _, err := Decode("x", raw); err != nil {
			b.Fatal(err)
		}
	}
}
