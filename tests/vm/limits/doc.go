// Package limits sees that the limits of a container hold on a machine that has
// every cgroup v2 controller: each with a container that has the limit and one that
// has not, because a limit that is never reached proves nothing.
//
// The tests change the machine they run on; tests/vm/lane runs them in a virtual one.
// The runtime is taken from the environment variable MDRUN.
package limits
