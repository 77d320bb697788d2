package libcontainer

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/cgroupv2"
)

// filterDevices attaches the device program while init still starts up.
func (c *creation) filterDevices() error {
	if c.cgroup == nil || c.Devices == nil {
		return nil
	}
	fd, err := c.Devices.Load()
	if err != nil {
		return c.deviceFailure(err)
	}
	defer unix.Close(fd)
	return c.cgroup.AttachDevices(fd)
}

// deviceFailure: a filter that cannot be loaded is an error unless it could not deny
// anything that the container is able to make.
func (c *creation) deviceFailure(err error) error {
	if errors.Is(err, unix.EPERM) && (unix.Geteuid() != 0 || c.Facts.InUserNS) {
		return nil // without privileges no device node can be made or opened anyway
	}
	var call *cgroupv2.CallError
	if errors.As(err, &call) && len(c.deviceRules()) > 0 {
		return &Error{Field: ".linux.resources.devices", Err: err, Hint: call.Hint}
	}
	return err
}
