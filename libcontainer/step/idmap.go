package step

import "github.com/mdrun/mdrun/libcontainer/internal/sys"

// IDMap shows the files of a mount as those of other users (mount_setattr(2)
// MOUNT_ATTR_IDMAP). The host sets it: see Host.MapIDs.
type IDMap struct {
	Mount      int       // number of the mount by which the host knows it, from 1; 0: ids stay
	Recursive  bool      // on all mounts below too
	UIDs, GIDs []IDRange // none: the map of the container's user namespace
}

// IDRange maps the ids of a filesystem from Disk on to those of the host from Shown on.
type IDRange struct{ Disk, Shown, Size uint32 }

// Fields passes it through the codec.
func (m *IDMap) Fields(c *Codec) {
	c.Int(&m.Mount)
	c.Bool(&m.Recursive)
	List(c, &m.UIDs, idRange)
	List(c, &m.GIDs, idRange)
}

func idRange(c *Codec, r *IDRange) {
	c.Uint32(&r.Disk)
	c.Uint32(&r.Shown)
	c.Uint32(&r.Size)
}

// words says it for explain: ", users mapped 0→100000 (65536), groups ...".
func (m *IDMap) words() string {
	if m.Mount == 0 {
		return ""
	}
	text := ", "
	if m.Recursive {
		text = ", with all below "
	}
	if len(m.UIDs) == 0 {
		return text + "ids mapped as in the user namespace"
	}
	return text + "users mapped " + ranges(m.UIDs) + ", groups mapped " + ranges(m.GIDs)
}

func ranges(list []IDRange) (text string) {
	for i, r := range list {
		if i > 0 {
			text += " and "
		}
		text += sys.Int(int(r.Disk)) + "→" + sys.Int(int(r.Shown)) + " (" + sys.Int(int(r.Size)) + ")"
	}
	return text
}
