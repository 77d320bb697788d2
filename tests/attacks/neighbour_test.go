package attacks

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func init() {
	roles["spy"] = spy
	roles["hook"] = hookOfTheImage
	roles["intrude"] = func(args []string) { intrude(args[0], args[1], map[string]bool{}) }
}

// joins is how often a neighbour comes.
const joins = 20

// spy looks into every process that appears, as fast as it can, in each way that procfs
// has: its files, root, working directory, memory and program. Of the programs it keeps
// descriptors, and tries to write to what they show.
func spy(args []string) {
	seen := map[string]bool{}
	var held []string
	for {
		entries, _ := os.ReadDir("/proc")
		for _, e := range entries {
			if pid, err := strconv.Atoi(e.Name()); err == nil && pid != os.Getpid() {
				held = append(held, intrude("/proc/"+e.Name(), args[0], seen)...)
			}
		}
		for _, path := range held {
			scribble(path)
		}
		held = held[max(0, len(held)-100):]
	}
}

func intrude(proc, host string, seen map[string]bool) (held []string) {
	say := func(format string, args ...any) {
		text := fmt.Sprintf(format, args...)
		if !seen[text] {
			seen[text] = true
			fmt.Println(text)
		}
	}
	read := func(path string) {
		if data, err := os.ReadFile(path); err == nil {
			say("read by way of %s: %s", path[len(proc):], data)
		}
	}
	for _, way := range []string{"/root", "/cwd", "/cwd/../../../../../../.."} {
		read(proc + way + host + "/secret")
	}
	for fd := range 24 {
		for _, way := range []string{"", "/../../../../../../.."} {
			read(fmt.Sprintf("%s/fd/%d%s%s/secret", proc, fd, way, host))
		}
		read(fmt.Sprintf("%s/fd/%d/secret", proc, fd))
		read(fmt.Sprintf("%s/fd/%d/1/root%s/secret", proc, fd, host)) // a procfs
	}
	if fd, err := unix.Open(proc+"/exe", unix.O_RDONLY, 0); err == nil {
		to, _ := os.Readlink(proc + "/exe")
		if strings.HasPrefix(to, "/bin/") {
			unix.Close(fd)
			return nil
		}
		say("holds the program %s", to)
		held = append(held, fmt.Sprintf("/proc/self/fd/%d", fd))
	}
	if fd, err := unix.Open(proc+"/mem", unix.O_RDWR, 0); err == nil {
		if to, _ := os.Readlink(proc + "/exe"); !strings.HasPrefix(to, "/bin/") {
			say("has the memory of %s", to)
		}
		unix.Close(fd)
	}
	return held
}

// created makes a container and starts it; stop removes it and gives what it has said.
func (b *bundle) created() (pid int, stop func() string) {
	b.a.Helper()
	b.write()
	id := b.newID()
	out, err := os.Create(b.dir + "/said-" + id)
	must(b.a, err)
	o := b.callInto(out, "create", "--bundle", b.dir, id)
	if o.code != 0 {
		b.a.Fatalf("create: %+v", o)
	}
	pid = b.pid(id)
	return pid, func() string {
		b.remove(id)
		return content(out)
	}
}

func (b *bundle) pid(id string) int {
	b.a.Helper()
	var state struct{ Pid int }
	o := b.call("state", id)
	must(b.a, json.Unmarshal([]byte(o.out), &state))
	return state.Pid
}

// pod runs a spy in a container, and lets neighbours be created into its pid namespace.
// It gives what the spy has said, and whether the runtime's file is still the same.
func (a *attempt) pod(inUserNamespace bool, program []string, more ...string) (said string, same bool) {
	a.Helper()
	first := a.bundle().ownRuntime().payload("spy", a.host)
	second := a.bundle()
	second.spec.Process.Args = program
	second.runtime = first.runtime
	for _, libraries := range []string{"/lib", "/lib64", "/usr/lib"} { // of the runtime, which may be the program
		if _, err := os.Stat(libraries); err == nil {
			second.mount(libraries, "bind", libraries, "rbind", "ro")
		}
	}
	for _, b := range []*bundle{first, second} {
		capabilities := append(append([]string{}, engines...), more...)
		b.spec.Process.Capabilities = &specs.LinuxCapabilities{Bounding: capabilities, Effective: capabilities, Permitted: capabilities}
		if inUserNamespace {
			b.inUserNamespace()
		}
	}
	return first.spiesOn(second, func(pid int) {
		second.join(specs.PIDNamespace, pid)
		if inUserNamespace {
			second.join(specs.UserNamespace, pid)
			second.spec.Linux.UIDMappings, second.spec.Linux.GIDMappings = nil, nil
		}
	})
}

