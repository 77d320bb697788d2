// Package first is imported for what it does when it is initialised: it gets memory ready
// for a command or an init, which live for milliseconds. Go initialises what is ready in
// the order of the import paths. This package imports next to nothing, so it comes before
// almost all others, whose initialisation then goes faster too.
package first

import "github.com/mdrun/mdrun/libcontainer/internal/goruntime"

func init() {
	goruntime.GrowStack()
	goruntime.Populate(goruntime.Usual)
}
