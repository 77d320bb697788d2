package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// count is what a command costs without a clock: stable to a few per cent, whatever
// else the machine does.
type count struct {
	Runtime  string `json:"runtime"`
	Command  string `json:"command"`
	Calls    int    `json:"systemCalls"`
	Execs    int    `json:"execs"`
	Births   int    `json:"forksAndThreads"`
	Faults   int64  `json:"pageFaults"`
	PeakKiB  int64  `json:"peakKiB"`
	InitKiB  int    `json:"waitingInitKiB,omitempty"`
	InitTask int    `json:"waitingInitThreads,omitempty"`
}

func countAll(peers []peer) (all []count, err error) {
	for _, p := range peers {
		run, err := countOne(p, "run", "run", "--bundle", bundleDir, p.id)
		if err != nil {
			return nil, err
		}
		if err := created(p); err != nil {
			return nil, err
		}
		if run.InitKiB, run.InitTask, err = waitingInit(); err != nil {
			return nil, err
		}
		state, err := countOne(p, "state", "state", p.id)
		if err != nil {
			return nil, err
		}
		if err := removed(p); err != nil {
			return nil, err
		}
		all = append(all, run, state)
	}
	return all, nil
}

func countOne(p peer, name string, args ...string) (count, error) {
	c := count{Runtime: p.name, Command: name}
	cmd := p.command(args...)
	if err := cmd.Run(); err != nil {
		return c, fmt.Errorf("%s %s: %w", p.name, name, err)
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	c.Faults = usage.Minflt + usage.Majflt
	var err error
	if c.PeakKiB, err = peak(p, args); err != nil {
		return c, err
	}
	const out = "/tmp/strace"
	traced := exec.Command("strace", append([]string{"-f", "-o", out, p.path, "--root", p.root}, args...)...)
	if err := traced.Run(); err != nil {
		return c, fmt.Errorf("strace %s %s: %w", p.name, name, err)
	}
	data, err := os.ReadFile(out)
	// One line per call; what another thread interrupts is resumed in a second one.
	for line := range strings.Lines(string(data)) {
		_, call, _ := strings.Cut(line, " ")
		call = strings.TrimLeft(call, " ")
		switch {
		case strings.HasPrefix(call, "---"), strings.HasPrefix(call, "+++"), strings.HasPrefix(call, "<..."):
			continue
		case strings.HasPrefix(call, "execve"):
			c.Execs++
		case strings.HasPrefix(call, "clone"), strings.HasPrefix(call, "fork"), strings.HasPrefix(call, "vfork"):
			c.Births++
		}
		c.Calls++
	}
	return c, err
}

// peak is the largest resident set of one of the processes. The count begins with that
// of whoever called fork, so a small program does that: busybox.
func peak(p peer, args []string) (kib int64, err error) {
	cmd := exec.Command("busybox", append([]string{"time", "-f", "%M", "-o", "/tmp/peak", p.path, "--root", p.root}, args...)...)
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("time %s %s: %w", p.name, args[0], err)
	}
	data, err := os.ReadFile("/tmp/peak")
	if err == nil {
		_, err = fmt.Sscan(string(data), &kib)
	}
	return kib, err
}

func waitingInit() (kib, threads int, err error) {
	pid, err := os.ReadFile("/tmp/pid")
	if err != nil {
		return 0, 0, err
	}
	data, err := os.ReadFile(filepath.Join("/proc", string(pid), "status"))
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			_, _ = fmt.Sscan(rest, &kib)
		}
		if rest, ok := strings.CutPrefix(line, "Threads:"); ok {
			_, _ = fmt.Sscan(rest, &threads)
		}
	}
	return kib, threads, err
}
