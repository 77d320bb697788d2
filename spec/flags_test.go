package spec

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

var someCapabilities = []string{"CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_AUDIT_WRITE"}

// flags reads "name=value" pairs.
func flags(pairs ...string) Flags {
	f := Flags{Values: map[string][]string{"rootfs": {"root"}}, Command: []string{"sh"}, Dir: "/home/me", Capabilities: someCapabilities}
	for _, p := range pairs {
		name, value, _ := strings.Cut(p, "=")
		f.Values[name] = append(f.Values[name], value)
	}
	return f
}

// changed gives what flags change of what they give without any, by field.
func changed(t *testing.T, pairs ...string) string {
	t.Helper()
	plain, err := FromFlags(flags())
	if err != nil {
		t.Fatal(err)
	}
	s, err := FromFlags(flags(pairs...))
	if err != nil {
		return err.Error()
	}
	if _, _, err := Decode("it", Encode(s)); err != nil {
		t.Errorf("%v: not valid: %v", pairs, err)
	}
	var out []string
	differences(&out, "", reflect.ValueOf(*plain), reflect.ValueOf(*s))
	return strings.Join(out, "; ")
}

func differences(out *[]string, at string, a, b reflect.Value) {
	if reflect.DeepEqual(a.Interface(), b.Interface()) {
		return
	}
	switch {
	case a.Kind() == reflect.Pointer && !a.IsNil() && !b.IsNil():
		differences(out, at, a.Elem(), b.Elem())
	case a.Kind() == reflect.Struct:
		for i := range a.NumField() {
			key, _, _ := strings.Cut(a.Type().Field(i).Tag.Get("json"), ",")
			differences(out, at+"."+key, a.Field(i), b.Field(i))
		}
	case a.Kind() == reflect.Slice && a.Len() < b.Len() && reflect.DeepEqual(a.Interface(), b.Slice(0, a.Len()).Interface()):
		for i := a.Len(); i < b.Len(); i++ {
			*out = append(*out, at+"[+]="+text(b.Index(i)))
		}
	case a.Kind() == reflect.Slice && a.Len() == b.Len() && (a.Type().Elem().Kind() == reflect.Struct || at == ".process.env"):
		for i := range a.Len() {
			differences(out, fmt.Sprintf("%s[%d]", at, i), a.Index(i), b.Index(i))
		}
	default:
		*out = append(*out, at+"="+text(b))
	}
}

func text(v reflect.Value) string {
	data, err := json.Marshal(v.Interface())
	if err != nil {
		return err.Error()
	}
	return string(data)
}

func TestWithoutFlagsItIsTheDefault(t *testing.T) {
	s, err := FromFlags(flags())
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Process.Terminal = false
	want.Process.Args = []string{"sh"}
	want.Root = &specs.Root{Path: "/home/me/root"}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("got %s", Encode(s))
	}
}

