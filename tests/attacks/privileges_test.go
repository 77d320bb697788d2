package attacks

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func init() {
	roles["tell who I am"] = tellWho
	roles["lay out keyrings"] = layOutKeyrings
	roles["tell my session keyring"] = func([]string) {
		fmt.Print("mine: ")
		fmt.Println(unix.KeyctlGetKeyringID(unix.KEY_SPEC_SESSION_KEYRING, false))
	}
}

// key is one in the session keyring of the runtime's caller.
const key = "mdrun-attacks"

// tellWho tells what a program got from whoever started it.
func tellWho([]string) {
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		for _, name := range []string{"Uid:", "Gid:", "Groups:", "Cap", "NoNewPrivs:"} {
			if strings.HasPrefix(line, name) {
				fmt.Print(line)
			}
		}
	}
	fmt.Printf("Umask:\t%o\n", unix.Umask(0))
	for _, v := range os.Environ() {
		fmt.Printf("Variable:\t%s\n", v)
	}
	if id, err := unix.KeyctlSearch(unix.KEY_SPEC_SESSION_KEYRING, "user", key, 0); err == nil {
		fmt.Printf("Key:\t%d\n", id)
	}
}

// field gives what the program told under a name.
func (o outcome) field(name string) string {
	for line := range strings.Lines(o.out) {
		if rest, ok := strings.CutPrefix(line, name+":\t"); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

// numbers of the capabilities that are used here, see capabilities(7).
var numbers = map[string]int{"CAP_CHOWN": 0, "CAP_KILL": 5, "CAP_SETPCAP": 8, "CAP_NET_BIND_SERVICE": 10, "CAP_NET_RAW": 13, "CAP_AUDIT_WRITE": 29}

func bits(list []string) (set uint64) {
	for _, name := range list {
		set |= 1 << numbers[name]
	}
	return set
}

// CVE-2022-29162: a process that starts with inheritable or ambient capabilities hands
// on what nobody has asked for.
func TestCapabilitiesAreThoseOfTheConfiguration(t *testing.T) {
	a := try(t, "S-20")
	all := []string{"CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"}
	two := all[:2]
	for what, c := range map[string]*specs.LinuxCapabilities{
		"none":                      {},
		"three":                     {Bounding: all, Permitted: all, Effective: all},
		"more bounding":             {Bounding: all, Permitted: two, Effective: two},
		"inheritable":               {Bounding: all, Permitted: all, Effective: all, Inheritable: two},
		"ambient":                   {Bounding: all, Permitted: all, Effective: all, Inheritable: two, Ambient: two},
		"ambient, not inheritable":  {Bounding: all, Permitted: all, Effective: all, Ambient: two},
		"ambient, not permitted":    {Bounding: all, Permitted: two, Effective: two, Inheritable: two, Ambient: all},
		"inheritable, not bounding": {Bounding: two, Permitted: two, Effective: two, Inheritable: all},
	} {
		for _, uid := range []uint32{0, 1000} {
			for _, from := range []string{"an ordinary caller", "a caller with ambient capabilities"} {
				b := a.bundle().payload("tell who I am")
				b.spec.Process.User = specs.User{UID: uid, GID: uid}
				b.spec.Process.Capabilities = c
				b.spec.Process.NoNewPrivileges = uid == 0 && what == "three"
				if from != "an ordinary caller" {
					b.command = func(cmd *exec.Cmd) {
						cmd.SysProcAttr = &syscall.SysProcAttr{AmbientCaps: []uintptr{unix.CAP_NET_RAW, unix.CAP_SETPCAP, unix.CAP_SYS_ADMIN}}
					}
				}
				variant := fmt.Sprintf("%s for user %d from %s", what, uid, from)
				a.capabilities(variant, b.attack(variant), c, uid)
			}
		}
	}
}

// capabilities compares the five sets with what execve(2) makes of those that were
// asked for, see capabilities(7): no set may be larger.
func (a *attempt) capabilities(variant string, o outcome, c *specs.LinuxCapabilities, uid uint32) {
	if !o.ran {
		return
	}
	bounding, inheritable := bits(c.Bounding), bits(c.Inheritable)
	ambient := bits(c.Ambient) & bits(c.Permitted) & inheritable
	permitted := ambient
	if uid == 0 {
		permitted |= inheritable | bounding
	}
	for name, most := range map[string]uint64{"CapInh": inheritable, "CapPrm": permitted, "CapEff": permitted, "CapBnd": bounding, "CapAmb": ambient} {
		got, err := strconv.ParseUint(o.field(name), 16, 64)
		if err != nil || got&^most != 0 {
			a.hit("%s: %s is %x, not within %x (%v)", variant, name, got, most, err)
		}
	}
}

// CVE-2016-3697: an id is a number. What is none is refused, and none becomes another
// one on the way.
func TestAUserIsTheOneOfTheConfiguration(t *testing.T) {
	a := try(t, "S-24")
	for _, id := range []string{"0", "1", "1000", "65534", "2147483647", "2147483648", "4294967294", "4294967295", "4294967296", "4294967297", "18446744073709551616",
		"-1", "-0", "1e3", "1.0", "1.5", "0x0", "007", `"0"`, `"root"`, `""`, "null", "true", "[1]", "1e400", "4294967295.9"} {
		for _, name := range []string{"uid", "gid", "additionalGids"} {
			b := a.bundle().payload("tell who I am")
			b.spec.Process.User = specs.User{UID: 7777, GID: 7777, AdditionalGids: []uint32{7777}}
			b.document = func(text string) string {
				if name == "additionalGids" {
					return strings.Replace(text, `[7777]`, `[`+id+`]`, 1)
				}
				return strings.Replace(text, `"`+name+`":7777`, `"`+name+`":`+id, 1)
			}
			a.identity(b, name, id)
		}
	}
}

func (a *attempt) identity(b *bundle, name, id string) {
	a.Helper()
	o := b.attack(name + " " + id)
	if !o.ran {
		return
	}
	got := map[string]string{"uid": o.field("Uid"), "gid": o.field("Gid"), "additionalGids": o.field("Groups")}[name]
	asked, err := strconv.ParseFloat(strings.Trim(id, `"`), 64)
	if err != nil {
		asked = -1
	}
	if id == "null" {
		asked = 0 // as if it were not there
	}
	if name == "additionalGids" && got == "" && asked < 0 {
		return // taken for none at all
	}
	for _, n := range strings.Fields(got) {
		if is, err := strconv.ParseFloat(n, 64); err != nil || is != asked {
			a.hit("%s %s: became %s", name, id, n)
			return
		}
	}
	if got == "" {
		a.hit("%s %s: became nothing", name, id)
	}
}

// What the runtime's caller is and has does not come along.
func TestNothingOfTheCallerIsInherited(t *testing.T) {
	a := try(t, "S-29")
	runtime.LockOSThread() // the session keyring is the thread's; it ends with the test
	_, err := unix.KeyctlJoinSessionKeyring(secret)
	must(t, err)
	_, err = unix.AddKey("user", key, []byte("of the host"), unix.KEY_SPEC_SESSION_KEYRING)
	must(t, err)
	for _, uid := range []uint32{0, 1000} {
		b := a.bundle().payload("tell who I am")
		b.spec.Process.User = specs.User{UID: uid, GID: uid, AdditionalGids: []uint32{55}}
		b.command = func(cmd *exec.Cmd) {
			cmd.Args = slices.Concat([]string{"/bin/busybox", "sh", "-c", `umask 0; exec "$0" "$@"`, cmd.Path}, cmd.Args[1:])
			cmd.Path = image + "/busybox"
			cmd.Env = append(cmd.Env, "OF_THE_HOST="+secret)
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Groups: []uint32{0, 4242, 4343}}}
		}
		variant := fmt.Sprintf("user %d", uid)
		o := b.attack(variant)
		if !o.ran {
			t.Fatalf("%+v", o)
		}
		for _, g := range strings.Fields(o.field("Groups")) {
			if g != "55" && g != fmt.Sprint(uid) {
				a.hit("%s: group %s", variant, g)
			}
		}
		if o.field("Umask") == "0" {
			a.hit("%s: the caller's umask", variant)
		}
		if o.field("Key") != "" {
			a.hit("%s: a key of the caller's session", variant)
		}
		for line := range strings.Lines(o.out) {
			v, ok := strings.CutPrefix(line, "Variable:\t")
			name, _, _ := strings.Cut(v, "=")
			if ok && !slices.Contains([]string{"PATH", "HOME", roleVar}, name) {
				a.hit("%s: the variable %s", variant, name)
			}
		}
	}
}

