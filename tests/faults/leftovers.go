package main

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const cgroupTop = "/sys/fs/cgroup"

// thing is something that a runtime can leave behind.
type thing struct {
	kind string // process, cgroup, mount, file, mountpoint
	name string // path; for a process its name
	pid  int
}

func (t thing) String() string {
	if t.kind == "process" {
		return fmt.Sprintf("process %d (%s)", t.pid, t.name)
	}
	return t.kind + " " + t.name
}

type inventory map[thing]bool

// takeInventory lists all there is in the sandbox. Everything in it is ours to see:
// nobody else makes processes, cgroups, mounts or files here.
func takeInventory() inventory {
	all := inventory{}
	for _, p := range foreign() {
		all[p] = true
	}
	for _, t := range mounts() {
		all[t] = true
	}
	walk(all, "cgroup", cgroupTop)
	for _, top := range []string{"/run", "/tmp", "/dev"} {
		walk(all, "file", top)
	}
	return all
}

// since lists what has come since the inventory, in a fixed order. Mount points in
// the container's root are apart: the runtime has to make them and may not remove
// what an image could have brought along.
func (before inventory) since() (left, mountPoints []thing) {
	for t := range takeInventory() {
		switch {
		case before[t]:
		case t.kind == "mountpoint":
			mountPoints = append(mountPoints, t)
		default:
			left = append(left, t)
		}
	}
	byName := func(a, b thing) int { return strings.Compare(a.String(), b.String()) }
	slices.SortFunc(left, byName)
	slices.SortFunc(mountPoints, byName)
	return left, mountPoints
}

// walk lists the directories of the cgroup tree, or all files of another, on one
// file system.
func walk(all inventory, kind, top string) {
	var at unix.Stat_t
	if unix.Stat(top, &at) != nil {
		return
	}
	// What goes away during the walk is not left behind.
	_ = filepath.WalkDir(top, func(path string, e os.DirEntry, err error) error {
		var st unix.Stat_t
		switch {
		case err != nil || path == top || kind == "cgroup" && !e.IsDir():
			return nil
		case path == pidFile || path == hookMark || path == stopMark:
			return nil // asked for, and the caller's to remove
		case unix.Lstat(path, &st) == nil && st.Dev != at.Dev:
			return filepath.SkipDir
		}
		k := kind
		if strings.HasPrefix(path, rootfsDir+"/") {
			k = "mountpoint"
		}
		all[thing{kind: k, name: path}] = true
		return nil
	})
}

func mounts() (all []thing) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		panic(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		fields := strings.Fields(s.Text())
		all = append(all, thing{kind: "mount", name: fields[4] + " of " + fields[2] + fields[3]})
	}
	return all
}

// foreign lists the processes that are neither process 1 nor we. A zombie of process 1
// is not one of them: it is gone as soon as the sandbox comes to reap it.
func foreign() (all []thing) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		panic(err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == 1 || pid == os.Getpid() {
			continue
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue // it has just ended
		}
		if name, ofSandbox := nameAndState(string(stat)); !ofSandbox {
			all = append(all, thing{kind: "process", name: name, pid: pid})
		}
	}
	return all
}

// nameAndState gives "sh S" of what proc_pid_stat(5) describes, and whether it is a
// zombie whose parent is process 1.
func nameAndState(stat string) (name string, ofSandbox bool) {
	begin, end := strings.Index(stat, "("), strings.LastIndex(stat, ")")
	if begin < 0 || end < begin {
		return "?", false
	}
	fields := strings.Fields(stat[end+1:])
	if len(fields) < 2 {
		return "?", false
	}
	return stat[begin+1:end] + " " + fields[0], fields[0] == "Z" && fields[1] == "1"
}

const (
	settleAtMost = 300 * time.Millisecond
	quietFor     = 40 * time.Millisecond
)

// settle gives the processes that are left time to notice and to end: until none is
// left, or all have slept for a while, or the time is up.
func settle() {
	last, since := "", time.Now()
	for end := time.Now().Add(settleAtMost); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		now := activity()
		if now == "" {
			return
		}
		if now != last {
			last, since = now, time.Now()
		} else if time.Since(since) > quietFor {
			return
		}
	}
}

// activity changes whenever a foreign process runs.
func activity() string {
	var b strings.Builder
	for _, p := range foreign() {
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", p.pid))
		for _, t := range tasks {
			text, _ := os.ReadFile(t)
			if _, switches, ok := strings.Cut(string(text), "\nvoluntary_ctxt_switches"); ok {
				b.WriteString(t + switches)
			}
		}
		b.WriteString(p.String())
	}
	return b.String()
}

// leftNow waits for what is still on its way out, and lists what stays.
func (before inventory) leftNow() (left, mountPoints []thing) {
	for end := time.Now().Add(settleAtMost); ; time.Sleep(2 * time.Millisecond) {
		left, mountPoints = before.since()
		if len(left) == 0 || time.Now().After(end) {
			return left, mountPoints
		}
	}
}

// restore removes everything that has come since the inventory, so that one
// unclean point does not spoil the next.
func (before inventory) restore() error {
	for end := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		left, mountPoints := before.since()
		all := slices.Concat(left, mountPoints)
		if len(all) == 0 {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("cannot restore the sandbox: %v stays", all)
		}
		slices.Reverse(all) // deepest first
		for _, t := range all {
			t.remove()
		}
	}
}

// remove does what it can; restore looks whether it was enough.
func (t thing) remove() {
	switch t.kind {
	case "process":
		_ = unix.Kill(t.pid, unix.SIGKILL)
	case "cgroup":
		_ = os.WriteFile(t.name+"/cgroup.kill", []byte("1"), 0)
		_ = os.Remove(t.name)
	case "mount":
		point, _, _ := strings.Cut(t.name, " of ")
		_ = unix.Unmount(point, unix.MNT_DETACH)
	default:
		_ = os.RemoveAll(t.name)
	}
}

// kinds sums things up: "2 cgroup, 1 process".
func kinds(all []thing) string {
	n := map[string]int{}
	for _, t := range all {
		n[t.kind]++
	}
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(n)) {
		parts = append(parts, fmt.Sprintf("%d %s", n[k], k))
	}
	return strings.Join(parts, ", ")
}
