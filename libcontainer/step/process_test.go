package step

import (
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestStepCwd(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	w.write("etc/file", "", 0o644)
	must(t, os.Symlink("/etc", w.in("abs")))
	must(t, os.Symlink("../../../../etc", w.in("rel")))
	must(t, os.Symlink("../nowhere", w.in("dangling")))
	must(t, os.Symlink("loop", w.in("loop")))
	outside, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	must(t, err)
	w.apply(&Mount{Type: "proc", Source: "proc", Target: "/proc"})
	w.pivot()
	for path, want := range map[string]string{"/": "/", "/etc": "/etc", "/made/for/it": "/made/for/it", "/abs": "/etc", "/rel": "/etc", "/etc/../..": "/",
		"etc": "/etc", "/dangling/x": "/nowhere/x"} {
		w.apply(&Cwd{Path: path})
		if got, err := unix.Getwd(); err != nil || got != want {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
	var st unix.Stat_t
	must(t, unix.Stat("/made/for", &st))
	if st.Mode&0o7777 != 0o755 {
		t.Errorf("mode %#o", st.Mode)
	}
	const says = `") set in config.json failed: `
	w.fails(&Cwd{Path: "/etc/file"}, `chdir to cwd ("/etc/file`+says, "")
	w.fails(&Cwd{Path: "/loop/x"}, says, "")
	// A descriptor of the host leads nowhere (CVE-2024-21626).
	w.fails(&Cwd{Path: "/proc/self/fd/" + itoa(outside)}, says, "")
	must(t, unix.Fchdir(outside))
	if err := (&Cwd{Path: "/"}).inside(); err == nil || !strings.Contains(err.Error(), "not inside the container's root") {
		t.Errorf("outside the root: %v", err)
	}
}

func itoa(n int) string { return strings.TrimPrefix(onFD(n), "self/fd/") }

// A directory that is closed to root is tried again as the user.
func TestStepCwdAsUser(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	must(t, os.Mkdir(w.in("home"), 0o700))
	if w.allIDs {
		must(t, os.Chown(w.in("home"), 1000, 1000))
	} else {
		must(t, os.Chmod(w.in("home"), 0))
	}
	w.pivot()
	w.apply(&Capabilities{Permitted: 1<<6 | 1<<7}) // setgid and setuid, not dac_override: a root that may not everything
	raise(t, 1<<6|1<<7)
	w.apply(&Cwd{Path: "/home"})
	if !w.allIDs { // there is no other user to become
		w.fails(&Cwd{Path: "/home", AsUser: true}, `chdir to cwd ("/home") set in config.json failed: permission denied`, "")
		return
	}
	w.apply(&User{UID: 1000, GID: 1000}, &Cwd{Path: "/home", AsUser: true})
	if got, err := unix.Getwd(); err != nil || got != "/home" {
		t.Errorf("%q, %v", got, err)
	}
}

// raise makes permitted capabilities of this thread effective.
func raise(t *testing.T, bits uint32) {
	t.Helper()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	must(t, unix.Capget(&header, &data[0]))
	data[0].Effective |= bits
	must(t, unix.Capset(&header, &data[0]))
}

func TestStepUmask(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	w.apply(&Umask{Mask: 0o137})
	if got := w.status("Umask"); got != "0137" {
		t.Error(got)
	}
	must(t, os.WriteFile(w.in("file"), nil, 0o777))
	var st unix.Stat_t
	must(t, unix.Stat(w.in("file"), &st))
	if st.Mode&0o777 != 0o640 {
		t.Errorf("mode %#o", st.Mode)
	}
}

func TestStepRlimit(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	w.apply(&Rlimit{Name: "RLIMIT_NOFILE", Resource: unix.RLIMIT_NOFILE, Soft: 100, Hard: 200}, &Rlimit{Name: "RLIMIT_CORE", Resource: unix.RLIMIT_CORE})
	var got unix.Rlimit
	must(t, unix.Prlimit(0, unix.RLIMIT_NOFILE, nil, &got))
	if got.Cur != 100 || got.Max != 200 {
		t.Errorf("%+v", got)
	}
	// Where there is room none is made.
	w.apply(&Rlimit{Name: "RLIMIT_NOFILE", Resource: unix.RLIMIT_NOFILE, Soft: 50, Hard: 150, Room: true})
	must(t, unix.Prlimit(0, unix.RLIMIT_NOFILE, nil, &got))
	if got.Cur != 100 || got.Max != 200 || len(w.roomFor) > 0 {
		t.Errorf("%+v, asked for %v", got, w.roomFor)
	}
	// What may not be raised here is asked of the host.
	w.fails(&Rlimit{Name: "RLIMIT_NOFILE", Resource: unix.RLIMIT_NOFILE, Soft: 100, Hard: 300}, "no room", "")
	w.fails(&Rlimit{Name: "RLIMIT_NOFILE", Resource: unix.RLIMIT_NOFILE, Soft: 100, Hard: 300, Room: true}, "no room", "")
	w.fails(&Rlimit{Name: "RLIMIT_CORE", Resource: unix.RLIMIT_CORE, Hard: 1<<64 - 1}, "no room", "")
	if !slices.Equal(w.roomFor, []string{"RLIMIT_NOFILE", "RLIMIT_NOFILE", "RLIMIT_CORE"}) {
		t.Errorf("asked for %v", w.roomFor)
	}
	w.fails(&Rlimit{Name: "RLIMIT_NOFILE", Resource: unix.RLIMIT_NOFILE, Soft: 2, Hard: 1}, "invalid argument", "")
}

func TestStepOOMScore(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	w.apply(&OOMScore{Value: 700})
	if got, err := os.ReadFile("/proc/self/oom_score_adj"); err != nil || string(got) != "700\n" {
		t.Errorf("%q, %v", got, err)
	}
	// Only the host may lower it.
	w.apply(&OOMScore{Value: -1000})
	if !w.scored {
		t.Error("the host was not asked")
	}
	w.fails(&OOMScore{Value: 1001}, "invalid argument", "")
}

func TestStepUser(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	if !w.allIDs {
		w.apply(&User{NoSetgroups: true})
		w.fails(&User{UID: 1, NoSetgroups: true}, "setresuid(1): invalid argument", ".linux.uidMappings")
		w.fails(&User{GID: 1, NoSetgroups: true}, "setresgid(1): invalid argument", ".linux.gidMappings")
		w.fails(&User{Groups: []uint32{0}}, "setgroups(the additional groups): operation not permitted", "")
		return
	}
	w.apply(&User{UID: 1000, GID: 100, Groups: []uint32{5, 6}})
	const ids, gids = "1000\t1000\t1000\t1000", "100\t100\t100\t100"
	if w.status("Uid") != ids || w.status("Gid") != gids || w.status("Groups") != "5 6" {
		t.Errorf("%s; %s; %s", w.status("Uid"), w.status("Gid"), w.status("Groups"))
	}
	// The capabilities are still permitted: their own step comes later.
	if w.status("CapPrm") == w.hex(0) || w.status("CapEff") != w.hex(0) {
		t.Errorf("permitted %s, effective %s", w.status("CapPrm"), w.status("CapEff"))
	}
	if keeps, err := unix.PrctlRetInt(unix.PR_GET_KEEPCAPS, 0, 0, 0, 0); err != nil || keeps != 0 {
		t.Errorf("the next change of ids keeps capabilities too: %d, %v", keeps, err)
	}
}

// As fs.suid_dumpable=1 leaves it, which only the whole machine can have.
func TestStepUserIsNotDumpable(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	must(t, unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0))
	w.apply(&User{NoSetgroups: true})
	if dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); err != nil || dumpable != 0 {
		t.Errorf("dumpable: %d, %v", dumpable, err)
	}
}

func TestStepUserTakesTheGroupsOfTheCaller(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	if !w.allIDs {
		return // may have none and may not change them
	}
	must(t, unix.Setgroups([]int{7, 8}))
	w.apply(&User{UID: 1000, GID: 100})
	if got := w.status("Groups"); got != "" {
		t.Errorf("groups %q", got)
	}
	w.fails(&User{UID: 1000, GID: 100, Groups: []uint32{5}}, "operation not permitted", "")
}

func TestStepNoNewPrivileges(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	if w.status("NoNewPrivs") != "0" {
		t.Error("it is set before")
	}
	w.apply(&NoNewPrivileges{})
	if w.status("NoNewPrivs") != "1" {
		t.Error("it is not set")
	}
}

func TestStepOwnStdio(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	if !w.allIDs {
		w.apply(&OwnStdio{UID: 5}) // what cannot be given stays as it is
		return
	}
	var p [2]int
	must(t, unix.Pipe2(p[:], unix.O_CLOEXEC))
	var st unix.Stat_t
	for fd := range 3 {
		kept, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 10)
		must(t, err)
		must(t, unix.Dup3(p[0], fd, 0))
		w.apply(&OwnStdio{UID: 5})
		must(t, unix.Fstat(fd, &st))
		must(t, unix.Dup3(kept, fd, 0))
		if st.Uid != 5 {
			t.Errorf("descriptor %d belongs to %d", fd, st.Uid)
		}
		must(t, unix.Fchown(p[0], 0, -1))
	}
	// The host's null device is left alone, whoever's it is.
	null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	must(t, err)
	must(t, unix.Fstat(null, &st))
	before := st.Uid
	must(t, unix.Dup3(null, 0, 0))
	w.apply(&OwnStdio{UID: 6})
	must(t, unix.Fstat(null, &st))
	if st.Uid != before {
		t.Errorf("the null device belongs to %d", st.Uid)
	}
}
