package cgroupv2

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func create(t *testing.T, h *Hierarchy, p Path, plan []Made) *Cgroup {
	t.Helper()
	c, err := h.Create(p, plan, nil, "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func survey(t *testing.T, h *Hierarchy, p Path) []Made {
	t.Helper()
	plan, err := h.Survey(p)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// Two creates for one cgroup: the second is refused and takes nothing away.
func TestACgroupIsClaimedOnce(t *testing.T) {
	const events = "populated 0\nfrozen 0\n"
	h := tree(t, map[string]string{"given/cgroup.events": events})
	for name, surveyed := range map[string][]Made{
		"both have found it":         {{"/given", true}},
		"one has made it meanwhile":  {{"/given", false}},
		"it is made while one looks": nil,
	} {
		p := Path("/given")
		if surveyed == nil {
			p, surveyed = "/made", survey(t, h, "/made")
		}
		first := create(t, h, p, survey(t, h, p))
		_, err := h.Create(p, surveyed, nil, "test")
		var host *HostError
		if !errors.As(err, &host) || !strings.Contains(host.Text, "another container is being created in the cgroup "+string(p)) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(h.mount + string(p)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		first.Close()
	}
}

// The one that is refused takes its parent back, and nothing that is in it.
func TestWhoIsRefusedLeavesTheOthersCgroup(t *testing.T) {
	h := tree(t, map[string]string{"x": ""})
	plan := survey(t, h, "/pods/a")
	create(t, h, "/pods/a", plan)
	// As if it had made the parent, and the other one what is in there.
	if err := h.delete([]Made{{"/pods", false}}, -1); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Create("/pods/a", plan, nil, "test"); err == nil {
		t.Error("created twice")
	}
	if _, err := os.Stat(h.mount + "/pods/a"); err != nil {
		t.Errorf("it is gone: %v", err)
	}
}

// Who made it goes first, even when it has not come to claim it.
func TestACgroupThatSomebodyHasJustMade(t *testing.T) {
	h := tree(t, map[string]string{"made/cgroup.events": "populated 0\nfrozen 0\n"})
	if _, err := h.Create("/made", []Made{{"/made", false}}, nil, "test"); err == nil || !strings.Contains(err.Error(), "another container is being created") {
		t.Errorf("%v", err)
	}
}

// By the time that the second comes to it, the first has its processes in there.
func TestACgroupThatWasTakenMeanwhile(t *testing.T) {
	h := tree(t, map[string]string{"given/cgroup.events": "populated 1\nfrozen 0\n"})
	if _, err := h.Create("/given", []Made{{"/given", true}}, nil, "test"); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("%v", err)
	}
}

// A parent that vanished after the survey is told from what else may be wrong.
func TestAParentThatVanished(t *testing.T) {
	h := tree(t, map[string]string{"there/x": ""})
	if _, err := h.Create("/gone/a", []Made{{"/gone", true}, {"/gone/a", false}}, nil, "test"); !Vanished(err) {
		t.Errorf("%v", err)
	}
	if _, err := h.Create("/there/x/a", []Made{{"/there", true}, {"/there/x", true}, {"/there/x/a", false}}, nil, "test"); err == nil || Vanished(err) {
		t.Errorf("%v", err)
	}
}

// The one that made the parent goes first, and leaves it to the other one.
func TestTheLastOneRemovesTheParent(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: who made a cgroup is noted where only root can")
	}
	h := tree(t, map[string]string{"keep/x": ""})
	maker := survey(t, h, "/keep/pods/a")
	create(t, h, "/keep/pods/a", maker).Close()
	guest := survey(t, h, "/keep/pods/b")
	create(t, h, "/keep/pods/b", guest).Close()
	if err := h.Delete(maker, "test", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(h.mount + "/keep/pods/b"); err != nil {
		t.Error("the guest's went with the maker's")
	}
	if err := h.Delete(guest, "test", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(h.mount + "/keep/pods"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the parent is left: %v", err)
	}
	if _, err := os.Stat(h.mount + "/keep"); err != nil {
		t.Error("what was there before went too")
	}
}

// An owner of the cgroup, as a container may be, cannot have it removed.
func TestOnlyRootCanDisown(t *testing.T) {
	h := tree(t, map[string]string{"given/a/x": ""})
	if err := unix.Setxattr(h.mount+"/given", "user.mdrun.ownerless", nil, 0); err != nil {
		t.Fatal(err)
	}
	if h.disowned("/given") {
		t.Error("the mark of a user counts")
	}
}

// A container whose processes have ended may find that another one has its cgroup.
func TestWhoHasTakenACgroupKeepsIt(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: who holds a cgroup is noted where only root can")
	}
	h := tree(t, map[string]string{"keep/x": ""})
	first := survey(t, h, "/keep/pods/a")
	c, err := h.Create("/keep/pods/a", first, nil, "first")
	if err != nil {
		t.Fatal(err)
	}
	if c.HeldByOther("first") || !c.HeldByOther("second") || c.HeldByOther("") {
		t.Error("the first does not hold it")
	}
	c.Close()
	events := h.mount + "/keep/pods/a/cgroup.events"
	if err := os.WriteFile(events, []byte("populated 0\nfrozen 0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	second := survey(t, h, "/keep/pods/a")
	if c, err = h.Create("/keep/pods/a", second, nil, "second"); err != nil {
		t.Fatal(err)
	}
	if !c.HeldByOther("first") || c.HeldByOther("second") {
		t.Error("the second does not hold it")
	}
	c.Close()
	os.Remove(events) // cgroupfs has files that are in nobody's way
	if err := h.Delete(first, "first", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(h.mount + "/keep/pods/a"); err != nil {
		t.Fatal("the first has taken it away")
	}
	if err := h.Delete(second, "second", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(h.mount + "/keep/pods"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is left: %v", err)
	}
}

// A cgroup that was there before is left as it was.
func TestWhoGoesTakesItsNameAlong(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: who holds a cgroup is noted where only root can")
	}
	h := tree(t, map[string]string{"given/cgroup.events": "populated 0\nfrozen 0\n"})
	plan := survey(t, h, "/given")
	c := create(t, h, "/given", plan)
	if !c.HeldByOther("another") {
		t.Error("nobody holds it")
	}
	if err := h.Delete(plan, "test", c); err != nil {
		t.Fatal(err)
	}
	if c.HeldByOther("another") {
		t.Error("the name is left")
	}
}

// Who is to end what is in a cgroup keeps it from being claimed meanwhile, and waits for
// nobody who has claimed it.
func TestACgroupIsHeldOrTaken(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: who holds a cgroup is noted where only root can")
	}
	h := tree(t, map[string]string{"given/cgroup.events": "populated 0\nfrozen 0\n"})
	plan := survey(t, h, "/given")
	first := create(t, h, "/given", plan) // a create that hangs
	if _, err := h.Hold("/given", "another"); err != ErrTaken {
		t.Errorf("%v", err)
	}
	if held, err := h.Hold("/given", "test"); err != nil { // no create, or it would have noted another
		t.Errorf("%v", err)
	} else {
		held.Close()
	}
	_ = unix.Fremovexattr(first.fd, heldBy)
	if _, err := h.Hold("/given", "another"); err != ErrTaken { // by who cannot note it
		t.Errorf("%v", err)
	}
	first.Close()
	held, err := h.Hold("/given", "test")
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	var host *HostError
	if _, err := h.Create("/given", plan, nil, "another"); !errors.As(err, &host) || !strings.Contains(host.Text, "or the last one deleted") {
		t.Errorf("%v", err)
	}
}
