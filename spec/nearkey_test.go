package spec

import "testing"

// A key that is known at another place was meant to be there, if it is clear which place
// that is.
func TestAKeyAtTheWrongLevelIsFound(t *testing.T) {
	for field, want := range map[string]string{
		".linux.memory":                  ".linux.resources.memory",
		".memory":                        ".linux.resources.memory",
		".resources":                     ".linux.resources",
		".process.capabilities.ambiet":   ".process.capabilities.ambient",
		".args":                          ".process.args", // rather than that of any hook
		".process.uid":                   ".process.user.uid",
		".linux.resources.swap":          ".linux.resources.memory.swap",
		".linux.resources.memory.shares": ".linux.resources.cpu.shares",
		".linux.capabilities":            ".process.capabilities",
		".linux.HOSTNAME":                "",
		".linux.hostname":                ".hostname",
		".process.cwd":                   ".process.cwd",
		".linux.resources.limit":         "", // of memory, of pids
		".type":                          "",
		".mounts[3].readonly":            "", // .root.readonly is about something else
		".mounts[3].size":                "",
		".hooks.prestart[0].type":        "",
		".process.rlimits[0].options":    "",
		".frobnicate":                    "",
		".commandLine":                   "", // it is ignored there, too
		".linux":                         ".linux",
		".":                              "",
		"":                               "",
	} {
		if got := nearKey(field); got != want {
			t.Errorf("%s: %q, want %q", field, got, want)
		}
	}
}
