package compile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/step"
)

// law is a sentence about every plan. breaks gives a plan that breaks it, or nil where
// the plan has nothing to break it with.
type law struct {
	name    string
	broken  func(containment) string // why; "" where it holds
	breaks  func(step.Plan) step.Plan
	ofOrder bool // a shuffled plan breaks it sooner or later
}

// moment is a part of init's life. A plan never goes back to an earlier one.
type moment int

const (
	begins moment = iota // paths of the host lead to files of the host
	builds               // the root is open and the host is still there
	owns                 // PivotRoot and after it: no path leads to the host any more
	drops                // User and after it: what needs privileges is over
	closes               // what would hinder init itself
	waits                // set up: from here on start can come
)

// moments says when a step may run. A step with several moments decides by its fields, see
// at.
var moments = map[string][]moment{
	"CgroupNamespace": {begins}, "Session": {begins}, "Keyring": {begins}, "EnterNetwork": {begins}, "Loopback": {begins}, "HoldSource": {begins}, "EnterRoot": {begins}, "Chroot": {begins},
	"HoldNull": {begins},
	"Mount":    {builds}, "Bind": {builds}, "CgroupMount": {builds}, "Reconfigure": {builds}, "Remount": {builds}, "Device": {builds}, "DeviceLinks": {builds},
	"Console": {builds}, "Sysctl": {builds}, "ReadonlyPath": {builds}, "MaskedPath": {builds},
	"RuntimeHook": {builds}, "ContainerHook": {builds, waits},
	"PivotRoot": {owns}, "LockIn": {owns}, "RootPropagation": {owns}, "ReadonlyRoot": {owns}, "Hostname": {owns}, "Domainname": {owns},
	"SpareThreads": {owns},
	"Umask":        {owns}, "Environment": {owns}, "Cwd": {owns, drops}, "TakeConsole": {owns}, "OwnStdio": {owns}, "OOMScore": {owns},
	"Bounding": {owns}, "Rlimit": {owns, closes, waits},
	"User": {drops}, "Capabilities": {drops}, "NoNewPrivileges": {drops}, "Personality": {drops}, "FindProgram": {drops},
	"CloseFiles": {closes}, "ResetSignals": {closes},
	"WaitStart": {waits}, "AnswerStart": {waits}, "Execute": {waits},
}

// at is the moment that a step belongs to.
func at(s step.Step) moment {
	list := moments[kindOf(s)]
	if len(list) == 0 {
		return begins
	}
	switch s := s.(type) {
	case *step.Cwd:
		if s.AsUser {
			return list[1]
		}
	case *step.Rlimit:
		switch {
		case low(s) && s.Resource == unix.RLIMIT_NOFILE:
			return list[2]
		case low(s):
			return list[1]
		}
	case *step.ContainerHook:
		if s.Started {
			return list[1]
		}
	}
	return list[0]
}

