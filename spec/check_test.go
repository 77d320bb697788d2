package spec

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestVersionsAreSemantic(t *testing.T) {
	for _, v := range []string{"1.0.0", "1.0.2-dev", "1.3.0+dev", "1.99.0", "1.0.0-rc.1", "1.0.0-0", "1.0.0--", "1.0.0+001", "1.0.0-a.b-c+d.e", "1.10.100"} {
		if _, _, err := Decode("config.json", edited(t, func(s *specs.Spec) { s.Version = v })); err != nil {
			t.Errorf("%s: %v", v, err)
		}
	}
	for _, v := range []string{"1", "1.0", "1.0.0.0", "01.0.0", "1.00.0", "1.0.0-", "1.0.0+", "1.0.0-a..b", "1.0.0-01", "1.0.0-a_b", "v1.0.0", " 1.0.0", "1.0.0 ", "1..0", "-1.0.0", "1.+0.0", "1.0.0+a+b", "１.0.0"} {
		if _, _, err := Decode("config.json", edited(t, func(s *specs.Spec) { s.Version = v })); err == nil || !strings.Contains(err.Error(), "is no version") {
			t.Errorf("%s: %v", v, err)
		}
	}
	for _, v := range []string{"0.1.0", "2.0.0", "10.0.0", "9.9.9-rc1"} {
		if _, _, err := Decode("config.json", edited(t, func(s *specs.Spec) { s.Version = v })); err == nil || !strings.Contains(err.Error(), "is not supported") {
			t.Errorf("%s: %v", v, err)
		}
	}
}

func TestMapsThatTheKernelWouldNotTake(t *testing.T) {
	whole := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 65536}}
	var many []specs.LinuxIDMapping
	for i := range uint32(341) {
		many = append(many, specs.LinuxIDMapping{ContainerID: i, HostID: 1000 + i, Size: 1})
	}
	for want, maps := range map[string][]specs.LinuxIDMapping{
		".linux.uidMappings: 341 ranges":                                               many,
		".linux.uidMappings[1].size: a mapping of no ids":                              {whole[0], {ContainerID: 70000, HostID: 5}},
		".linux.uidMappings[0]: goes beyond the last id of the host":                   {{ContainerID: 0, HostID: 1<<32 - 2, Size: 2}},
		".linux.uidMappings[1]: goes beyond the last id of the container":              {whole[0], {ContainerID: 1<<32 - 1, HostID: 1, Size: 1}},
		".linux.uidMappings[1]: overlaps with .linux.uidMappings[0] at host id 100001": {whole[0], {ContainerID: 70000, HostID: 100001, Size: 1}},
		".linux.uidMappings: user 0 of the container is not mapped":                    {{ContainerID: 1, HostID: 100000, Size: 10}},
		".process.user.uid: user 1000 is not mapped by .linux.uidMappings":             {{ContainerID: 0, HostID: 100000, Size: 1000}},
	} {
		_, _, err := Decode("config.json", edited(t, func(s *specs.Spec) {
			Rootless(s, 0, 0)
			s.Process.User.UID = 1000
			s.Linux.UIDMappings = maps
		}))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %s, got %v", want, err)
		}
	}
	for want, user := range map[string]specs.User{
		".process.user.gid: group 70000 is not mapped":               {GID: 70000},
		".process.user.additionalGids[1]: group 65536 is not mapped": {AdditionalGids: []uint32{65535, 65536}},
	} {
		_, _, err := Decode("config.json", edited(t, func(s *specs.Spec) {
			Rootless(s, 0, 0)
			s.Process.User, s.Linux.UIDMappings, s.Linux.GIDMappings = user, whole, whole
		}))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %s, got %v", want, err)
		}
	}
	if _, _, err := Decode("config.json", edited(t, func(s *specs.Spec) {
		Rootless(s, 0, 0)
		s.Linux.UIDMappings, s.Linux.GIDMappings = []specs.LinuxIDMapping{{HostID: 0, Size: 1<<32 - 1}}, many[:340]
	})); err != nil {
		t.Errorf("all ids, and 340 ranges: %v", err)
	}
	// Of one that is joined the maps are not ours.
	if _, _, err := Decode("config.json", edited(t, func(s *specs.Spec) {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: "user", Path: "/proc/1/ns/user"})
		s.Process.User.UID, s.Linux.UIDMappings = 7, []specs.LinuxIDMapping{{ContainerID: 1, HostID: 100000, Size: 1}}
	})); err != nil {
		t.Errorf("by path: %v", err)
	}
}

