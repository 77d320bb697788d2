package goruntime

import _ "unsafe" // for go:linkname

// A fork for whatever package syscall cannot do stands between these three, as its own does:
// signals are blocked meanwhile, and the child speaks raw system calls only. The Go runtime
// names them as used from outside (runtime/proc.go, "Notable members of the hall of shame")
// and keeps them.

// BeforeFork comes first, with syscall.ForkLock held.
//
//go:linkname BeforeFork syscall.runtime_BeforeFork
func BeforeFork()

// AfterFork comes next in the parent, also where there is no child.
//
//go:linkname AfterFork syscall.runtime_AfterFork
func AfterFork()

// AfterForkInChild comes next in a child that will execute a program.
//
//go:linkname AfterForkInChild syscall.runtime_AfterForkInChild
func AfterForkInChild()
