package limits

import (
	"encoding/binary"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// shell is a bundle that runs a script in a busybox root, with these resources.
func shell(script string, r *specs.LinuxResources) *specs.Spec {
	return program(r, "/bin/sh", "-c", script)
}

// program is a bundle that runs args.
func program(r *specs.LinuxResources, args ...string) *specs.Spec {
	if r == nil {
		r = &specs.LinuxResources{}
	}
	r.Devices = append([]specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}}, r.Devices...)
	caps := []string{"CAP_KILL", "CAP_MKNOD"}
	return &specs.Spec{
		Version:  "1.2.0",
		Root:     &specs.Root{Path: "rootfs"},
		Hostname: "limits",
		Process: &specs.Process{
			Args:         args,
			Cwd:          "/",
			Env:          []string{"PATH=/bin"},
			Capabilities: &specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps},
		},
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc"},
			{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "mode=755"}},
		},
		Linux: &specs.Linux{
			Resources: r,
			Namespaces: []specs.LinuxNamespace{
				{Type: specs.PIDNamespace}, {Type: specs.NetworkNamespace}, {Type: specs.IPCNamespace},
				{Type: specs.UTSNamespace}, {Type: specs.MountNamespace}, {Type: specs.CgroupNamespace},
			},
		},
	}
}

// write makes the bundle's directory. Its root holds busybox and `true`, the
// smallest static program there can be.
func write(t *testing.T, s *specs.Spec) string {
	t.Helper()
	dir := t.TempDir()
	bin := filepath.Join(dir, "rootfs", "bin")
	must(t, os.Chmod(dir, 0o755))
	for _, d := range []string{bin, filepath.Join(dir, "rootfs/proc"), filepath.Join(dir, "rootfs/dev"), filepath.Join(dir, "rootfs/sys/fs/cgroup")} {
		must(t, os.MkdirAll(d, 0o755))
	}
	must(t, os.Link(busybox(t), filepath.Join(bin, "busybox")))
	must(t, os.Link(ownProgram(t), filepath.Join(dir, "rootfs", insideName)))
	for _, applet := range strings.Fields("sh cat dd mkdir mknod sleep") {
		must(t, os.Symlink("busybox", filepath.Join(bin, applet)))
	}
	must(t, os.WriteFile(filepath.Join(dir, "rootfs/true"), tinyTrue(), 0o755))
	data, err := json.Marshal(s)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "config.json"), data, 0o644))
	return dir
}

// busybox is a copy of the machine's that the bundles link to: one inode, which is
// read from the disk only once.
func busybox(t *testing.T) string {
	t.Helper()
	path := filepath.Join(os.TempDir(), "busybox-of-limits")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	source, err := exec.LookPath("busybox")
	must(t, err)
	data, err := os.ReadFile(source)
	must(t, err)
	must(t, os.WriteFile(path, data, 0o755))
	return path
}

// tinyTrue is an ELF file, see elf(5), whose whole code is exit(0).
func tinyTrue() []byte {
	code := []byte{0x31, 0xff, 0xb8, 60, 0, 0, 0, 0x0f, 0x05} // xor edi, edi; mov eax, 60; syscall
	const base, headers = 0x400000, 64 + 56
	size := uint64(headers + len(code))
	b := append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 9)...)
	le := binary.LittleEndian
	for _, v := range []uint16{2 /* ET_EXEC */, 62 /* EM_X86_64 */, 1, 0} {
		b = le.AppendUint16(b, v)
	}
	b = le.AppendUint64(b, base+headers) // entry
	b = le.AppendUint64(b, 64)           // program headers
	b = le.AppendUint64(b, 0)            // no sections
	b = le.AppendUint32(b, 0)
	for _, v := range []uint16{64, 56, 1, 0, 0, 0} {
		b = le.AppendUint16(b, v)
	}
	b = le.AppendUint32(b, 1) // PT_LOAD
	b = le.AppendUint32(b, 5) // readable, executable
	for _, v := range []uint64{0, base, base, size, size, 0x1000} {
		b = le.AppendUint64(b, v)
	}
	return append(b, code...)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
