package libcontainer

import (
	"errors"
	"strings"
	"testing"
)

func TestAnOldKernelIsRefusedByName(t *testing.T) {
	for release, good := range map[string]bool{
		"5.14.0": true, "5.14.0-427.el9.x86_64": true, "5.14-rc1": true, "5.15.0-1-amd64": true, "6.1.0-13-amd64": true, "6.12": true, "10.0.1": true,
		"": true, "custom": true, "6": true,
		"5.13.19": false, "5.13.0-52-generic": false, "5.4.0": false, "4.19.0-27-amd64": false, "4.18.0-553.el8_10.x86_64": false, "3.10.0": false, "2.6.32": false,
	} {
		err := checkRelease(release)
		if (err == nil) != good {
			t.Errorf("%q: %v", release, err)
		}
		if good || err == nil {
			continue
		}
		if want := "the kernel is Linux " + release + "; mdrun needs 5.14 or newer (cgroup.kill)"; err.Error() != want {
			t.Errorf("%q: says %q, want %q", release, err, want)
		}
		var e *stateError
		if !errors.As(err, &e) || !strings.Contains(e.hint, "Boot a newer kernel") {
			t.Errorf("%q: no hint in %#v", release, err)
		}
	}
}
