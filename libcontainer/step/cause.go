package step

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// cause looks, after execve has failed, for what the errno does not say. The text
// keeps the form "exec PATH: errno" that people know from other runtimes.
func cause(path string, errno syscall.Errno) error {
	p := &Problem{Text: "exec " + path + ": " + errno.Error()}
	head := headOf(path)
	switch {
	case len(head) > 2 && head[0] == '#' && head[1] == '!':
		p.Hint = scriptHint(path, head, errno)
	case len(head) >= 4 && string(head[:4]) == "\x7fELF":
		p.Hint = elfHint(path, head, errno)
	case errno == unix.ENOEXEC:
		p.Hint = textHint(path, head)
	}
	if p.Hint == "" {
		return &sys.Error{Call: "execve(" + sys.Quote(path) + ")", Errno: errno}
	}
	return p
}

// headOf reads the beginning of a file, where formats say what they are.
func headOf(path string) []byte {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	buf := make([]byte, 4096)
	n, err := unix.Read(fd, buf)
	if err != nil {
		return nil
	}
	return buf[:n]
}

// lineLimit is BINPRM_BUF_SIZE of the kernel: what it reads of a script (execve(2)).
const lineLimit = 256

func scriptHint(path string, head []byte, errno syscall.Errno) string {
	line, _, ended := cut(string(head[2:]), '\n')
	for len(line) > 0 && (line[0] == ' ' || line[0] == '\t') {
		line = line[1:]
	}
	interpreter, _, _ := cut(line, ' ')
	of := "its interpreter " + interpreter + " (line 1: #!" + line + ")"
	switch n := len(interpreter); {
	case n == 0:
		return "Line 1 of " + path + ` is "#!" without an interpreter: make it #!/bin/sh.`
	case !ended && len(head) > lineLimit || len(line) > lineLimit:
		return "Line 1 of " + path + " is longer than the " + sys.Int(lineLimit) + " bytes that the kernel reads of it."
	case interpreter[n-1] == '\r':
		return "The interpreter of " + path + " is " + sys.Quote(interpreter) + ": the file has Windows line ends; run dos2unix on it."
	case errno == unix.ENOENT:
		return path + " exists, but " + of + " is not in the root filesystem."
	case errno == unix.EACCES:
		return path + " can be executed, but " + of + " cannot."
	case errno == unix.ELOOP:
		return "Its interpreter is " + interpreter + ", a script again: the kernel follows five at most."
	}
	return "Its interpreter is " + interpreter + " (line 1: #!" + line + ")."
}

// tooMuch says what is too large (execve(2) "Limits on size of arguments and
// environment").
func tooMuch(p Program) error {
	const each = 32 // pages: MAX_ARG_STRLEN
	most, total := unix.Getpagesize()*each, 0
	problem := &Problem{Text: "exec " + p.Path + ": " + unix.E2BIG.Error()}
	for i, s := range p.Args {
		total += len(s) + 1
		if len(s) >= most {
			problem.Hint = ".process.args[" + sys.Int(i) + "] has " + sys.Int(len(s)) + " bytes; the kernel takes " + sys.Int(most-1) + " for each."
		}
	}
	for _, s := range p.Env {
		total += len(s) + 1
		if len(s) >= most {
			name, _, _ := cut(s, '=')
			problem.Hint = "The variable " + name + " has " + sys.Int(len(s)) + " bytes; the kernel takes " + sys.Int(most-1) + " for each."
		}
	}
	if problem.Hint == "" {
		problem.Hint = "Arguments and environment together have " + sys.Int(total) + " bytes; the kernel takes a quarter of RLIMIT_STACK, and 6 MiB at most."
	}
	return problem
}

func textHint(path string, head []byte) string {
	if len(head) == 0 {
		return path + " is empty."
	}
	for _, c := range head {
		if c == 0 {
			return path + " is neither an ELF program nor a script."
		}
	}
	return path + ` is text without "#!" in its first line: add #!/bin/sh.`
}

// machines are the ELF machine numbers that people meet (elf(5), e_machine).
var machines = [...]struct {
	number int
	name   string
}{{3, "i386"}, {8, "mips"}, {20, "ppc"}, {21, "ppc64"}, {22, "s390"}, {40, "arm"}, {62, "x86_64"}, {183, "aarch64"}, {243, "riscv"}, {258, "loongarch"}}

func machineName(n int) string {
	for _, m := range machines {
		if m.number == n {
			return m.name
		}
	}
	return "machine " + sys.Int(n)
}

func thisMachine() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return "another"
	}
	return unix.ByteSliceToString(u.Machine[:])
}

// isNative compares with what uname(2) says, which may be longer: ppc64le, armv7l.
func isNative(machine string) bool {
	kernel := thisMachine()
	return len(kernel) >= len(machine) && kernel[:len(machine)] == machine
}

func elfHint(path string, head []byte, errno syscall.Errno) string {
	if len(head) < 20 { // before the machine's number
		return path + " begins as a program, and ends after " + sys.Int(len(head)) + " bytes: is the file cut off?"
	}
	little := head[5] == 1
	machine := machineName(int(integer(head[18:20], little)))
	if errno == unix.ENOEXEC && isNative(machine) {
		return path + " is a program for " + machine + ", but the kernel finds no program in it: is the file cut off?"
	}
	if errno == unix.ENOEXEC {
		return path + " is a program for " + machine + ", and this machine is " + thisMachine() + ": no binfmt_misc handler is registered for it."
	}
	if errno != unix.ENOENT {
		return ""
	}
	if loader := loaderOf(head, little); loader != "" {
		return path + " needs the loader " + loader + " (ELF PT_INTERP), which is not in the root filesystem: a program of another distribution or libc?"
	}
	return ""
}

// loaderOf reads PT_INTERP of a 64-bit program; "" where there is none in its head.
func loaderOf(head []byte, little bool) string {
	const interp = 3
	if head[4] != 2 || len(head) < 64 {
		return ""
	}
	offset, size, count := integer(head[32:40], little), integer(head[54:56], little), integer(head[56:58], little)
	for i := uint64(0); i < count; i++ {
		at := offset + i*size
		if size < 56 || !inHead(head, offset, i*size) || !inHead(head, at, 56) {
			return ""
		}
		h := head[at : at+56]
		if integer(h[:4], little) != interp {
			continue
		}
		start, length := integer(h[8:16], little), integer(h[32:40], little)
		if length == 0 || !inHead(head, start, length) {
			return ""
		}
		name, _, _ := cut(string(head[start:start+length]), 0)
		return name
	}
	return ""
}

// inHead: the numbers are the image author's, and their sum may overflow.
func inHead(head []byte, start, length uint64) bool {
	n := uint64(len(head))
	return start <= n && length <= n-start
}

func integer(b []byte, little bool) (n uint64) {
	for i := range b {
		at := i
		if little {
			at = len(b) - 1 - i
		}
		n = n<<8 | uint64(b[at])
	}
	return n
}
