package rules

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// flagged are the calls that make descriptors, and which argument must hold a flag
// that ends in CLOEXEC.
var flagged = map[string]int{
	"Open": 1, "Openat": 2, "Openat2": 2, "OpenByHandleAt": 2, "Socket": 1, "Socketpair": 1, "Accept4": 1, "Pipe2": 1, "Dup3": 2,
	"Fsopen": 1, "Fsmount": 1, "Fspick": 2, "OpenTree": 2, "MemfdCreate": 1, "EpollCreate1": 0, "Eventfd": 1, "InotifyInit1": 0,
	"TimerfdCreate": 1, "Signalfd": 2, "FanotifyInit": 0, "PerfEventOpen": 4, "Recvmsg": 3, "RecvmsgBuffers": 3,
}

// leaky cannot make a descriptor that is closed on exec, or not in one step.
var leaky = map[string]string{
	"Dup": "F_DUPFD_CLOEXEC", "Dup2": "Dup3", "F_DUPFD": "F_DUPFD_CLOEXEC", "Creat": "Open", "Pipe": "Pipe2", "Accept": "Accept4",
	"EpollCreate": "EpollCreate1", "InotifyInit": "InotifyInit1", "SYS_OPEN": "Open", "SYS_OPENAT": "Openat", "SYS_OPENAT2": "Openat2",
	"SYS_DUP": "F_DUPFD_CLOEXEC", "SYS_DUP2": "Dup3", "SYS_DUP3": "Dup3", "SYS_PIPE": "Pipe2", "SYS_PIPE2": "Pipe2", "SYS_SOCKET": "Socket",
	"SYS_FSOPEN": "Fsopen", "SYS_FSMOUNT": "Fsmount", "SYS_OPEN_TREE": "OpenTree", "SYS_MEMFD_CREATE": "MemfdCreate",
}

// kept are descriptors that shall survive execve, by file, function and call.
var kept = map[string]string{
	"libcontainer/step/console.go TakeConsole.Apply Dup3":    "input, output and error of the program",
	"cmd/mdrun/verb/run.go Call.input Dup3":                  "standard input, which the program inherits",
	"libcontainer/internal/hook/held.go becomeHook SYS_DUP3": "input, output and error of the hook",
	"libcontainer/spawn/raw.go become F_SETFD":               "what the child is given goes through the execve that makes it the runtime's image",
}

func TestEveryDescriptorIsClosedOnExec(t *testing.T) {
	used := map[string]bool{}
	for _, s := range program(t) {
		s.functions(func(name string, d *ast.FuncDecl) {
			ast.Inspect(d, func(n ast.Node) bool {
				for what, why := range leaks(d, n) {
					if key := s.path + " " + name + " " + what; kept[key] != "" {
						used[key] = true
					} else {
						t.Errorf("%s: %s: %s", place(n), what, why)
					}
				}
				return true
			})
		})
	}
	for key := range kept {
		if !used[key] {
			t.Errorf("%s: is not there any more: remove its row", key)
		}
	}
}

// leaks gives what a node, which is somewhere in d, does against the rule.
func leaks(d *ast.FuncDecl, n ast.Node) map[string]string {
	found := map[string]string{}
	switch n := n.(type) {
	case *ast.SelectorExpr:
		if name, ok := ofKernel(n); ok && leaky[name] != "" {
			found[name] = "use " + leaky[name]
		}
	case *ast.CallExpr:
		name, ok := ofKernel(n.Fun)
		at, makes := flagged[name]
		switch {
		case !ok:
		case makes && (at >= len(n.Args) || !closed(d, n.Args[at])):
			found[name] = "no flag for close-on-exec in its arguments"
		case mentions(n, "TIOCGPTPEER") && !mentions(n, "CLOEXEC"):
			found["TIOCGPTPEER"] = "no flag for close-on-exec in its arguments"
		case mentions(n, "F_SETFD") && !mentions(n, "CLOEXEC"):
			found["F_SETFD"] = "takes close-on-exec away"
		}
	}
	return found
}

// closed reports whether an argument holds the flag: there, or in everything that the
// function assigns to the variable.
func closed(d *ast.FuncDecl, arg ast.Expr) bool {
	if mentions(arg, "CLOEXEC") {
		return true
	}
	if u, ok := arg.(*ast.UnaryExpr); ok && u.Op == token.AND {
		arg = u.X
	}
	variable, ok := arg.(*ast.Ident)
	if !ok {
		return false
	}
	set, clear := 0, 0
	ast.Inspect(d, func(n ast.Node) bool {
		a, ok := n.(*ast.AssignStmt)
		if !ok || a.Tok != token.ASSIGN && a.Tok != token.DEFINE || len(a.Lhs) != len(a.Rhs) {
			return true
		}
		for i, left := range a.Lhs {
			if id, ok := left.(*ast.Ident); ok && id.Name == variable.Name {
				set++
				if !mentions(a.Rhs[i], "CLOEXEC") {
					clear++
				}
			}
		}
		return true
	})
	return set > 0 && clear == 0
}

// mentions reports whether a name that ends so is used as a value; a flag that is
// taken away (&^) is not.
func mentions(n ast.Node, name string) (yes bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			if n.Op == token.AND_NOT {
				yes = yes || mentions(n.X, name)
				return false
			}
		case *ast.Ident:
			yes = yes || strings.HasSuffix(n.Name, name)
		}
		return true
	})
	return yes
}

// ofKernel gives the name of what is taken from one of the packages of system calls.
func ofKernel(e ast.Expr) (string, bool) {
	for _, p := range []string{"unix", "syscall"} {
		if name := selector(e, p); name != "" {
			return name, true
		}
	}
	return "", false
}

// selector gives the name in "pkg.name", and "" for all else.
func selector(e ast.Expr, pkg string) string {
	s, ok := e.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	if x, ok := s.X.(*ast.Ident); !ok || x.Name != pkg || x.Obj != nil {
		return ""
	}
	return s.Sel.Name
}

func TestTheKernelIsCalledByItsUsualName(t *testing.T) {
	for _, s := range program(t) {
		for _, i := range s.file.Imports {
			path := strings.Trim(i.Path.Value, `"`)
			if i.Name != nil && i.Name.Name != "_" && slices.Contains([]string{unix, "syscall", "os"}, path) {
				t.Errorf("%s: %s is called %s: the rules for descriptors would not see it", place(i), path, i.Name.Name)
			}
		}
	}
}