func TestFlagsMakeFields(t *testing.T) {
	const caps = `"CAP_KILL","CAP_NET_BIND_SERVICE","CAP_AUDIT_WRITE"`
	sets := func(list string) string {
		return ".process.capabilities.bounding=[" + list + "]; .process.capabilities.effective=[" + list + "]; .process.capabilities.permitted=[" + list + "]"
	}
	bind := func(destination, source, options string) string {
		return `.mounts[+]={"destination":"` + destination + `","type":"bind","source":"` + source + `","options":["rbind",` + options + `]}`
	}
	tmpfs := func(destination, options string) string {
		return `.mounts[+]={"destination":"` + destination + `","type":"tmpfs","source":"tmpfs","options":["nosuid","nodev","noexec","mode=1777"` + options + `]}`
	}
	for _, c := range []struct{ flags, want string }{
		{"rootfs=/srv/a/../b", `.root.path="/srv/b"`},
		{"rootfs=../b/", `.root.path="/home/b"`},
		{"read-only=true", `.root.readonly=true`},
		{"read-only=true read-only=false", ``},
		{"tty=true", `.process.terminal=true`},
		{"hostname=box", `.hostname="box"`},
		{"memory=256M", `.linux.resources.memory={"limit":268435456,"swap":268435456}`},
		{"memory=256m memory=1g", `.linux.resources.memory={"limit":1073741824,"swap":1073741824}`},
		{"pids=64", `.linux.resources.pids={"limit":64}`},
		{"cpus=0.5", `.linux.resources.cpu={"quota":50000,"period":100000}`},
		{"env=A=1 env=B= env=A=2=3", `.process.env[+]="A=2=3"; .process.env[+]="B="`},
		{"env=PATH=/bin", `.process.env[0]="PATH=/bin"`},
		{"workdir=/srv", `.process.cwd="/srv"`},
		{"user=1000", `.process.user.uid=1000; .process.user.gid=1000`},
		{"user=1000:0", `.process.user.uid=1000`},
		{"user=0", ``},
		{"net=none", ``},
		{"net=host net=none", `.linux.namespaces[1].type="ipc"; .linux.namespaces[2].type="uts"; .linux.namespaces[3].type="mount"; .linux.namespaces[4].type="cgroup"; .linux.namespaces[5].type="network"`},
		{"net=host", `.linux.namespaces=[{"type":"pid"},{"type":"ipc"},{"type":"uts"},{"type":"mount"},{"type":"cgroup"}]`},
		{"volume=data:/data", bind("/data", "/home/me/data", `"rprivate"`)},
		{"volume=/data:/a//b/../c:ro", bind("/a/c", "/data", `"rro","rprivate"`)},
		{"volume=.:/a:rw,noexec,rslave", bind("/a", "/home/me", `"rw","noexec","rslave"`)},
		{"volume=/x:/a/b volume=/y:/a", bind("/a", "/y", `"rprivate"`) + "; " + bind("/a/b", "/x", `"rprivate"`)},
		{"tmpfs=/tmp", tmpfs("/tmp", "")},
		{"tmpfs=/tmp:size=64m,exec", tmpfs("/tmp", `,"size=64m","exec"`)},
		{"tmpfs=/a volume=/x:/a/b tmpfs=/a/b/c", tmpfs("/a", "") + "; " + bind("/a/b", "/x", `"rprivate"`) + "; " + tmpfs("/a/b/c", "")},
		{"volume=/shm:/dev/shm", `.mounts[3].type="bind"; .mounts[3].source="/shm"; .mounts[3].options=["rbind","rprivate"]`},
		{"cap-add=net_raw", sets(`"CAP_KILL","CAP_NET_BIND_SERVICE","CAP_NET_RAW","CAP_AUDIT_WRITE"`)},
		{"cap-add=Cap_Chown cap-drop=KILL", sets(`"CAP_CHOWN","CAP_NET_BIND_SERVICE","CAP_AUDIT_WRITE"`)},
		{"cap-add=KILL", sets(caps)},
		{"cap-drop=all", sets(``)},
		{"cap-drop=ALL cap-add=NET_RAW", sets(`"CAP_NET_RAW"`)},
		{"cap-add=all cap-drop=CAP_NET_RAW cap-drop=CAP_NET_ADMIN", sets(`"CAP_CHOWN",` + caps)},
	} {
		want := strings.ReplaceAll(c.want, "[]", "null") // no capability: the list is left out
		if got := changed(t, strings.Fields(c.flags)...); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.flags, got, want)
		}
	}
}

// A program that is not root has only what is ambient.
func TestWhatIsAddedForAUserIsAmbient(t *testing.T) {
	s, err := FromFlags(flags("user=7", "cap-add=NET_RAW", "cap-drop=KILL"))
	if err != nil {
		t.Fatal(err)
	}
	p := s.Process.Capabilities
	if got := strings.Join(p.Ambient, " ") + "/" + strings.Join(p.Inheritable, " "); got != "CAP_NET_RAW/CAP_NET_RAW" {
		t.Errorf("ambient/inheritable: %s", got)
	}
	s, err = FromFlags(flags("cap-add=NET_RAW"))
	if err != nil || s.Process.Capabilities.Ambient != nil {
		t.Errorf("%v: for root: %v", err, s.Process.Capabilities.Ambient)
	}
}

