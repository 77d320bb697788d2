package libcontainer

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func nothing(*stateDir) error { return nil }

func TestIDIsReservedOnce(t *testing.T) {
	root := t.TempDir()
	const tries = 20
	var won, lost int
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range tries {
		wg.Go(func() {
			d, err := reserve(root, "a", nothing)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				won++
				defer d.close()
			case errors.Is(err, ErrExists):
				lost++
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won != 1 || lost != tries-1 {
		t.Fatalf("%d won, %d lost", won, lost)
	}
	if left, _ := filepath.Glob(root + "/*@*"); len(left) != 0 {
		t.Fatalf("left: %v", left)
	}
}

func TestReservationOfAKilledCreateIsTakenOver(t *testing.T) {
	root := t.TempDir()
	stale := filepath.Join(root, "a"+inFlight)
	if err := os.Mkdir(stale, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(stale, recordFile), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := reserve(root, "a", nothing)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	if d.has(recordFile) {
		t.Error("the old record is still there")
	}
	clearInFlight(root, "a")
	if !d.current() {
		t.Error("the container went with the clearing")
	}
}

func TestFailedFillLeavesNothing(t *testing.T) {
	root := t.TempDir()
	wrong := errors.New("wrong")
	if _, err := reserve(root, "a", func(d *stateDir) error { _ = d.write(recordFile, []byte("x")); return wrong }); !errors.Is(err, wrong) {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(root); len(left) != 0 {
		t.Fatalf("left: %v", left)
	}
}

func TestLockOfADirectoryThatWasReplaced(t *testing.T) {
	root := t.TempDir()
	d, err := reserve(root, "a", nothing)
	if err != nil {
		t.Fatal(err)
	}
	if !d.current() {
		t.Error("not current although untouched")
	}
	if err := os.Rename(d.path(), d.path()+"-old"); err != nil {
		t.Fatal(err)
	}
	if d.current() {
		t.Error("current although the name is gone")
	}
	_ = os.Mkdir(d.path(), 0o700)
	if d.current() {
		t.Error("current although another directory has the name")
	}
	d.close()
}

func TestHolderIsNamed(t *testing.T) {
	d, err := reserve(t.TempDir(), "a", nothing)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	if got := d.holder(); !contains(got, "process ") {
		t.Errorf("holder: %q", got)
	}
}

func contains(s, part string) bool { return len(s) >= len(part) && s[:len(part)] == part }

func TestFileThatIsNoFileIsNotRead(t *testing.T) {
	d, err := reserve(t.TempDir(), "a", nothing)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	if err := unix.Mkfifoat(d.fd(), recordFile, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := d.read(recordFile); err == nil {
		t.Error("read a FIFO")
	}
}
