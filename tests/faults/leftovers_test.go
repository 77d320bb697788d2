package main

import "testing"

func TestZombiesOfProcess1AreNotLeft(t *testing.T) {
	for stat, want := range map[string]struct {
		name      string
		ofSandbox bool
	}{
		"12 (sh) S 1 12 12":         {"sh S", false},
		"12 (sh) Z 1 12 12":         {"sh Z", true},
		"12 (sh) Z 7 12 12":         {"sh Z", false},
		"12 (a) Z 1 (b)) T 1 12 12": {"a) Z 1 (b) T", false},
		"12 (":                      {"?", false},
		"12 (sh)":                   {"?", false},
		"":                          {"?", false},
	} {
		if name, ofSandbox := nameAndState(stat); name != want.name || ofSandbox != want.ofSandbox {
			t.Errorf("%q: %q, %v", stat, name, ofSandbox)
		}
	}
}
