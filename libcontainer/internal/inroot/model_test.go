package inroot

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// node is a file, a folder or a link of the model: a tree in memory in which the rules
// of path_resolution(7) are written down once more, plainly.
type node struct {
	parent   *node            // of a folder; the root is its own
	children map[string]*node // of a folder
	target   string           // of a link
	ino      uint64           // on the disk; 0 for what was made only in the model
}

func newFolder(parent *node) *node {
	n := &node{parent: parent, children: map[string]*node{}}
	if parent == nil {
		n.parent = n
	}
	return n
}

func (n *node) isFolder() bool { return n.children != nil }
func (n *node) isLink() bool   { return n.target != "" }

// walker resolves one path.
type walker struct {
	root  *node
	links int  // that were followed
	plain bool // no link may be on the way
	makes bool // what is missing is made when the walk comes to it ...
	file  bool // ... and at the end it is a file
}

// walk gives what a path leads to. A slash at the end asks for a folder, like "/.".
func (w *walker) walk(path string) (*node, error) {
	if path == "" {
		return nil, unix.ENOENT
	}
	return w.from(w.root, components(path))
}

func components(path string) []string {
	parts := strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
	if strings.HasSuffix(path, "/") {
		parts = append(parts, ".")
	}
	return parts
}

func (w *walker) from(at *node, todo []string) (*node, error) {
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		if !at.isFolder() {
			return nil, unix.ENOTDIR
		}
		next := w.lookUp(at, name, len(todo) == 0)
		switch {
		case next == nil:
			return nil, unix.ENOENT
		case !next.isLink():
			at = next
			continue
		case w.plain:
			return nil, unix.ELOOP
		}
		if w.links++; w.links > 40 {
			return nil, unix.ELOOP
		}
		if strings.HasPrefix(next.target, "/") {
			at = w.root
		}
		todo = append(components(next.target), todo...)
	}
	return at, nil
}

// lookUp finds one name in a folder, or makes it.
func (w *walker) lookUp(at *node, name string, last bool) *node {
	switch name {
	case ".":
		return at
	case "..":
		return at.parent
	}
	if next := at.children[name]; next != nil || !w.makes {
		return next
	}
	next := newFolder(at)
	if w.file && last {
		next = &node{parent: at}
	}
	at.children[name] = next
	return next
}

// list names everything in a tree, one line each.
func (n *node) list(path string) (lines []string) {
	for name, c := range n.children {
		p := path + "/" + name
		switch {
		case c.isLink():
			lines = append(lines, p+" -> "+c.target)
		case c.isFolder():
			lines = append(append(lines, p+"/"), c.list(p)...)
		default:
			lines = append(lines, p)
		}
	}
	slices.Sort(lines)
	return lines
}
