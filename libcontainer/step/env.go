package step

// Program is what the plan finally executes.
type Program struct {
	Path string   // as found: absolute, or relative to the working directory
	Args []string // argv
	Env  []string // environ
}

// kept is what one step leaves for a later one.
type kept struct {
	null       int   // the host's null device, O_PATH; 0: not held
	sources    []int // clones of HoldSource
	mounts     []int // that a later step changes, in order
	empty      int   // an empty read-only filesystem, where it is attached; 0: not made yet
	console    int   // the container's side of its terminal, to become 0, 1 and 2; 0: none
	started    int   // exec.fifo, open for writing; 0: not yet
	said       bool  // the byte is in it
	ledIntoDev bool  // a link of the image led a mount below /dev
	cwdRefused bool  // the working directory is closed to root; the user tries again
	vectors    vectors
}
