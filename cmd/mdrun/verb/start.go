package verb

var start = Verb{
	Name: "start", Usage: "execute the program of a created container",
	Args: "ID", Least: 1, Most: 1,
	Run: func(c *Call) error { return c.runtime().Start(c.Args[0]) },
}
