package verb

var delete_ = Verb{
	Name: "delete", Usage: "remove what create made",
	Args: "ID", Least: 1, Most: 1,
	flags: func() []Flag {
		return []Flag{{Name: "force", Short: "f", Usage: "in any state; kill it first; no error where there is none"}}
	},
	Run: func(c *Call) error { return c.runtime().Delete(c.Args[0], c.on("force")) },
}
