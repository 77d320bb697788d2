package step

// Program is what the plan finally executes.
type Program struct {
	Path string   // as found: absolute, or relative to the working directory
	Args []string // argv
	Env  []string // environ
}

// kept is what one step leaves for a later one.
type kept struct{}
