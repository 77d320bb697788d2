package sigpipe

import (
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// beVictim makes the test program one that catches its signals and says which came, the
// last being SIGTERM, after it has worked its runtime hard meanwhile.
const beVictim = "MDRUN_SIGPIPE_VICTIM"

func TestMain(m *testing.M) {
	if os.Getenv(beVictim) != "" {
		victim()
	}
	os.Exit(m.Run())
}

func victim() {
	fd, err := Catch()
	if err != nil {
		panic(err)
	}
	for range 4 {
		go churn()
	}
	os.Stdout.WriteString("ready\n")
	seen := map[unix.Signal]int{}
	for seen[unix.SIGTERM] == 0 {
		signals, err := Next(fd)
		if err != nil {
			panic(err)
		}
		for _, s := range signals {
			seen[s]++
		}
	}
	for sig := range unix.Signal(last + 1) {
		if n := seen[sig]; n > 0 {
			println(int(sig), n)
		}
	}
	os.Exit(0)
}

// churn allocates, collects and switches threads, all of which the handler interrupts.
func churn() {
	for {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { _ = make([]byte, 1<<16); runtime.Gosched() })
		}
		wg.Wait()
		runtime.GC()
	}
}

// startVictim starts one and waits until it catches.
func startVictim(t *testing.T) (cmd *exec.Cmd, said *strings.Builder) {
	t.Helper()
	cmd, said = exec.Command("/proc/self/exe"), &strings.Builder{}
	cmd.Env = append(os.Environ(), beVictim+"=1")
	cmd.Stderr = said
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
	t.Cleanup(func() { late.Stop() })
	if _, err := out.Read(make([]byte, 16)); err != nil {
		t.Fatal(err)
	}
	return cmd, said
}

func send(t *testing.T, cmd *exec.Cmd, sig int) {
	t.Helper()
	if err := unix.Kill(cmd.Process.Pid, unix.Signal(sig)); err != nil {
		t.Fatalf("kill %d: %v", sig, err)
	}
}

func TestEverySignalArrives(t *testing.T) {
	cmd, said := startVictim(t)
	var want []string
	for sig := 1; sig <= last; sig++ {
		if !ours(sig) || sig == int(unix.SIGTERM) {
			continue
		}
		want = append(want, strconv.Itoa(sig)+" 1")
		if sig != int(unix.SIGCONT) {
			send(t, cmd, sig)
		}
	}
	// A stop signal would take it back while it is on its way (signal(7)), and it would
	// take back one of those.
	time.Sleep(time.Second)
	send(t, cmd, int(unix.SIGCONT))
	// Of signals that are pending the lowest number comes first, and this one is the last
	// that the victim looks for.
	time.Sleep(time.Second)
	send(t, cmd, int(unix.SIGTERM))
	err := cmd.Wait()
	got := strings.Split(strings.TrimSpace(said.String()), "\n")
	got = slices.DeleteFunc(got, func(l string) bool { return l == "15 1" })
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v: got %q, want %q", err, got, want)
	}
}

// TestAStormDoesNotDisturbTheRuntime sends signals as fast as it can to a program whose
// runtime is at work.
func TestAStormDoesNotDisturbTheRuntime(t *testing.T) {
	cmd, said := startVictim(t)
	for range 20_000 {
		send(t, cmd, int(unix.SIGUSR1))
	}
	send(t, cmd, int(unix.SIGTERM))
	if err := cmd.Wait(); err != nil || !strings.Contains(said.String(), "10 ") {
		t.Errorf("%v: %s", err, said.String())
	}
}
