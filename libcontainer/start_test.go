package libcontainer

import (
	"errors"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// waiting is a container whose FIFO exists and whose init is a process that sleeps; the
// test itself does at the FIFO what init would.
func waiting(t *testing.T) (c *container, pidfd int, end func()) {
	t.Helper()
	d, err := reserve(t.TempDir(), "a", func(d *stateDir) error { return unix.Mkfifoat(d.fd(), fifoFile, 0o600) })
	must(t, err)
	init := exec.Command("sleep", "1000")
	must(t, init.Start())
	pidfd, err = unix.PidfdOpen(init.Process.Pid, 0)
	must(t, err)
	end = func() { _ = init.Process.Kill() }
	t.Cleanup(func() {
		end()
		_ = init.Wait()
		unix.Close(pidfd)
		d.close()
	})
	return &container{dir: d, record: &record{}}, pidfd, end
}

// openEnd opens an end of the FIFO. A writer needs a reader (fifo(7): ENXIO), and waits
// for one as init does, but not for ever.
func openEnd(t *testing.T, c *container, flags int) int {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		fd, err := unix.Open(filepath.Join(c.dir.path(), fifoFile), flags|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err == nil {
			return fd
		}
		if err != unix.ENXIO || time.Now().After(end) {
			t.Fatalf("open the FIFO: %v", err)
		}
	}
}

// released runs release and tells, at most after a while, what it came to.
func released(t *testing.T, c *container, pidfd int) func() error {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- c.release(pidfd) }()
	return func() error {
		select {
		case err := <-ended:
			return err
		case <-time.After(10 * time.Second):
			t.Fatal("release waits for ever")
			return nil
		}
	}
}

// Init closes its end because of a start that was killed before ours. Ours must not
// take that for the end of init.
func TestStartAfterOneThatWasKilled(t *testing.T) {
	c, pidfd, _ := waiting(t)
	killed := openEnd(t, c, unix.O_RDONLY)
	init := openEnd(t, c, unix.O_WRONLY)
	unix.Close(killed)
	end := released(t, c, pidfd)
	time.Sleep(20 * time.Millisecond) // it listens by now
	unix.Close(init)
	time.Sleep(20 * time.Millisecond) // it has heard the end of file by now
	init = openEnd(t, c, unix.O_WRONLY)
	_, err := unix.Write(init, []byte{1})
	must(t, err)
	unix.Close(init)
	if err := end(); err != nil {
		t.Error(err)
	}
}

func TestStartOfAnInitThatIsKilled(t *testing.T) {
	for name, opened := range map[string]bool{"before it opens the FIFO": false, "after": true} {
		t.Run(name, func(t *testing.T) {
			c, pidfd, kill := waiting(t)
			end := released(t, c, pidfd)
			if opened {
				// A real init's end is closed by the kernel, before it is a zombie.
				defer unix.Close(openEnd(t, c, unix.O_WRONLY))
			}
			kill()
			if err := end(); err == nil || errors.Is(err, errNotCalled) {
				t.Errorf("release: %v", err)
			}
		})
	}
}
