// Package libcontainer takes a bundle through the life of a container: one file
// per verb, each a short recipe.
//
// # The idea
//
// The host's side loads and checks config.json and compiles it into a plan: an
// ordered list of small typed steps (packages compile and step). A copy of our own
// executable is born into the new namespaces and the cgroup, receives the plan,
// applies it, and waits on a FIFO. start opens the FIFO; the copy executes the
// program. explain prints the very same plan: what you read is what runs.
//
//	mdrun create                                   child (the same binary, as init)
//	load, check, compile                           package spec, compile
//	reserve the id: record what is about to exist  statedir.go, record.go
//	cgroup: make, limits                           package cgroupv2
//	spawn -- clone3: namespaces, maps, cgroup ---> takes over early (package child), reads
//	record pid and start time
//	attach the device filter, make the network namespace, while init boots
//	send the plan -------------------------------> root, mounts, devices ... (package step)
//	open a path <---------- its name ------------- only where a user namespace cannot pass
//	run a hook  <---------- its place ------------ if there are any: prestart, createRuntime;
//	               -------- "go on" -------------> createContainer runs over there
//	console socket  <---- the terminal -----------
//	                                               pivot, mask, names, limits, user, caps
//	last limits, pid file  <------- "ready" ------ waits for "go on"
//	rename the FIFO to exec.fifo: the commit
//	"go on" -------------------------------------> opens exec.fifo, which waits for start
//
//	mdrun start -- opens exec.fifo --------------> startContainer hooks, one byte, execve(process.args)
//	            <-- the byte, then end of file: it runs; poststart hooks
//	            <-- the byte, then an error: it does not, and the container is destroyed
//
//	mdrun delete   kills, removes the cgroup, frees the id; poststop hooks
//
// # What holds at every moment
//
// The container is on record before it has any effect. At whatever moment the
// runtime is killed, delete --force finds and removes everything: processes through
// the cgroup, which every process of the container is born into; the cgroup and its
// parents through the record, which says what was there before; the id through its
// directory. tests/faults kills the runtime before each of its system calls to see
// that this is so. Nothing is ever mounted on the host's side.
//
// A cgroup has one container: create claims it by a lock until its processes show that
// it is taken, and notes whose it is, so that one whose processes have ended leaves a
// later one alone. delete takes the same lock before it looks whose the cgroup is, until it
// has removed it. kill, and delete --force while others work on the container, never wait
// for it: where a create has it, processes are killed by pidfds, those that were there
// while the note still named their container. A parent is everybody's: where its maker is
// not the last to go, a mark leaves it to the one that is (cgroupv2/claim.go).
//
// A hook in the runtime's namespaces is in no cgroup of the container's. It waits
// behind a gate until its process is on record, and leads a process group, which
// delete --force kills (hookprocess.go). One in the container's namespaces is in its cgroup,
// and only named on record, for those who wait. The poststop hooks are pending on the record
// until they have run, also when the container and its id are gone (retired.go).
//
// The channel is also the gate: end of file at any message means that the other
// side has died. A child whose host died ends without having waited for anybody.
//
// Status is derived, never stored (status.go). The lock of a container is flock(2)
// on its directory; state, list and kill never take it, because hooks call state
// during create, and because kill must reach a create that hangs. delete --force
// kills before it waits for the lock.
//
// # Why not
//
// No C: what needs a process without threads (entering a user namespace) is a raw
// fork between the Go runtime's own hooks (spawn/raw.go).
//
// No stored plan: it is made and used up by one binary within one command. What is
// stored is config.json.
//
// No fsync of the record: the state root is memory, and a machine that lost its
// memory has lost its containers too.
//
// No cgroup v1: without cgroup.kill and birth in the cgroup the promise above cannot
// be kept.
package libcontainer