var laws = []law{
	{"it ends with Execute", last("Execute"), moved("Execute", "Umask"), true},
	{"once it waits for start, only hooks, the answer, a limit of files, the filter and execve are left", onlyAfter("WaitStart", "ContainerHook", "AnswerStart", "Rlimit", "Seccomp", "Execute"), moved("CloseFiles", "Execute"), true},
	{"what belongs to start comes when start has come", startComesFirst, earlyStartHook, true},
	{"the hooks of start run before it is answered, limits that leave no file to answer with come after", answered, moved("AnswerStart", "WaitStart"), true},
	{"nothing but execve comes after the filter", onlyAfter("Seccomp", "Execute"), earlySeccomp, false},
	{"what happens once happens once", once, twice("User"), false},
	{"a plan never goes back to an earlier moment", neverBack, moved("PivotRoot", "EnterRoot"), true},
	{"no step after PivotRoot names a path of the host", noHostPaths, moved("PivotRoot", "EnterRoot"), true},
	{"the root is entered in one of two ways", oneRoot, without("LockIn"), false},
	{"without a mount namespace nothing is mounted", nothingMounted, mounting, false},
	{"what is shared with the host is held before the mounts are cut off", chain("HoldSource", "EnterRoot"), moved("EnterRoot", "HoldSource"), true},
	{"the null device is held before files are masked with it", needs("MaskedPath", "HoldNull"), without("HoldNull"), true},
	{"a cgroup is shown after its namespace is made", cgroupShown, lateNamespace, true},
	{"mounts come in the order of the configuration", listed(".mounts["), swapped(".mounts["), true},
	{"devices come in the order of the configuration", listed(".linux.devices["), swapped(".linux.devices["), true},
	{"masks come in the order of the configuration", listed(".linux.maskedPaths["), swapped(".linux.maskedPaths["), true},
	{"devices are made once all mounts are there", before("Device", "Mount", "Bind", "CgroupMount"), moved("Device", "EnterRoot", "Mount"), true},
	{"links are made beside the devices, a console after both", chain("Device", "DeviceLinks", "Console"), moved("DeviceLinks", "EnterRoot"), true},
	{"what is to be read-only is writable until everything is on it", lateReadonly, earlyReadonly, true},
	{"parameters are set before their files are read-only", before("ReadonlyPath", "Sysctl"), moved("ReadonlyPath", "EnterRoot", "Sysctl"), true},
	{"masks lie over read-only paths", before("MaskedPath", "ReadonlyPath"), moved("MaskedPath", "EnterRoot", "ReadonlyPath"), true},
	{"a terminal is opened before it is taken, and belongs to the user then", chain("Console", "TakeConsole", "OwnStdio"),
		moved("OwnStdio", "Umask", "TakeConsole"), true},
	{"the bounding set needs privileges, the others are set when the user has changed", chain("Bounding", "User", "Capabilities"),
		moved("User", "Bounding"), true},
	{"the working directory is inside the root, and tried again as the user", cwds, moved("Cwd", "PivotRoot"), true},
	{"no_new_privs is set when nothing needs privileges any more", before("NoNewPrivileges", "Capabilities"), moved("NoNewPrivileges", "Capabilities"), true},
	{"the program is looked for as its own user, in its working directory", before("FindProgram", "User", "Capabilities", "Cwd"),
		moved("FindProgram", "Umask"), true},
	{"after a low limit come only limits", lowLimits, lateFind, true},
	{"threads are made before a limit forbids them", before("Rlimit", "SpareThreads"), moved("SpareThreads", "WaitStart"), true},
	{"files are kept from the program when no step opens one any more",
		onlyAfter("CloseFiles", "ResetSignals", "Rlimit", "WaitStart", "ContainerHook", "AnswerStart", "Seccomp", "Execute"), moved("CloseFiles", "Umask"), true},
	{"hooks come in the order of their kinds, and of the configuration", hookOrder, swapped(".hooks."), true},
	{"the hooks of create come when mounts and devices are there", before("RuntimeHook", "Mount", "Bind", "CgroupMount", "Device", "DeviceLinks"),
		moved("RuntimeHook", "DeviceLinks"), true},
	{"the hooks of create find nothing masked or read-only yet", hooksFirst, moved("MaskedPath", "RuntimeHook"), true},
	{"every field is in config.json", fieldsExist, misnamed, false},
}

// onces are steps of every plan; sometimes are those of a few, once each.
var (
	onces = []string{"Session", "DeviceLinks", "Umask", "Environment", "OwnStdio", "User", "Capabilities", "CloseFiles",
		"ResetSignals", "WaitStart", "Execute"}
	sometimes = []string{"EnterRoot", "Chroot", "PivotRoot", "LockIn", "CgroupNamespace", "Keyring", "EnterNetwork", "Loopback", "HoldNull", "Console",
		"RootPropagation", "ReadonlyRoot", "Hostname", "Domainname", "TakeConsole", "OOMScore", "Bounding", "NoNewPrivileges", "Personality", "FindProgram",
		"SpareThreads", "AnswerStart"}
)

func once(c containment) string {
	kinds := c.kinds()
	for _, kind := range onces {
		if n := count(kinds, kind); n != 1 && (kind != "DeviceLinks" || n != 0) { // none on a /dev of the host
			return fmt.Sprintf("%d times %s", n, kind)
		}
	}
	for _, kind := range sometimes {
		if n := count(kinds, kind); n > 1 {
			return fmt.Sprintf("%d times %s", n, kind)
		}
	}
	return ""
}

