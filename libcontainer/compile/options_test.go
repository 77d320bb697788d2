package compile

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/step"
)

func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' })
}

func TestOptionsBecomeFlagsOfMount(t *testing.T) {
	for text, want := range map[string]uint64{
		"": 0, "defaults": 0, "rw": 0, "ro": unix.MS_RDONLY, "ro,rw": 0, "rw,ro": unix.MS_RDONLY,
		"nosuid,nodev,noexec": unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, "nosuid,suid": 0, "nodev,dev": 0, "noexec,exec": 0, "exec,noexec": unix.MS_NOEXEC,
		"sync": unix.MS_SYNCHRONOUS, "sync,async": 0, "dirsync": unix.MS_DIRSYNC, "mand": unix.MS_MANDLOCK, "mand,nomand": 0,
		"noatime": unix.MS_NOATIME, "noatime,atime": 0, "nodiratime": unix.MS_NODIRATIME, "nodiratime,diratime": 0,
		"relatime": unix.MS_RELATIME, "relatime,norelatime": 0, "strictatime": unix.MS_STRICTATIME, "strictatime,nostrictatime": 0,
		"noatime,strictatime": unix.MS_STRICTATIME, "strictatime,noatime": unix.MS_NOATIME, "noatime,relatime": unix.MS_RELATIME,
		"relatime,strictatime": unix.MS_STRICTATIME,
		"iversion":             unix.MS_I_VERSION, "iversion,noiversion": 0, "lazytime": unix.MS_LAZYTIME, "lazytime,nolazytime": 0,
		"silent": unix.MS_SILENT, "silent,loud": 0, "nosymfollow": unix.MS_NOSYMFOLLOW, "nosymfollow,symfollow": 0,
	} {
		o := parseOptions(words(text))
		if o.flags != want || o.bind || o.remount || len(o.data) > 0 || len(o.propagations) > 0 {
			t.Errorf("%s: %+v, want the flags %#x", text, o, want)
		}
	}
}

// What mount(2) cannot do to a mount that is there is left to mount_setattr(2).
func TestOptionsBecomeAttributesOfAMount(t *testing.T) {
	const atime = unix.MOUNT_ATTR__ATIME
	for text, want := range map[string]step.Attributes{
		"bind":                 {},
		"bind,ro":              {Set: unix.MOUNT_ATTR_RDONLY},
		"bind,rw":              {Clear: unix.MOUNT_ATTR_RDONLY},
		"bind,ro,rw":           {Clear: unix.MOUNT_ATTR_RDONLY},
		"bind,nosuid,dev":      {Set: unix.MOUNT_ATTR_NOSUID, Clear: unix.MOUNT_ATTR_NODEV},
		"bind,noexec":          {Set: unix.MOUNT_ATTR_NOEXEC},
		"bind,nosymfollow":     {Set: unix.MOUNT_ATTR_NOSYMFOLLOW},
		"bind,nodiratime":      {Set: unix.MOUNT_ATTR_NODIRATIME},
		"noatime":              {Set: unix.MOUNT_ATTR_NOATIME, Clear: atime},
		"strictatime":          {Set: unix.MOUNT_ATTR_STRICTATIME, Clear: atime},
		"relatime":             {Clear: atime},
		"atime":                {Clear: atime},
		"noatime,strictatime":  {Set: unix.MOUNT_ATTR_STRICTATIME, Clear: atime},
		"strictatime,noatime":  {Set: unix.MOUNT_ATTR_NOATIME, Clear: atime},
		"noatime,relatime":     {Clear: atime},
		"rro":                  {RSet: unix.MOUNT_ATTR_RDONLY},
		"rro,rrw":              {RClear: unix.MOUNT_ATTR_RDONLY},
		"rnosuid,rnodev":       {RSet: unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV},
		"rnoexec,rexec":        {RClear: unix.MOUNT_ATTR_NOEXEC},
		"rnoatime":             {RSet: unix.MOUNT_ATTR_NOATIME, RClear: atime},
		"rnoatime,rrelatime":   {RClear: atime},
		"rnosymfollow":         {RSet: unix.MOUNT_ATTR_NOSYMFOLLOW},
		"ro,rnosuid":           {Set: unix.MOUNT_ATTR_RDONLY, RSet: unix.MOUNT_ATTR_NOSUID},
		"private,rshared":      {Propagations: []uint64{unix.MS_PRIVATE, unix.MS_SHARED | unix.MS_REC}},
		"sync,silent,lazytime": {},
	} {
		o := parseOptions(words(text))
		got := o.attributes()
		if !slices.Equal(got.Propagations, want.Propagations) || got.Set != want.Set || got.Clear != want.Clear || got.RSet != want.RSet || got.RClear != want.RClear {
			t.Errorf("%s: %+v, want %+v", text, got, want)
		}
	}
}

func TestUnknownOptionsAreForTheFilesystemInOrder(t *testing.T) {
	o := parseOptions(words("size=64k,nosuid,mode=700,bogus,rbind"))
	if !slices.Equal(o.data, []string{"size=64k", "mode=700", "bogus"}) || !o.bind || !o.recursive || o.flags != unix.MS_NOSUID {
		t.Errorf("%+v", o)
	}
}

// features promises what parseOptions takes.
func TestEveryOptionOfFeaturesIsKnown(t *testing.T) {
	all := MountOptions()
	if !slices.IsSorted(all) || len(slices.Compact(slices.Clone(all))) != len(all) {
		t.Error("not sorted, or one is there twice")
	}
	for _, name := range all {
		o := parseOptions([]string{name})
		if len(o.data) > 0 {
			t.Errorf("%s: %v", name, o)
		}
	}
}

func TestATypingErrorHasASuggestion(t *testing.T) {
	for word, want := range map[string]string{
		"nosiud": "nosuid", "nosuidd": "nosuid", "osuid": "nosuid", "nosuit": "nosuid", "rbnid": "rbind", "noexc": "noexec", "privat": "private", "roo": "ro",
		"nsoiud": "nosuid", "frobnicate": "", "size=1m": "", "x": "", "": "",
	} {
		if got := NearOption("", word); got != want {
			t.Errorf("%s: %q, want %q", word, got, want)
		}
	}
}

// What is one mount is set by one call, and ends as if all had been set one after another.
func TestAttributesOfASingleMount(t *testing.T) {
	const ro, nosuid, atime = unix.MOUNT_ATTR_RDONLY, unix.MOUNT_ATTR_NOSUID, unix.MOUNT_ATTR__ATIME
	for text, want := range map[string]step.Attributes{
		"":                   {},
		"ro,rnosuid":         {Set: ro | nosuid},
		"rro,rw":             {Clear: ro},
		"ro,rrw":             {Set: ro, Clear: ro}, // the kernel clears first
		"rnoatime,ro":        {Set: unix.MOUNT_ATTR_NOATIME | ro, Clear: atime},
		"rnoatime,relatime":  {Clear: atime},
		"rrelatime,noatime":  {Set: unix.MOUNT_ATTR_NOATIME, Clear: atime},
		"rprivate,ro":        {Set: ro, Propagations: []uint64{unix.MS_PRIVATE}},
		"runbindable,shared": {Propagations: []uint64{unix.MS_UNBINDABLE, unix.MS_SHARED}},
	} {
		o := parseOptions(words(text))
		got := single(o.attributes())
		if got.Set != want.Set || got.Clear != want.Clear || got.RSet|got.RClear != 0 || !slices.Equal(got.Propagations, want.Propagations) {
			t.Errorf("%s: %+v, want %+v", text, got, want)
		}
	}
}