// spiesOn starts a container, lets the other one be changed, which may join it, and has that
// come many times.
func (b *bundle) spiesOn(second *bundle, change func(pid int)) (said string, same bool) {
	b.a.Helper()
	a := b.a
	pid, stop := b.created()
	if o := b.call("start", b.id); o.code != 0 {
		a.Fatalf("start: %+v", o)
	}
	before := hash(a.T, b.runtime)
	change(pid)
	arrived := 0
	for range joins {
		if o := second.attack("a neighbour arrives"); o.ran || o.code == 0 {
			arrived++
		}
	}
	time.Sleep(50 * time.Millisecond) // the spy's last tries, with no runtime at work
	said = stop()
	if arrived < joins/2 {
		a.Errorf("only %d of %d neighbours arrived", arrived, joins)
	}
	a.Logf("the spy: %s", said)
	return said, hash(a.T, b.runtime) == before
}

// join puts the container into a namespace of a process.
func (b *bundle) join(kind specs.LinuxNamespaceType, pid int) {
	b.joined(kind)
	name := map[specs.LinuxNamespaceType]string{specs.PIDNamespace: "pid", specs.UserNamespace: "user"}[kind]
	b.spec.Linux.Namespaces = append(b.spec.Linux.Namespaces, specs.LinuxNamespace{Type: kind, Path: fmt.Sprintf("/proc/%d/ns/%s", pid, name)})
}

// firstUser is where the user namespaces of containers begin.
const firstUser = 100000

func (b *bundle) inUserNamespace() *bundle {
	b.a.Helper()
	ids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: firstUser, Size: 65536}}
	b.spec.Linux.Namespaces = append(b.spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
	b.spec.Linux.UIDMappings, b.spec.Linux.GIDMappings = ids, ids
	for _, dir := range []string{"", "bin", "dev", "etc", "proc", "sys", "tmp", "root"} {
		must(b.a, os.Chown(b.inside(dir), firstUser, firstUser))
	}
	return b
}

// CVE-2016-9962: a process that joins still holds what belongs to the host, and those
// who are there already can look into it.
func TestANeighbourSeesNothingOfTheHost(t *testing.T) { secretPod(try(t, "S-17"), false) }

func TestANeighbourInAUserNamespaceSeesNothingOfTheHost(t *testing.T) {
	secretPod(try(t, "S-17"), true)
}

// To trace within its own user namespace is harmless, and often allowed.
func TestATracingNeighbourInAUserNamespaceSeesNothingOfTheHost(t *testing.T) {
	secretPod(try(t, "S-17"), true, "CAP_SYS_PTRACE")
}

func secretPod(a *attempt, inUserNamespace bool, more ...string) {
	a.Helper()
	said, same := a.pod(inUserNamespace, []string{"/bin/sh", "-c", "echo in"}, more...)
	a.secrets(said, same)
}

// secrets looks for hits in what a spy has said.
func (a *attempt) secrets(said string, same bool) {
	a.Helper()
	for line := range strings.Lines(said) {
		if strings.HasPrefix(line, "read by way of") || strings.HasPrefix(line, "has the memory of") || strings.Contains(line, secret) {
			a.hit("%s", strings.ReplaceAll(strings.TrimSpace(line), a.host, "/HOST"))
		}
	}
	if !same {
		a.hit("the runtime's file has changed")
	}
}

// A neighbour that may do everything to mounts tries to make the one of the runtime's
// program writable.
//
// There is no such test with CAP_SYS_PTRACE and without a user namespace: who has that
// may look into every process that it can see, see ptrace(2), and a configuration that
// lets it see those that the runtime makes gives it the host.
func TestANeighbourCannotWriteToTheRuntime(t *testing.T) {
	secretPod(try(t, "S-16"), false, "CAP_SYS_ADMIN", "CAP_LINUX_IMMUTABLE")
}

// The image of init is the neighbour's program here, and anybody's to open.
func TestARuntimeThatIsTheProgramCannotBeWrittenTo(t *testing.T) {
	a := try(t, "S-16")
	said, same := a.pod(false, []string{"/proc/self/exe", "--help"}, "CAP_SYS_ADMIN")
	if !strings.Contains(said, "holds the program") {
		t.Log("the spy was never fast enough")
	}
	if !same {
		a.hit("the runtime's file has changed")
	}
}

// Whoever is the user that init becomes must not look into it before it has become the
// user's program. The kernel gives the files of such a process in procfs to root.
func TestInitIsClosedToItsOwnUser(t *testing.T) {
	a := try(t, "S-19")
	b := a.bundle().shell("true")
	b.spec.Process.User = specs.User{UID: 1000, GID: 1000}
	b.spec.Process.Capabilities = &specs.LinuxCapabilities{}
	pid, stop := b.created()
	defer stop()
	a.ran++
	var st unix.Stat_t
	must(t, unix.Stat(fmt.Sprintf("/proc/%d/mem", pid), &st))
	if st.Uid != 0 {
		a.hit("init of a container that is only created can be traced by user %d", st.Uid)
	}
	cmd := again("intrude", fmt.Sprintf("/proc/%d", pid), a.host)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1000, Gid: 1000}}
	out, err := cmd.CombinedOutput()
	must(t, err)
	if string(out) != "in\n" {
		a.hit("user 1000 of the host: %s", out)
	}
}

