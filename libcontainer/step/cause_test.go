package step

import (
	"encoding/binary"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Each program fails at execve; what is said is true, and tells what to do.
func TestStepExecuteSaysWhyAProgramDoesNotRun(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	w.write("bin/loop", "#!/bin/loop\n", 0o755)
	w.write("etc/plain", "#!/bin/loop\n", 0o644)
	w.pivot()
	foreign := "aarch64"
	if runtime.GOARCH == "arm64" {
		foreign = "x86_64"
	}
	native := map[string]int{"amd64": 62, "arm64": 183, "riscv64": 243, "s390x": 22, "ppc64le": 21, "386": 3, "arm": 40, "loong64": 258}[runtime.GOARCH]
	other := map[string]int{"aarch64": 183, "x86_64": 62}[foreign]
	for name, c := range map[string]struct{ content, says, hint string }{
		"no interpreter":           {"#!/bin/bash\necho\n", "no such file or directory", "/prog exists, but its interpreter /bin/bash (line 1: #!/bin/bash) is not in the root filesystem"},
		"with an argument":         {"#! /usr/bin/env python\n", "no such file or directory", "its interpreter /usr/bin/env (line 1: #!/usr/bin/env python)"},
		"Windows line ends":        {"#!/bin/loop\r\necho\r\n", "no such file or directory", `The interpreter of /prog is "/bin/loop\r": the file has Windows line ends; run dos2unix on it.`},
		"only a line":              {"#!/bin/bash", "no such file or directory", "its interpreter /bin/bash"},
		"no name":                  {"#! \n", "exec format error", `Line 1 of /prog is "#!" without an interpreter`},
		"a line without an end":    {"#!/" + strings.Repeat("x", 5000), "exec format error", "Line 1 of /prog is longer than the 256 bytes"},
		"an interpreter without x": {"#!/etc/plain\n", "permission denied", "/prog can be executed, but its interpreter /etc/plain (line 1: #!/etc/plain) cannot."},
		"a loop of scripts":        {"#!/bin/loop\n", "", "Its interpreter is /bin/loop, a script again"},
		"text":                     {"echo hello\n", "exec format error", `/prog is text without "#!" in its first line: add #!/bin/sh.`},
		"empty":                    {"", "exec format error", "/prog is empty."},
		"bytes":                    {"\x00\x01\x02", "exec format error", "/prog is neither an ELF program nor a script."},
		"a foreign machine":        {elf(other, ""), "exec format error", "/prog is a program for " + foreign + ", and this machine is "},
		"an unknown machine":       {elf(0xbeef, ""), "exec format error", "a program for machine 48879, and"},
		"no loader":                {elf(native, "/lib64/ld-linux.so.2"), "no such file or directory", "/prog needs the loader /lib64/ld-linux.so.2 (ELF PT_INTERP), which is not in the root filesystem"},
		"an ELF cut off":           {"\x7fELF\x02\x01\x01\x00", "exec format error", "/prog begins as a program, and ends after 8 bytes: is the file cut off?"},
		"ELF and no more":          {"\x7fELF", "exec format error", "ends after 4 bytes"},
		"a native program cut off": {elf(native, "/x")[:64], "exec format error", "but the kernel finds no program in it: is the file cut off?"},
	} {
		w.write("prog", c.content, 0o755)
		w.executes(Program{Path: "/prog", Args: []string{"prog"}})
		w.fails(&Execute{}, c.says, c.hint)
		if err := (&Execute{}).Apply(w.env); c.hint != "" && !strings.HasPrefix(err.Error(), "exec /prog: ") {
			t.Errorf("%s: %v", name, err) // clients look for the beginning
		}
	}
	w.executes(Program{Path: "/nope", Args: []string{"nope"}})
	w.fails(&Execute{}, `execve("/nope"): no such file or directory`, "")
	for hint, p := range map[string]Program{
		".process.args[1] has 200000 bytes":        {Args: []string{"prog", strings.Repeat("x", 200_000)}},
		"The variable BIG has 200004 bytes":        {Args: []string{"prog"}, Env: []string{"A=b", "BIG=" + strings.Repeat("x", 200_000)}},
		"Arguments and environment together have ": {Args: []string{"prog"}, Env: slices.Repeat([]string{strings.Repeat("x", 100_000)}, 100)},
	} {
		p.Path = "/prog"
		w.executes(p)
		w.fails(&Execute{}, "exec /prog: argument list too long", hint)
	}
}

// elf makes the head of a 64-bit program, with a loader or without.
func elf(machine int, loader string) string {
	b := make([]byte, 64+56)
	copy(b, "\x7fELF\x02\x01\x01")
	order := binary.ByteOrder(binary.LittleEndian)
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		b[5], order = 2, binary.BigEndian
	}
	order.PutUint16(b[16:], 2) // ET_EXEC
	order.PutUint16(b[18:], uint16(machine))
	order.PutUint32(b[20:], 1)
	order.PutUint64(b[32:], 64) // e_phoff
	order.PutUint16(b[52:], 64)
	order.PutUint16(b[54:], 56) // e_phentsize
	if loader != "" {
		order.PutUint16(b[56:], 1) // e_phnum
		order.PutUint32(b[64:], 3) // PT_INTERP
		order.PutUint64(b[64+8:], uint64(len(b)))
		order.PutUint64(b[64+32:], uint64(len(loader)+1))
		b = append(append(b, loader...), 0)
	}
	return string(b)
}

// FuzzCause reads what an image's author made up.
func FuzzCause(f *testing.F) {
	f.Add([]byte("#!/bin/sh\r\n"), int(unix.ENOENT))
	f.Add([]byte(elf(62, "/lib/ld.so")), int(unix.ENOENT))
	f.Add([]byte(elf(183, "")), int(unix.ENOEXEC))
	f.Add([]byte(elf(62, "/lib/ld.so"))[:65], int(unix.ENOENT))
	for _, at := range []int{32, 64 + 8} { // e_phoff, p_offset: sums that overflow
		lie := []byte(elf(62, "/lib/ld.so"))
		for i := range 8 {
			lie[at+i] = 0xff
		}
		f.Add(lie, int(unix.ENOENT))
	}
	path := f.TempDir() + "/prog"
	f.Fuzz(func(t *testing.T, head []byte, errno int) {
		must(t, os.WriteFile(path, head, 0o644))
		if err := cause(path, errnoOf(errno&0x7f)); err == nil || err.Error() == "" {
			t.Error("no error")
		}
	})
}
