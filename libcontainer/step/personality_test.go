package step

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestStepPersonality(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	const linux32, ask = 0x8, 0xffff_ffff // personality(2)
	w.apply(&Personality{Name: "LINUX32", Persona: linux32})
	if got, _, errno := unix.Syscall(unix.SYS_PERSONALITY, ask, 0, 0); errno != 0 || got != linux32 {
		t.Errorf("%#x, %v", got, errno)
	}
}
