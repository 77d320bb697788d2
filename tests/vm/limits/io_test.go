package limits

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Each limit alone lets a program move 1 MiB in 4 s, or do 40 operations in 4 s, past
// the page cache; without it that takes no time.
func TestIOMaxSlows(t *testing.T) {
	disk := ramDisk(t)
	major, minor := numbers(t, disk)
	limit := func(rate uint64) []specs.LinuxThrottleDevice {
		d := specs.LinuxThrottleDevice{Rate: rate}
		d.Major, d.Minor = major, minor
		return []specs.LinuxThrottleDevice{d}
	}
	const megabyte, operations = "bs=64k count=16", "bs=4k count=40"
	read, write := "dd if=/dev/disk of=/dev/null iflag=direct ", "dd if=/dev/zero of=/dev/disk oflag=direct "
	for name, c := range map[string]struct {
		io      specs.LinuxBlockIO
		program string
	}{
		"bytes read per second":         {specs.LinuxBlockIO{ThrottleReadBpsDevice: limit(256 << 10)}, read + megabyte},
		"bytes written per second":      {specs.LinuxBlockIO{ThrottleWriteBpsDevice: limit(256 << 10)}, write + megabyte},
		"reading operations per second": {specs.LinuxBlockIO{ThrottleReadIOPSDevice: limit(10)}, read + operations},
		"writing operations per second": {specs.LinuxBlockIO{ThrottleWriteIOPSDevice: limit(10)}, write + operations},
	} {
		limited := start(t, withDisk(shell(c.program, &specs.LinuxResources{BlockIO: &c.io}), major, minor))
		free := start(t, withDisk(shell(c.program, nil), major, minor))
		if !free.endsWithin(2 * time.Second) {
			t.Errorf("%s: without a limit: not done in 2 s", name)
		}
		if limited.endsWithin(1500 * time.Millisecond) {
			t.Errorf("%s: with a limit: done as fast: %s", name, limited.output())
		}
		if ws := free.wait(); ws != 0 {
			t.Errorf("%s: without a limit: ended with %#x: %s", name, ws, free.output())
		}
	}
}

// withDisk gives a container the disk as /dev/disk.
func withDisk(s *specs.Spec, major, minor int64) *specs.Spec {
	s.Linux.Devices = append(s.Linux.Devices, specs.LinuxDevice{Path: "/dev/disk", Type: "b", Major: major, Minor: minor})
	rule := specs.LinuxDeviceCgroup{Allow: true, Type: "b", Major: &major, Minor: &minor, Access: "rw"}
	s.Linux.Resources.Devices = append(s.Linux.Resources.Devices, rule)
	return s
}

// numbers are those of a block device.
func numbers(t *testing.T, disk string) (major, minor int64) {
	t.Helper()
	data, err := os.ReadFile("/sys/block/" + filepath.Base(disk) + "/dev")
	must(t, err)
	if _, err := fmt.Sscanf(string(data), "%d:%d", &major, &minor); err != nil {
		t.Fatal(err)
	}
	return major, minor
}

// With the BFQ scheduler its file takes the weight as it is; without it, io.weight takes
// it spread over its own range.
func TestIOWeightIsGiven(t *testing.T) {
	weight := &specs.LinuxResources{BlockIO: &specs.LinuxBlockIO{Weight: ptr(uint16(500))}}
	c := create(t, shell("true", weight))
	if got := c.file("io.weight"); got != "default 4950" {
		t.Errorf("without BFQ: io.weight %q", got)
	}
	command(t, "modprobe", "bfq")
	t.Cleanup(func() { command(t, "modprobe", "-r", "bfq") })
	c = create(t, shell("true", weight))
	if got := c.file("io.bfq.weight"); got != "default 500" {
		t.Errorf("with BFQ: io.bfq.weight %q", got)
	}
	if got := c.file("io.weight"); got != "default 100" {
		t.Errorf("with BFQ: io.weight %q, too", got)
	}
}

// A device has a weight where BFQ looks after it.
func TestIOWeightOfADevice(t *testing.T) {
	command(t, "modprobe", "bfq")
	t.Cleanup(func() { command(t, "modprobe", "-r", "bfq") })
	major, minor := disk(t)
	d := specs.LinuxWeightDevice{Weight: ptr(uint16(300))}
	d.Major, d.Minor = major, minor
	weight := &specs.LinuxResources{BlockIO: &specs.LinuxBlockIO{WeightDevice: []specs.LinuxWeightDevice{d}}}
	refused(t, shell("true", weight), ".linux.resources.blockIO.weightDevice[0]: ", "write bfq into the device's queue/scheduler")
	scheduler(t, "vda", "bfq")
	c := create(t, shell("true", weight))
	want := strconv.FormatInt(major, 10) + ":" + strconv.FormatInt(minor, 10) + " 300"
	if got := c.file("io.bfq.weight"); !strings.Contains(got, want) {
		t.Errorf("io.bfq.weight %q, want %q in it", got, want)
	}
}

// scheduler chooses one for the time of a test.
func scheduler(t *testing.T, disk, name string) {
	t.Helper()
	file := "/sys/block/" + disk + "/queue/scheduler"
	must(t, os.WriteFile(file, []byte(name), 0))
	t.Cleanup(func() { must(t, os.WriteFile(file, []byte("none"), 0)) })
}
