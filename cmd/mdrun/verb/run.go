package verb

import "github.com/mdrun/mdrun/libcontainer"

var run = Verb{
	Name: "run", Usage: "create and start a container, wait for it, and delete it",
	Args: "ID", Least: 1, Most: 1, Command: true,
	Flags: append(createFlags[:len(createFlags):len(createFlags)],
		Flag{Name: "detach", Short: "d", Usage: "return when the program has been executed"},
		Flag{Name: "keep", Usage: "do not delete the container when it has stopped"},
		Flag{Name: "no-subreaper", Usage: "do not adopt the processes that the container orphans"},
	),
	Run: func(c *Call) error {
		if err := c.noSystemd(); err != nil {
			return err
		}
		status, err := c.runtime().Run(c.Args[0], libcontainer.RunOptions{
			CreateOptions: createOptions(c), Detach: c.on("detach"), Keep: c.on("keep"), NoSubreaper: c.on("no-subreaper"),
		})
		if err == nil && status != 0 {
			err = exitStatus(status)
		}
		return err
	},
}