// A user namespace belongs to the user who makes it. Root without any capability has all of
// them over one that belongs to root, and so over the init in there, which has the host's
// files before its eyes at first.
func TestANewUserNamespaceIsClosedToTheNeighbours(t *testing.T) {
	a := try(t, "S-33")
	a.rootSpiesOn(a.bundle().inUserNamespace(), true)
}

// A hook in the container's namespaces begins with the host's root, too.
func TestAHookInANewUserNamespaceIsClosedToTheNeighbours(t *testing.T) {
	a := try(t, "S-33")
	second := a.bundle().inUserNamespace()
	second.spec.Hooks = &specs.Hooks{CreateContainer: []specs.Hook{{Path: image + "/busybox", Args: []string{"sleep", "0.05"}}}}
	a.rootSpiesOn(second, true)
}

// For mounts whose ids are mapped a user namespace is made that nobody will live in. Only
// who sees the host's processes could see the one that makes it.
func TestTheNamespaceOfMappedIDsIsClosedToTheNeighbours(t *testing.T) {
	a := try(t, "S-33")
	second := a.bundle()
	dir := second.dir + "/volume"
	must(t, os.Mkdir(dir, 0o755))
	ids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: firstUser, Size: 10}}
	second.spec.Mounts = append(second.spec.Mounts, specs.Mount{Destination: "/volume", Type: "bind", Source: dir, Options: []string{"bind"}, UIDMappings: ids, GIDMappings: ids})
	a.rootSpiesOn(second, false)
}

// rootSpiesOn has the spy in a container without a user namespace and without capabilities.
// With join the second container comes into its pid namespace, else it sees the host's.
func (a *attempt) rootSpiesOn(second *bundle, join bool) {
	a.Helper()
	first := a.bundle().ownRuntime().payload("spy", a.host)
	first.spec.Process.Capabilities = &specs.LinuxCapabilities{}
	second.shell("true").runtime = first.runtime
	if !join {
		first.joined(specs.PIDNamespace) // takes it out
	}
	a.secrets(first.spiesOn(second, func(pid int) {
		if join {
			second.without("/proc").join(specs.PIDNamespace, pid) // a new one could not be mounted
		}
	}))
}

// A startContainer hook is a program of the image's, beside an init that has not become the
// container's program yet. To trace in its own pid namespace is often allowed.
func TestAHookOfTheImageSeesNothingOfTheHost(t *testing.T) {
	a := try(t, "S-34")
	b := a.bundle().shell("true")
	capabilities := append([]string{"CAP_SYS_PTRACE"}, engines...)
	b.spec.Process.Capabilities = &specs.LinuxCapabilities{Bounding: capabilities, Effective: capabilities, Permitted: capabilities}
	b.spec.Hooks = &specs.Hooks{StartContainer: []specs.Hook{{Path: "/bin/payload", Args: []string{"payload", a.host}, Env: []string{roleVar + "=hook"}}}}
	b.attack("a hook looks into init")
	said, err := os.ReadFile(b.inside("tmp/said"))
	must(t, err)
	for line := range strings.Lines(string(said)) {
		a.hit("%s", strings.ReplaceAll(strings.TrimSpace(line), a.host, "/HOST"))
	}
}

// hookOfTheImage looks for the host's files through init, and traces each of its threads to
// see whether one may do more than the hook. Nobody reads what a hook prints.
func hookOfTheImage(args []string) {
	out, err := os.Create("/tmp/said")
	if err != nil {
		panic(err)
	}
	os.Stdout = out
	intrude("/proc/1", args[0], map[string]bool{})
	threads, _ := os.ReadDir("/proc/1/task")
	for _, thread := range threads {
		tid, _ := strconv.Atoi(thread.Name())
		status, _ := os.ReadFile("/proc/1/task/" + thread.Name() + "/status")
		if strings.Contains(string(status), "CapEff:\t0000000000000000") || tid == 0 {
			continue
		}
		if err := unix.PtraceSeize(tid); err == nil {
			own, _ := os.ReadFile("/proc/self/status")
			if line := "CapEff:"; lineOf(status, line) != lineOf(own, line) {
				fmt.Printf("holds a thread of init with %s, and has %s itself\n", lineOf(status, line), lineOf(own, line))
			}
		}
	}
}

func lineOf(status []byte, prefix string) string {
	for line := range strings.Lines(string(status)) {
		if strings.HasPrefix(line, prefix) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}
