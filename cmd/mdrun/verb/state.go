package verb

var state = Verb{
	Name: "state", Usage: "print the state of a container as JSON",
	Args: "ID", Least: 1, Most: 1,
	Run: func(c *Call) error {
		s, err := c.runtime().State(c.Args[0])
		if err != nil {
			return err
		}
		return print(append(s.AppendJSON(nil, true), '\n'))
	},
}