func oneRoot(c containment) string {
	n := func(kind string) int { return count(c.kinds(), kind) }
	if n("EnterRoot") != n("PivotRoot") || n("Chroot") != n("LockIn") || n("EnterRoot")+n("Chroot") != 1 {
		return fmt.Sprintf("%d EnterRoot, %d PivotRoot, %d Chroot, %d LockIn", n("EnterRoot"), n("PivotRoot"), n("Chroot"), n("LockIn"))
	}
	return ""
}

func nothingMounted(c containment) string {
	kinds := c.kinds()
	for i, e := range c.plan {
		d, isDevice := e.Step.(*step.Device)
		mounts := slices.Contains([]string{"Mount", "Bind", "CgroupMount", "Reconfigure", "Remount", "ReadonlyPath", "MaskedPath", "Console"}, kinds[i])
		if slices.Contains(kinds, "Chroot") && (mounts || isDevice && d.Bind) {
			return e.Step.String()
		}
	}
	return ""
}

func last(kind string) func(containment) string {
	return func(c containment) string {
		kinds := c.kinds()
		if i := slices.Index(kinds, kind); i != len(kinds)-1 {
			return fmt.Sprintf("%s is step %d of %d", kind, i+1, len(kinds))
		}
		return ""
	}
}

// onlyAfter: what may come behind the first step of a kind.
func onlyAfter(kind string, allowed ...string) func(containment) string {
	return func(c containment) string {
		kinds := c.kinds()
		i := slices.Index(kinds, kind)
		for _, k := range kinds[i+1:] {
			if i >= 0 && !slices.Contains(allowed, k) {
				return fmt.Sprintf("%s comes after %s", k, kind)
			}
		}
		return ""
	}
}

// before: each step of a kind comes after all of the others.
func before(kind string, others ...string) func(containment) string {
	return func(c containment) string {
		kinds := c.kinds()
		i := slices.Index(kinds, kind)
		for j, k := range kinds {
			if i >= 0 && j > i && slices.Contains(others, k) {
				return fmt.Sprintf("%s, step %d, comes before %s, step %d", kind, i+1, k, j+1)
			}
		}
		return ""
	}
}

// chain: all steps of a kind, then all of the next.
func chain(kinds ...string) func(containment) string {
	return func(c containment) string {
		for i := range kinds[1:] {
			if complaint := before(kinds[i+1], kinds[:i+1]...)(c); complaint != "" {
				return complaint
			}
		}
		return ""
	}
}

// needs: where there is a step of one kind, the other is there before.
func needs(kind, other string) func(containment) string {
	return func(c containment) string {
		kinds := c.kinds()
		i, j := slices.Index(kinds, kind), slices.Index(kinds, other)
		if i >= 0 && (j < 0 || j > i) {
			return "there is no " + other + " before " + kind
		}
		return ""
	}
}

func neverBack(c containment) string {
	latest := begins
	for i, e := range c.plan {
		if m := at(e.Step); m < latest {
			return fmt.Sprintf("step %d (%s) is too late", i+1, kindOf(e.Step))
		} else {
			latest = m
		}
	}
	return ""
}

// noHostPaths looks at all that the child is told, besides at the steps that are known
// to open something of the host (by neverBack).
func noHostPaths(c containment) string {
	ours := false
	for _, e := range c.plan {
		if ours = ours || kindOf(e.Step) == "PivotRoot" || kindOf(e.Step) == "LockIn"; ours && strings.Contains(data(e.Step)+e.Step.String(), hostDir) {
			return kindOf(e.Step) + ": " + data(e.Step)
		}
	}
	return ""
}

func cgroupShown(c containment) string {
	for i, e := range c.plan {
		m, ok := e.Step.(*step.Mount)
		if ok && m.Type == "cgroup2" && slices.Contains(c.kinds()[i:], "CgroupNamespace") {
			return "it shows the runtime's own"
		}
	}
	return ""
}

