package spec

import "testing"

// Who has written flags is told of flags.
func TestAFieldIsToldAsItsFlag(t *testing.T) {
	f := flags("memory=64m", "pids=5", "cpus=0.5", "hostname=a b", "workdir=/srv", "user=7", "read-only=true", "tty=true", "env=A=1", "env=B=2", "env=A=3",
		"tmpfs=/one/two", "tmpfs=/three/:size=5", "volume=/etc:/a:ro", "volume=x:/proc/")
	s, err := FromFlags(f)
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]string{
		".linux.resources.memory.limit": "--memory 64m", ".linux.resources.memory.swap": "--memory 64m", ".linux.resources.pids.limit": "--pids 5",
		".linux.resources.cpu.quota": "--cpus 0.5", ".hostname": `--hostname "a b"`, ".process.cwd": "-w /srv", ".process.user.uid": "-u 7", ".process.user": "-u 7",
		".root.path": "--rootfs root", ".root.readonly": "--read-only", ".process.terminal": "-t",
		".process.args[0]": "", ".mounts": "", ".mounts[99].source": "", ".process.env[99]": "", ".process.cwdx": "", ".linux.resources.memoryx": "", "": "",
	}
	for i, m := range s.Mounts {
		want := map[string]string{"/one/two": "--tmpfs /one/two", "/three": "--tmpfs /three/:size=5", "/a": "-v /etc:/a:ro", "/proc": "-v x:/proc/"}[m.Destination]
		fields[index(".mounts", i)+".destination"], fields[index(".mounts", i)] = want, want
	}
	for i, kv := range s.Process.Env {
		fields[index(".process.env", i)] = map[string]string{"A=3": "-e A=3", "B=2": "-e B=2"}[kv]
	}
	for field, want := range fields {
		if got := FlagOf(f, field); got != want {
			t.Errorf("%s: %q, want %q", field, got, want)
		}
	}
	for _, field := range []string{".linux.resources.memory.limit", ".root.readonly", ".process.env[0]", ".mounts[0]", ".process.terminal"} {
		if got := FlagOf(flags(), field); got != "" {
			t.Errorf("%s without its flag: %q", field, got)
		}
	}
	if got := FlagOf(flags("memory=no"), ".root.path"); got != "" {
		t.Errorf("flags that make no sense: %q", got)
	}
}
