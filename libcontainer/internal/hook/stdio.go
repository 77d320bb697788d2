package hook

import (
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// Stdio are the files of a hook.
type Stdio struct {
	In  int // holds the state
	Out int // output and error
	// Output is our end of Out. It does not block.
	Output int
}

// Close gives up what is the hook's. Our end lives on, see Process.
func (s *Stdio) Close() {
	unix.Close(s.In)
	unix.Close(s.Out)
}

// Stdio opens them. The state lies in a file in memory: a hook that does not read it
// cannot make us wait, nor break a pipe. What it prints goes into a pipe of its own and
// not to our caller: clients wait until everybody has closed the runtime's output, and a
// hook may leave a process behind.
func (p *Program) Stdio() (s Stdio, err error) {
	if s.In, err = p.input(); err != nil {
		return s, err
	}
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		unix.Close(s.In)
		return s, sys.Fail(err, "pipe2", "the output of a hook")
	}
	s.Output, s.Out = pipe[0], pipe[1]
	if err := unix.SetNonblock(s.Output, true); err != nil {
		unix.Close(s.Output)
		s.Close()
		return s, sys.Fail(err, "fcntl", "F_SETFL", "O_NONBLOCK")
	}
	return s, nil
}

func (p *Program) input() (int, error) {
	fd, err := unix.MemfdCreate("state", unix.MFD_CLOEXEC|unix.MFD_NOEXEC_SEAL)
	if err == unix.EINVAL {
		fd, err = unix.MemfdCreate("state", unix.MFD_CLOEXEC) // before Linux 6.3
	}
	if err != nil {
		return -1, sys.Fail(err, "memfd_create", "state")
	}
	for at := int64(0); at < int64(len(p.State)); {
		// pwrite leaves the hook's place in the file at its beginning.
		n, err := unix.Pwrite(fd, p.State[at:], at)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			unix.Close(fd)
			return -1, sys.Fail(err, "pwrite", "the state for a hook")
		}
		at += int64(n)
	}
	return fd, nil
}

// Bounds of what is kept of a hook's output: in bytes, and in lines.
const (
	keptBytes = 2048
	keptLines = 5
)

// tail is the end of what a hook has printed.
type tail struct{ data []byte }

// read takes what is there; end tells that nobody holds the other end any more.
func (t *tail) read(fd int) (end bool) {
	var buf [4096]byte
	n, err := unix.Read(fd, buf[:])
	if n <= 0 {
		return err != unix.EAGAIN && err != unix.EINTR
	}
	t.data = append(t.data, buf[:n]...)
	if cut := len(t.data) - keptBytes; cut > 0 {
		t.data = append(t.data[:0], t.data[cut:]...)
	}
	return false
}

// rest takes what is left in the pipe when the hook has ended. It does not wait for the
// end of file: a process that the hook left behind may hold the pipe for ever, and go on
// to fill it.
func (t *tail) rest(fd int) {
	const pipes = 64 << 10 / 4096 // the capacity of a pipe (pipe(7))
	for range pipes {
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if n, err := unix.Poll(p, 0); err != nil || n == 0 || t.read(fd) {
			return
		}
	}
}

// String gives the last lines on one line.
func (t *tail) String() string {
	var lines []string
	end := len(t.data)
	for i := len(t.data) - 1; i >= -1 && len(lines) < keptLines; i-- {
		if i >= 0 && t.data[i] != '\n' {
			continue
		}
		if line := printable(t.data[i+1 : end]); line != "" {
			lines = append(lines, line)
		}
		end = i
	}
	text := ""
	for i := len(lines) - 1; i >= 0; i-- {
		text += lines[i]
		if i > 0 {
			text += " | "
		}
	}
	return text
}

// printable takes out what would drive a terminal, and blanks at both ends.
func printable(line []byte) string {
	kept := make([]byte, 0, len(line))
	for _, c := range line {
		switch {
		case c == '\t':
			kept = append(kept, ' ')
		case c >= 0x20 && c != 0x7f:
			kept = append(kept, c)
		}
	}
	for len(kept) > 0 && kept[0] == ' ' {
		kept = kept[1:]
	}
	for len(kept) > 0 && kept[len(kept)-1] == ' ' {
		kept = kept[:len(kept)-1]
	}
	return string(kept)
}