// lateReadonly: a tmpfs of the configuration has places for other mounts and devices.
func lateReadonly(c containment) string {
	mounts := map[string]bool{}
	done := 0 // the last step that makes something
	for i, e := range c.plan {
		switch s := e.Step.(type) {
		case *step.Mount:
			if mounts[e.Field] = true; s.Type == "tmpfs" && s.Flags&unix.MS_RDONLY != 0 {
				return s.Target + " is mounted read-only"
			}
			done = i
		case *step.Bind, *step.CgroupMount, *step.Device, *step.DeviceLinks, *step.Console:
			done = i
		}
	}
	for i, e := range c.plan {
		if s, ok := e.Step.(*step.Remount); ok && mounts[e.Field] && i < done {
			return s.Target + " is read-only before " + c.plan[done].Step.String()
		}
	}
	return ""
}

func cwds(c containment) string {
	pivot, user := place(c.plan, "PivotRoot"), place(c.plan, "User")
	tries := map[bool]int{}
	for i, e := range c.plan {
		s, ok := e.Step.(*step.Cwd)
		if !ok {
			continue
		}
		if tries[s.AsUser]++; s.AsUser != (i > user) || i < pivot {
			return fmt.Sprintf("step %d is not where it belongs", i+1)
		}
	}
	if tries[false] != 1 || tries[true] != 1 {
		return fmt.Sprintf("%d tries", len(tries))
	}
	return ""
}

func startComesFirst(c containment) string {
	for i, e := range c.plan {
		if at(e.Step) == waits && i < place(c.plan, "WaitStart") {
			return fmt.Sprintf("step %d (%s) does not wait", i+1, kindOf(e.Step))
		}
	}
	return ""
}

func answered(c containment) string {
	answer, waits := place(c.plan, "AnswerStart"), place(c.plan, "WaitStart")
	if answer >= 0 && answer < waits {
		return "it answers before it waits"
	}
	for i, e := range c.plan {
		r, limit := e.Step.(*step.Rlimit)
		if limit && low(r) && r.Resource == unix.RLIMIT_NOFILE && (answer < 0 || i < answer) {
			return "a low limit of files comes before the answer"
		}
		if kindOf(e.Step) == "ContainerHook" && i > waits && answer >= 0 && i > answer {
			return "a hook comes after the answer"
		}
	}
	return ""
}

func lowLimits(c containment) string {
	after := false
	for _, e := range c.plan {
		r, limit := e.Step.(*step.Rlimit)
		if after && !limit && !slices.Contains([]string{"WaitStart", "ContainerHook", "AnswerStart", "Seccomp", "Execute"}, kindOf(e.Step)) {
			return kindOf(e.Step) + " comes after a low limit"
		}
		after = after || limit && low(r)
	}
	return ""
}

// hookOrder: within a kind listed would do; this looks at the kinds as well.
func hookOrder(c containment) string {
	latest := -1
	for _, e := range c.plan {
		rest, ok := strings.CutPrefix(e.Field, ".hooks.")
		if !ok {
			continue
		}
		kind, index, _ := strings.Cut(strings.TrimSuffix(rest, "]"), "[")
		n, err := strconv.Atoi(index)
		if now := 100*slices.Index(HookKinds(), kind) + n; err != nil || now <= latest {
			return e.Field + " comes late"
		} else {
			latest = now
		}
	}
	return ""
}

func hooksFirst(c containment) string {
	sealed := ""
	for _, e := range c.plan {
		switch s := e.Step.(type) {
		case *step.ReadonlyPath, *step.MaskedPath:
			sealed = e.Step.String()
		case *step.RuntimeHook:
			if sealed != "" {
				return s.String() + " comes after " + sealed
			}
		case *step.ContainerHook:
			if sealed != "" && !s.Started {
				return s.String() + " comes after " + sealed
			}
		}
	}
	return ""
}

// listed: entries of a list of the configuration come in its order.
func listed(prefix string) func(containment) string {
	return func(c containment) string {
		latest := -1
		seen := map[string]bool{}
		for _, e := range c.plan {
			rest, ok := strings.CutPrefix(e.Field, prefix)
			if !ok || seen[e.Field] || kindOf(e.Step) == "HoldSource" {
				continue // the second step of one entry comes when it has to, and its source is held before
			}
			seen[e.Field] = true
			n, _, _ := strings.Cut(rest, "]")
			if i, err := strconv.Atoi(n); err != nil || i < latest {
				return e.Field + " comes late"
			} else {
				latest = i
			}
		}
		return ""
	}
}
