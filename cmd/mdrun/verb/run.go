package verb

import (
	"slices"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer"
)

var run = Verb{
	Name: "run", Usage: "create and start a container, wait for it, and delete it",
	Args: "ID | --rootfs DIR ... [ID] -- COMMAND...", Most: 1, Tail: true,
	flags: func() []Flag {
		return slices.Concat(createFlags, []Flag{
			{Name: "detach", Short: "d", Usage: "return when the program has been executed"},
			{Name: "keep", Usage: "do not delete the container when it has stopped"},
			{Name: "no-subreaper", Usage: "do not adopt the processes that the container orphans"},
		}, shellFlags)
	},
	Run: func(c *Call) error {
		if err := c.noSystemd(); err != nil {
			return err
		}
		o := libcontainer.RunOptions{
			CreateOptions: createOptions(c), Detach: c.on("detach"), Keep: c.on("keep"), NoSubreaper: c.on("no-subreaper"),
		}
		shell, err := c.shell()
		switch {
		case err != nil:
			return err
		case shell:
			return c.runShell(o)
		case len(c.Args) == 0:
			return c.wrong("needs "+c.Verb.Args, "`mdrun run --help` tells more.")
		}
		return c.runAs(c.Args[0], o)
	},
}

func (c *Call) runAs(id string, o libcontainer.RunOptions) error {
	status, err := c.runtime().Run(id, o)
	if o.Loaded != nil {
		err = c.inFlags(err)
	}
	if err == nil && status != 0 {
		err = exitStatus(status)
	}
	return err
}

// runShell runs what the flags describe.
func (c *Call) runShell(o libcontainer.RunOptions) (err error) {
	if unix.Geteuid() != 0 {
		return c.wrong("--rootfs needs root", "Without being root a container needs a user namespace and a cgroup of one's own: `mdrun spec --rootless` writes a bundle to start from.")
	}
	if o.Loaded, err = c.bundleOfFlags(); err != nil {
		return err
	}
	if err := c.present(o.Loaded); err != nil {
		return err
	}
	if err := c.input(o); err != nil {
		return err
	}
	switch {
	case c.given("name") && len(c.Args) > 0:
		return c.wrong("the id is given twice: "+c.text("name")+" and "+c.Args[0], "Leave --name or the argument out.")
	case c.given("name"):
		return c.runAs(c.text("name"), o)
	case len(c.Args) > 0:
		return c.runAs(c.Args[0], o)
	}
	return underNewID(makeID, func(id string) error {
		err := c.runAs(id, o)
		if err == nil && o.Detach {
			err = print([]byte(id + "\n")) // nobody would know it
		}
		return err
	})
}

// input is a terminal with -t, what is there with -i, and else nothing: the container is
// not to read what was meant for the shell.
func (c *Call) input(o libcontainer.RunOptions) error {
	terminal := c.on("tty")
	switch {
	case terminal && o.Detach && o.ConsoleSocket == "":
		return c.wrong("-t and --detach contradict each other", "Nobody would be at the terminal: give --console-socket, a listening socket that is sent it, or leave one of them out.")
	case terminal && o.Detach:
		return nil
	case terminal && !libcontainer.IsTerminal(0):
		return c.wrong("-t needs a terminal as standard input", "There is none: leave -t out, or give -i to pass a pipe or a file on.")
	case terminal || c.on("interactive"):
		return nil
	}
	null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return c.wrong("open /dev/null: "+err.Error(), "")
	}
	defer unix.Close(null)
	return unix.Dup3(null, 0, 0)
}
