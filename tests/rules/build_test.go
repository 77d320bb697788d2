package rules

import (
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// mostBytes of the binary: 6 MB.
const mostBytes = 6_000_000

// builds are two binaries of the same files, as two people would make them: in folders
// of their own, with other settings, and the second with nothing compiled before.
var builds = [2]func() (string, error){
	sync.OnceValues(func() (string, error) { return build("a", "GOFLAGS=", "CGO_ENABLED=0") }),
	sync.OnceValues(func() (string, error) {
		return build("another/folder/with/a/longer/name", "GOFLAGS=-tags=other", "CGO_ENABLED=1", "GOCACHE="+filepath.Join(scratch, "cache"))
	}),
}

func build(folder string, settings ...string) (string, error) {
	dir := filepath.Join(scratch, folder)
	if err := copyTree(dir); err != nil {
		return "", err
	}
	cmd := exec.Command("make", "-s", "-C", dir, "build", "COMMIT=0123456789")
	cmd.Env = append(makeEnviron(), settings...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("make build: %w\n%s", err, out)
	}
	return filepath.Join(dir, "bin/mdrun"), nil
}

// binary gives the first of the two.
func binary(t *testing.T) string {
	t.Helper()
	path, err := builds[0]()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// makeEnviron leaves out what a make around us says: its flags are not for this one.
func makeEnviron() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "MAKE") || strings.HasPrefix(v, "MFLAGS=") || strings.HasPrefix(v, "COMMIT=")
	})
}

// makeVariable asks the Makefile, so that nothing stands in two places.
func makeVariable(t *testing.T, name string) string {
	t.Helper()
	cmd := exec.Command("make", "-s", "--no-print-directory", "--eval=print-it: ; @echo '$("+name+")'", "print-it")
	cmd.Env = makeEnviron()
	value := strings.TrimSpace(output(t, cmd))
	if value == "" {
		t.Fatalf("the Makefile sets no %s", name)
	}
	return value
}

func copyTree(dir string) error {
	list, err := files()
	if err != nil {
		return err
	}
	for _, path := range list {
		if err := copyFile(path, filepath.Join(dir, path)); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	info, err := os.Lstat(from)
	if err != nil {
		return err
	}
	if info.Mode()&os.ModeSymlink != 0 {
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, info.Mode().Perm())
}

func TestTheBinaryIsStaticAndStaysWhereItIsLinked(t *testing.T) {
	f, err := elf.Open(binary(t))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Type != elf.ET_EXEC {
		t.Errorf("type %v: a position-independent executable starts a quarter slower", f.Type)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("%v: it needs a dynamic linker", p.Type)
		}
	}
	for _, s := range f.Sections {
		if s.Type == elf.SHT_DYNAMIC {
			t.Errorf("%s: it needs a dynamic linker", s.Name)
		}
	}
}

func TestTheBinaryIsSmall(t *testing.T) {
	info, err := os.Stat(binary(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes", info.Size())
	if info.Size() > mostBytes {
		t.Errorf("%d bytes, at most %d", info.Size(), mostBytes)
	}
}

func TestTwoBuildsAreEqual(t *testing.T) {
	var paths [2]string
	var data [2][]byte
	for i := range builds {
		var err error
		if paths[i], err = builds[i](); err != nil {
			t.Fatal(err)
		}
		if data[i], err = os.ReadFile(paths[i]); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(data[0], data[1]) {
		t.Errorf("%s and %s differ: something of the folder or of the settings got in", paths[0], paths[1])
	}
}
