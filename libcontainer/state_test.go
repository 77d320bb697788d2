package libcontainer

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"
)

// state is what other programs read from `state` (go-runc, buildah, CRI-O).
type state struct {
	OCIVersion  string            `json:"ociVersion"`
	ID          string            `json:"id"`
	PID         int               `json:"pid"`
	Status      Status            `json:"status"`
	Bundle      string            `json:"bundle"`
	Rootfs      string            `json:"rootfs"`
	Created     time.Time         `json:"created"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Owner       string            `json:"owner"`
}

func TestStateIsWhatEncodingJSONWrites(t *testing.T) {
	for _, s := range []State{
		{}, {OCIVersion: "1.3.0", ID: "web", PID: 7, Status: Running, Bundle: "/b \"", Rootfs: "/b/r", Created: time.Unix(1700000000, 120).UTC(), Owner: "root"},
		{ID: "a", Annotations: map[string]string{"b": "", "a": "x\"y", "": "z"}}, {Annotations: map[string]string{}},
	} {
		for _, indent := range []bool{false, true} {
			want, err := json.Marshal(state(s))
			if indent {
				want, err = json.MarshalIndent(state(s), "", "  ")
			}
			if got := s.AppendJSON(nil, indent); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s\nwant\n%s\n(%v)", got, want, err)
			}
		}
	}
}
