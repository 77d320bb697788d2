package limits

import (
	"fmt"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Of rules that contradict each other the last one counts. The device is a disk, which
// nobody has by default.
func TestDeviceRulesCountInTheirOrder(t *testing.T) {
	major, minor := numbers(t, ramDisk(t))
	all := specs.LinuxDeviceCgroup{Allow: true, Type: "b", Major: &major, Access: "rwm"}
	one := specs.LinuxDeviceCgroup{Allow: true, Type: "b", Major: &major, Minor: &minor, Access: "r"}
	deny := specs.LinuxDeviceCgroup{Type: "b", Major: &major, Minor: &minor, Access: "rw"}
	for _, c := range []struct {
		name  string
		rules []specs.LinuxDeviceCgroup
		opens bool
	}{
		{"no rule", nil, false},
		{"one", []specs.LinuxDeviceCgroup{one}, true},
		{"all but one", []specs.LinuxDeviceCgroup{all, deny}, false},
		{"none, and then all", []specs.LinuxDeviceCgroup{deny, all}, true},
	} {
		script := fmt.Sprintf("mknod /dev/disk b %d %d && : </dev/disk", major, minor)
		status, out := run(t, shell(script, &specs.LinuxResources{Devices: c.rules}))
		denied := strings.Contains(out, "/dev/disk: Operation not permitted")
		if c.opens != (status == 0) || c.opens == denied {
			t.Errorf("%s: exit status %d: %s", c.name, status, out)
		}
	}
}
