package libcontainer

// undo is a stack of what has to be taken back when a command does not come to its
// end: pushed where a thing is made, run in reverse order by back, forgotten by
// keep.
type undo struct{ acts []func() }

// push adds one act. It must cope with the thing being gone already.
func (u *undo) push(act func()) { u.acts = append(u.acts, act) }

// keep forgets everything: the command has succeeded.
func (u *undo) keep() { u.acts = nil }

// back takes everything back, newest first.
func (u *undo) back() {
	for i := len(u.acts) - 1; i >= 0; i-- {
		u.acts[i]()
	}
	u.acts = nil
}
