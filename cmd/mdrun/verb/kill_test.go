package verb

import (
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSignalNames(t *testing.T) {
	for in, want := range map[string]syscall.Signal{
		"": unix.SIGTERM, "0": 0, "9": unix.SIGKILL, "15": unix.SIGTERM, "64": 64, "KILL": unix.SIGKILL, "SIGKILL": unix.SIGKILL, "kill": unix.SIGKILL, "sigHup": unix.SIGHUP,
		"RTMIN": 34, "SIGRTMIN+3": 37, "rtmin+30": 64, "RTMAX": 64, "RTMAX-1": 63, "SIGRTMAX-30": 34, "WINCH": unix.SIGWINCH, "IO": unix.SIGIO, "POLL": unix.SIGPOLL,
		"CLD": unix.SIGCHLD, "IOT": unix.SIGABRT,
	} {
		if got, err := parseSignal(in); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"-1", "65", "FROB", "SIG", "SIGSIGKILL", "KILL ", " 9", "9x", "+9", "0x9", "RTMIN-1", "RTMIN+31", "RTMAX+1", "RTMAX-31", "RTMIN+", "RTMIN+x", "RTMIN3", "RTMIN++1", "99999999999999999999", "ſigkill", "K\x00ILL"} {
		if got, err := parseSignal(in); err == nil {
			t.Errorf("%q is taken for %d", in, got)
		} else if !strings.Contains(err.Error(), "unknown signal "+strconv.Quote(in)) {
			t.Errorf("%q: %v", in, err)
		}
	}
}

// Every signal of the kernel goes by its number and by its name.
func TestEverySignalHasANameThatIsTaken(t *testing.T) {
	for n := 1; n <= rtMax; n++ {
		if got, err := parseSignal(strconv.Itoa(n)); err != nil || int(got) != n {
			t.Errorf("%d: %d, %v", n, got, err)
		}
		name := unix.SignalName(syscall.Signal(n))
		if name == "" {
			continue
		}
		for _, spelled := range []string{name, strings.TrimPrefix(name, "SIG"), strings.ToLower(name)} {
			if got, err := parseSignal(spelled); err != nil || int(got) != n {
				t.Errorf("%s: %d, %v; want %d", spelled, got, err, n)
			}
		}
	}
}

func FuzzSignal(f *testing.F) {
	f.Add("SIGRTMIN+3")
	f.Fuzz(func(t *testing.T, s string) {
		if got, err := parseSignal(s); err == nil && (got < 0 || got > rtMax) {
			t.Errorf("%q: %d", s, got)
		}
	})
}
