package script

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/mdrun/mdrun/tests/sandbox"
)

// The README shows what explain prints. Lines that it leaves out are "...".
func TestTheReadmeShowsWhatExplainPrints(t *testing.T) {
	if err := sandbox.Available(); err != nil {
		t.Skip("needs a sandbox: ", err)
	}
	if name() != "mdrun" {
		return
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, ok := strings.Cut(string(readme), "\n# mdrun explain --rootfs")
	line, block, ok2 := strings.Cut(block, "\n")
	block, _, ok3 := strings.Cut(block, "\n```")
	if !ok || !ok2 || !ok3 {
		t.Fatal("README.md has no block that begins with # mdrun explain --rootfs")
	}
	out, err := exec.Command(runtimePath, append([]string{"explain", "--rootfs"}, strings.Fields(line)...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	real := strings.Split(strings.TrimSpace(string(out)), "\n")
	for shown := range strings.SplitSeq(block, "\n") {
		if shown == "..." {
			continue
		}
		at := 0
		for at < len(real) && strings.TrimSpace(real[at]) != strings.TrimSpace(shown) {
			at++
		}
		if at == len(real) {
			t.Errorf("README.md shows %q, which explain does not print in this place. It prints:\n%s", shown, out)
			return
		}
		real = real[at+1:]
	}
}
