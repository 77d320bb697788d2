package cgroupv2

import (
	"slices"
	"strconv"
	"strings"
)

// processFiles do something to processes instead of limiting them. Whose processes
// these are is not for a configuration to say: what is in the container's cgroup is
// killed with it.
var processFiles = []processFile{
	{"cgroup.procs", "it moves a process here, which would be killed with the container"},
	{"cgroup.threads", "it moves a thread here, which would be killed with the container"},
	{"cgroup.kill", "it kills the processes of the container"},
	{"cgroup.freeze", "it stops the container's init before it is set up"},
}

type processFile struct{ name, why string }

// unified writes files by name, one line at a time (config-linux.md "Unified"), in a
// fixed order: an idle cgroup takes no weight, so cpu.idle comes after it, and cgroup.*
// last, because some of these change what the others may hold.
func (s *settings) unified(m map[string]string) {
	keys := sorted(m)
	slices.SortStableFunc(keys, func(a, b string) int { return rank(a) - rank(b) })
	for _, key := range keys {
		field := "unified[" + strconv.Quote(key) + "]"
		if !isFileName(key) {
			s.refuse(field, "not the name of a cgroup file", `It is "controller.file", such as "memory.high".`)
			return
		}
		for _, f := range processFiles {
			if f.name == key {
				s.refuse(field, "no limit: "+f.why, "Leave it out.")
				return
			}
		}
		for line := range strings.SplitSeq(m[key], "\n") {
			if line != "" {
				s.add(key, line, field)
			}
		}
	}
}

func isFileName(key string) bool {
	return !strings.ContainsAny(key, "/\x00\n") && strings.Contains(key, ".") && !strings.HasPrefix(key, ".")
}

func rank(key string) int {
	switch {
	case strings.HasPrefix(key, "cgroup."):
		return 2
	case key == "cpu.idle":
		return 1
	}
	return 0
}
