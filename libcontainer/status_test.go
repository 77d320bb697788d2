package libcontainer

import (
	"os"
	"testing"
)

// What was read before create wrote down its child says no pid, and create has come to its
// end since.
func TestARecordFromBeforeTheChildIsReadAgain(t *testing.T) {
	p, _ := readProcess(os.Getpid())
	rec := &record{ID: "a", PID: os.Getpid(), StartTime: p.Start}
	d, err := reserve(t.TempDir(), "a", rec.save)
	must(t, err)
	defer d.close()
	c := &container{dir: d, record: &record{ID: "a"}}
	if s := c.state(); s.Status != Running || s.PID != os.Getpid() {
		t.Errorf("%s, pid %d", s.Status, s.PID)
	}
}