// Engines send them; nothing comes of it.
func TestMapsWithoutAUserNamespaceAreAWarning(t *testing.T) {
	_, warnings, err := Decode("config.json", edited(t, func(s *specs.Spec) { s.Linux.GIDMappings = []specs.LinuxIDMapping{{Size: 1}} }))
	if err != nil || len(warnings) != 1 || warnings[0].Field != ".linux.gidMappings" {
		t.Errorf("%v, %v", warnings, err)
	}
}

// One check for both: the program's is refused, as runc does, a hook's noted, since runc and
// crun hand it on.
func TestWhatIsNoVariableOfAnEnvironment(t *testing.T) {
	for _, kv := range []string{"FOO", "=x", ""} {
		_, _, err := Decode("config.json", edited(t, func(s *specs.Spec) { s.Process.Env = []string{"A=", kv} }))
		if err == nil || !strings.Contains(err.Error(), ".process.env[1]: invalid environment variable ") {
			t.Errorf("%q: %v", kv, err)
		}
		_, warnings, err := Decode("config.json", edited(t, func(s *specs.Spec) {
			s.Hooks = &specs.Hooks{Poststart: []specs.Hook{{Path: "/bin/true", Env: []string{"A=", kv}}}}
		}))
		if err != nil || len(warnings) != 1 || warnings[0].Field != ".hooks.poststart[0].env[1]" {
			t.Errorf("%q: %v, %v", kv, warnings, err)
		}
	}
}