func TestAmountsThatMakeNoSense(t *testing.T) {
	refused(t, []struct{ flag, want string }{
		{"memory=", `--memory "": the size is empty`},
		{"memory=12Q", `--memory 12Q: "Q" is no unit of memory`},
		{"memory=12MB", `--memory 12MB: "MB" is no unit of memory`},
		{"memory=12 M", `--memory "12 M": " M" is no unit of memory`},
		{"memory=M", `--memory M: not a size`},
		{"memory=0", `--memory 0: no memory at all is too little to start`},
		{"memory=0k", `--memory 0k: no memory at all is too little to start`},
		{"memory=-1", `--memory -1: a size below zero`},
		{"memory=+1", `--memory +1: not a size`},
		{"memory=0x10", `--memory 0x10: "x10" is no unit of memory`},
		{"memory=1.5g", `--memory 1.5g: not a whole number`},
		{"memory=9223372036854775808", `--memory 9223372036854775808: more than any machine has`},
		{"memory=8388608t", `--memory 8388608t: more than any machine has`},
		{"memory=99999999999999999999g", `--memory 99999999999999999999g: more than any machine has`},
		{"pids=", `--pids "": the number is empty`},
		{"pids=0", `--pids 0: zero would let nothing run`},
		{"pids=-1", `--pids -1: a number below zero`},
		{"pids=-", `--pids -: not a whole number`},
		{"pids=1.5", `--pids 1.5: not a whole number`},
		{"pids=max", `--pids max: not a whole number`},
		{"pids=4194305", `--pids 4194305: more than the kernel can count`},
		{"pids=99999999999999999999", `--pids 99999999999999999999: more than the kernel can count`},
		{"cpus=", `--cpus "": the number is empty`},
		{"cpus=0", `--cpus 0: no CPU at all would let nothing run`},
		{"cpus=0.000", `--cpus 0.000: no CPU at all would let nothing run`},
		{"cpus=0.009", `--cpus 0.009: less than the kernel can give`},
		{"cpus=-0.5", `--cpus -0.5: a number below zero`},
		{"cpus=1e3", `--cpus 1e3: not a number`},
		{"cpus=1,5", `--cpus 1,5: not a number`},
		{"cpus=inf", `--cpus inf: not a number`},
		{"cpus=.", `--cpus .: not a number`},
		{"cpus=1.", `--cpus 1.: not a number`},
		{"cpus=100001", `--cpus 100001: more CPUs than any machine has`},
		{"cpus=99999999999999999999", `--cpus 99999999999999999999: more CPUs than any machine has`},
	})
}

func TestFlagsThatMakeNoSense(t *testing.T) {
	const long = "12345678901234567890123456789012345678901234567890123456789012345"
	refused(t, []struct{ flag, want string }{
		{"rootfs=", `--rootfs "": the path is empty`},
		{"hostname=", `--hostname "": the name is empty`},
		{"hostname=" + long, "--hostname " + long + ": longer than 64 bytes"},
		{"volume=", `-v "": there is no destination`},
		{"volume=/a", `-v /a: there is no destination`},
		{"volume=:/a", `-v :/a: the source is empty`},
		{"volume=/a:", `-v /a:: the destination is empty`},
		{"volume=/a:b", `-v /a:b: the destination "b" is not an absolute path`},
		{"volume=/a:/b:frob", `-v /a:/b:frob: unknown option "frob"`},
		{"volume=/a:/b:", `-v /a:/b:: unknown option ""`},
		{"volume=/a:/b:ro,rw", `-v /a:/b:ro,rw: both ro and rw`},
		{"volume=/a:/b:noexec,ro,exec", `-v /a:/b:noexec,ro,exec: both noexec and exec`},
		{"volume=/a:/b:dev,nodev", `-v /a:/b:dev,nodev: both dev and nodev`},
		{"volume=/a:/b:suid,nosuid", `-v /a:/b:suid,nosuid: both suid and nosuid`},
		{"volume=/a:/b:private,shared", `-v /a:/b:private,shared: both private and shared`},
		{"volume=/a:/b:/c:ro", `-v /a:/b:/c:ro: more than two colons`},
		{"volume=/a:/b/..", `-v /a:/b/..: a mount cannot replace the root`},
		{"tmpfs=", `--tmpfs "": the destination is empty`},
		{"tmpfs=tmp", `--tmpfs tmp: the destination "tmp" is not an absolute path`},
		{"tmpfs=/tmp:", `--tmpfs /tmp:: an option is empty`},
		{"env=", `-e "": the variable is empty`},
		{"env=A", `-e A: the variable has no value`},
		{"env==1", `-e =1: the variable has no name`},
		{"workdir=", `-w "": not an absolute path`},
		{"workdir=srv", `-w srv: not an absolute path`},
		{"user=", `-u "": the user is empty`},
		{"user=1000:", `-u 1000:: the group is empty`},
		{"user=:5", `-u :5: the user is empty`},
		{"user=bob", `-u bob: the user "bob" is not a number, and names are not looked up`},
		{"user=1:staff", `-u 1:staff: the group "staff" is not a number, and names are not looked up`},
		{"user=-1", `-u -1: the user "-1" is not a number, and names are not looked up`},
		{"user=1:2:3", `-u 1:2:3: the group "2:3" is not a number, and names are not looked up`},
		{"user=4294967295", `-u 4294967295: the user 4294967295 is above 4294967294, the largest that there is`},
		{"user=4294967296", `-u 4294967296: the user 4294967296 is above 4294967294, the largest that there is`},
		{"net=", `--net "": unknown network`},
		{"net=bridge", `--net bridge: unknown network`},
		{"cap-add=", `--cap-add "": the capability is empty`},
		{"cap-add=CAP_", `--cap-add CAP_: the capability is empty`},
		{"cap-add=NET_ROW", `--cap-add NET_ROW: unknown capability`},
		{"cap-drop=CAP_FROB", `--cap-drop CAP_FROB: unknown capability`},
		{"env=A=\xff", `-e "A=\xff": the text is not UTF-8, which is all that config.json can hold`},
	})
}