// A session keyring is found by its name, and joined by whoever may search it, see
// keyctl(2) KEYCTL_JOIN_SESSION_KEYRING: a neighbour makes the one that the runtime will
// look for first, and opens it to all.
func TestASessionKeyringIsNotANeighbours(t *testing.T) {
	a := try(t, "S-29")
	var names []string
	for n := range 10 {
		id := fmt.Sprintf("attempt-%d", int(counter.Load())+n)
		names = append(names, "_ses."+id, id)
	}
	neighbour := a.bundle().payload("lay out keyrings", names...)
	_, stop := neighbour.created()
	if o := neighbour.call("start", neighbour.id); o.code != 0 {
		t.Fatalf("start: %+v", o)
	}
	for begin := time.Now(); time.Since(begin) < patience; time.Sleep(10 * time.Millisecond) {
		if said, _ := os.ReadFile(neighbour.dir + "/said-" + neighbour.id); strings.Contains(string(said), "done") {
			break
		}
	}
	o := a.bundle().payload("tell my session keyring").attack("a container of a name that was expected")
	laid := stop()
	if !strings.Contains(laid, "done") || !strings.Contains(o.out, "mine: ") {
		t.Fatalf("the neighbour: %s\nthe container: %+v", laid, o)
	}
	_, mine, _ := strings.Cut(o.out, "mine:")
	if strings.Contains(laid, strings.TrimSuffix(mine, "\n")) {
		a.hit("the container has the keyring of a neighbour")
	}
}

// layOutKeyrings makes keyrings of these names, open to all, and stays: a keyring ends
// with its last process.
func layOutKeyrings(names []string) {
	told := make(chan string)
	for _, name := range names {
		go func() {
			runtime.LockOSThread() // the session keyring is the thread's
			id, err := unix.KeyctlJoinSessionKeyring(name)
			if err == nil {
				err = unix.KeyctlSetperm(id, 0x3f3f3f3f)
			}
			told <- fmt.Sprintln(name, id, err)
			select {}
		}()
	}
	for range names {
		fmt.Print(<-told)
	}
	fmt.Println("done")
	time.Sleep(time.Hour)
}