// The kernel takes no path of 4096 bytes; to find that out late would leave things behind.
func TestPathsThatAreTooLong(t *testing.T) {
	long := strings.Repeat("/x", 35_000)
	for want, edit := range map[string]func(*specs.Spec){
		".root.path":                func(s *specs.Spec) { s.Root.Path = long },
		".process.cwd":              func(s *specs.Spec) { s.Process.Cwd = long },
		".mounts[0].destination":    func(s *specs.Spec) { s.Mounts[0].Destination = long },
		".linux.maskedPaths[0]":     func(s *specs.Spec) { s.Linux.MaskedPaths[0] = long },
		".linux.readonlyPaths[0]":   func(s *specs.Spec) { s.Linux.ReadonlyPaths[0] = long },
		".linux.namespaces[1].path": func(s *specs.Spec) { s.Linux.Namespaces[1].Path = long },
		".linux.devices[0].path":    func(s *specs.Spec) { s.Linux.Devices = []specs.LinuxDevice{{Path: long, Type: "c"}} },
	} {
		if _, _, err := Decode("config.json", edited(t, edit)); err == nil || !strings.Contains(err.Error(), want+": a path of 70000 bytes") {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// What makes one node of two entries is one entry too many, unless they say the same.
func TestADeviceStandsOnce(t *testing.T) {
	mode, other := os.FileMode(0o600), os.FileMode(0o644)
	disk := specs.LinuxDevice{Path: "/dev/x", Type: "b", Major: 8, Minor: 1, FileMode: &mode}
	for _, c := range []struct {
		second          specs.LinuxDevice
		wrong, warnings string
	}{
		{specs.LinuxDevice{Path: "/dev//x", Type: "b", Major: 8, Minor: 1, FileMode: ptr(os.FileMode(0o600))}, "", ""},
		{specs.LinuxDevice{Path: "/dev/y", Type: "b", Major: 8, Minor: 2}, "", ""},
		{specs.LinuxDevice{Path: "/dev/x", Type: "b", Major: 8, Minor: 1, FileMode: &other}, "", ".linux.devices[1]: the mode and owner of /dev/x given here replace those of .linux.devices[0]"},
		{specs.LinuxDevice{Path: "/dev/x", Type: "b", Major: 8, Minor: 1}, "", ".linux.devices[1]: the mode and owner of /dev/x given here replace those of .linux.devices[0]"},
		{specs.LinuxDevice{Path: "/dev/x", Type: "b", Major: 8, Minor: 2, FileMode: &mode}, ".linux.devices[1].path: /dev/x stands twice, here as b 8:2 and at .linux.devices[0] as b 8:1", ""},
		{specs.LinuxDevice{Path: "dev/./x", Type: "u", Major: 8, Minor: 1, FileMode: &mode}, ".linux.devices[1].path: dev/./x stands twice, here as c 8:1 and at .linux.devices[0] as b 8:1", ""},
		{specs.LinuxDevice{Path: "/dev/x", Type: "p"}, ".linux.devices[1].path: /dev/x stands twice, here as a FIFO and at .linux.devices[0] as b 8:1", ""},
	} {
		_, warnings, err := Decode("config.json", edited(t, func(s *specs.Spec) { s.Linux.Devices = []specs.LinuxDevice{disk, c.second} }))
		got, noted := "", ""
		if err != nil {
			got = err.Error()
		}
		for _, w := range warnings {
			noted += w.String()
		}
		if got != c.wrong || noted != c.warnings {
			t.Errorf("%+v:\n%s\n%s", c.second, got, noted)
		}
	}
}

func ptr[T any](v T) *T { return &v }

func TestHintsStandBesideTheirProblem(t *testing.T) {
	_, _, err := Decode("config.json", []byte(`{"process":{"args":"sh"}}`))
	if e, ok := err.(*Error); !ok || !strings.Contains(e.Problems[0].Hint, `["sh"]`) || e.Source == "" {
		t.Errorf("%#v", err)
	}
}

// A configuration of nothing but unknown keys costs no more than its length, and does not
// fill the log.
func TestManyUnknownKeys(t *testing.T) {
	var b strings.Builder
	fmt.Fprintf(&b, `{"ociVersion":"1.0.0","root":{"path":"r"}`)
	for i := range 300_000 {
		fmt.Fprintf(&b, `,"mounst%d":0`, i)
	}
	b.WriteString("}")
	begun := time.Now()
	_, warnings, err := Decode("config.json", []byte(b.String()))
	if err != nil || len(warnings) != mostUnknown+1 || !strings.Contains(warnings[mostUnknown].Text, "299980 more") {
		t.Errorf("%d warnings, %v", len(warnings), err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("%d bytes took %v", b.Len(), took)
	}
}

// Every value of the default configuration in turn becomes one of another kind: an error
// that names the place, or for null nothing at all, but never a panic.
func TestEveryValueOfAnotherKind(t *testing.T) {
	var doc any
	if err := json.Unmarshal(edited(t, func(*specs.Spec) {}), &doc); err != nil {
		t.Fatal(err)
	}
	tried := 0
	try := func(where string) {
		raw, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		tried++
		_, _, err = Decode("config.json", raw)
		if err != nil && !strings.Contains(err.Error(), ".") {
			t.Errorf("%s: %v", where, err)
		}
	}
	var replace func(at any, where string)
	others := []any{nil, "x", 5, -1, 1.5, true, []any{}, []any{nil}, []any{5}, map[string]any{}, map[string]any{"x": 1}, "", strings.Repeat("x", 5000), 1e300}
	replace = func(at any, where string) {
		switch v := at.(type) {
		case map[string]any:
			for key, old := range v {
				for _, other := range others {
					v[key] = other
					try(where + "." + key)
				}
				v[key] = old
				replace(old, where+"."+key)
			}
		case []any:
			for i, old := range v {
				for _, other := range others {
					v[i] = other
					try(where + "[]")
				}
				v[i] = old
				replace(old, where+"[]")
			}
		}
	}
	replace(doc, "")
	if tried < 1000 {
		t.Errorf("only %d documents", tried)
	}
}