// refused wants an error with these words for each flag, and a hint.
func refused(t *testing.T, list []struct{ flag, want string }) {
	t.Helper()
	for _, c := range list {
		_, err := FromFlags(flags(c.flag))
		var e *FlagError
		switch {
		case !errors.As(err, &e):
			t.Errorf("%s: %v", c.flag, err)
		case err.Error() != c.want:
			t.Errorf("%s:\ngot  %s\nwant %s", c.flag, err, c.want)
		case e.Hint == "" && !strings.HasPrefix(c.flag, "hostname="):
			t.Errorf("%s: no hint", c.flag)
		}
	}
}

func TestFlagsThatContradictEachOther(t *testing.T) {
	for _, c := range []struct{ flags, want string }{
		{"volume=/a:/x tmpfs=/x/", `--tmpfs /x/: something is mounted on /x already, by -v`},
		{"volume=/a:/x volume=/b:/x", `-v /b:/x: something is mounted on /x already`},
		{"cap-add=KILL cap-drop=kill", `--cap-add KILL: --cap-drop names it too`},
		{"cap-add=ALL cap-drop=ALL", `--cap-add ALL: --cap-drop names it too`},
	} {
		if got := changed(t, strings.Fields(c.flags)...); got != c.want {
			t.Errorf("%s: %s, want %s", c.flags, got, c.want)
		}
	}
}

func TestAHintKnowsTheNearCapability(t *testing.T) {
	var e *FlagError
	if _, err := FromFlags(flags("cap-add=NET_ROW")); !errors.As(err, &e) || e.Hint != "Did you mean NET_RAW?" {
		t.Errorf("%v", err)
	}
}

func TestACommandIsUTF8(t *testing.T) {
	f := flags()
	f.Command = []string{"sh", "\xff"}
	if _, err := FromFlags(f); err == nil || err.Error() != `command "\xff": `+notUTF8 {
		t.Errorf("%v", err)
	}
}

func TestCPUs(t *testing.T) {
	for s, want := range map[string]int64{"1": 100000, "0.5": 50000, ".5": 50000, "1.5": 150000, "0.01": 1000, "0.333333": 33333, "2.00001": 200001, "100000": 10_000_000_000} {
		if got, err := parseCPUs(s); got != want || err != nil {
			t.Errorf("%s: %d, %v, want %d", s, got, err, want)
		}
	}
}

func TestSizes(t *testing.T) {
	for s, want := range map[string]int64{"1": 1, "512k": 512 << 10, "256M": 256 << 20, "1g": 1 << 30, "2T": 2 << 40, "007k": 7 << 10,
		"9223372036854775807": 1<<63 - 1, "8388607t": 8388607 << 40} {
		if got, err := parseSize(s); got != want || err != nil {
			t.Errorf("%s: %d, %v, want %d", s, got, err, want)
		}
	}
}

// Whatever is typed, there is an error or a configuration that is valid.
func FuzzFlags(f *testing.F) {
	for _, m := range makers {
		f.Add(m.name, "1")
		f.Add(m.name, "/a:/b:ro")
		f.Add(m.name, "A=B")
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		if strings.Contains(value, "\x00") {
			return // no argument of a program holds one
		}
		in := flags()
		in.Values[name] = []string{value}
		s, err := FromFlags(in)
		if err != nil {
			return
		}
		if _, _, err := Decode("it", Encode(s)); err != nil {
			t.Errorf("--%s %q: %v", name, value, err)
		}
	})
}
