package verb

import "github.com/mdrun/mdrun/libcontainer"

var create = Verb{
	Name: "create", Usage: "set a container up; its program waits for start",
	Args: "ID", Least: 1, Most: 1,
	flags: func() []Flag { return createFlags },
	Run: func(c *Call) error {
		if err := c.noSystemd(); err != nil {
			return err
		}
		return c.runtime().Create(c.Args[0], createOptions(c))
	},
}

// createFlags are the flags that create and run share.
var createFlags = []Flag{
	{Name: "bundle", Short: "b", Value: "DIR", Usage: "directory that holds config.json, by default the working directory"},
	{Name: "pid-file", Value: "FILE", Usage: "write the pid of the container's process to a file"},
	{Name: "console-socket", Value: "PATH", Usage: "send the container's terminal to a listening socket"},
	{Name: "preserve-fds", Value: "N", Number: true, Usage: "pass so many more descriptors, from 3 on, to the container"},
	{Name: "no-pivot", Usage: "move the root mount and chroot instead of pivot_root"},
	{Name: "no-new-keyring", Usage: "keep the caller's session keyring"},
}

func createOptions(c *Call) libcontainer.CreateOptions {
	return libcontainer.CreateOptions{
		Bundle: c.text("bundle"), PidFile: c.text("pid-file"), ConsoleSocket: c.text("console-socket"),
		PreserveFDs: c.number("preserve-fds"), NoPivot: c.on("no-pivot"), NoNewKeyring: c.on("no-new-keyring"),
	}
}
