package spec

import (
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestMappingsOfAMountComeInPairs(t *testing.T) {
	one := []specs.LinuxIDMapping{{HostID: 5, Size: 1}}
	for want, m := range map[string]specs.Mount{
		"": {UIDMappings: one, GIDMappings: one},
		".mounts[0].gidMappings: the mount has uidMappings, but no gidMappings": {UIDMappings: one},
		".mounts[0].uidMappings: the mount has gidMappings, but no uidMappings": {GIDMappings: one},
		".mounts[0].gidMappings[0].size: a mapping of no ids":                   {UIDMappings: one, GIDMappings: []specs.LinuxIDMapping{{HostID: 1}}},
		".mounts[0].uidMappings[1]: overlaps with .mounts[0].uidMappings[0]":    {UIDMappings: append(one, one...), GIDMappings: one},
	} {
		_, _, err := Decode("config.json", edited(t, func(s *specs.Spec) { s.Mounts[0].UIDMappings, s.Mounts[0].GIDMappings = m.UIDMappings, m.GIDMappings }))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
