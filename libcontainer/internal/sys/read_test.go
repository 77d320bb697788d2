package sys

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestReadFileReadsToTheEnd(t *testing.T) {
	for _, size := range []int{0, 1, 1023, 1024, 1025, 2050, 100_000} {
		path := filepath.Join(t.TempDir(), "file")
		want := bytes.Repeat([]byte("x"), size)
		if err := os.WriteFile(path, want, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := ReadFile(path)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes came back as %d, %v", size, len(got), err)
		}
	}
}

func TestReadFileSaysWhatIsNotThere(t *testing.T) {
	_, err := ReadFile("/nowhere/at all")
	if Errno(err) != unix.ENOENT || err.Error() != `open("/nowhere/at all"): no such file or directory` {
		t.Errorf("got %v", err)
	}
}
