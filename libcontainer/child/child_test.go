package child

import "testing"

func TestMarkSurvivesTheEnvironment(t *testing.T) {
	for _, m := range []Mark{
		{Conn: 3, Proc: 4, Fifo: 5, RealGID: -1},
		{Conn: 103, Proc: 104, Fifo: -1, RestoreTHP: true, RealGID: 0},
	} {
		got, ok := ParseMark(m.String())
		if !ok || got != m {
			t.Errorf("%v came back as %v, %v", m, got, ok)
		}
	}
}

func TestForeignValuesAreNoMark(t *testing.T) {
	for _, s := range []string{"", "1", "3,4,5,0", "3,4,5,0,-1,", "3,4,5,0,-1,7", "a,4,5,0,-1", "3,,5,0,-1", "3,4,5,0,", "33333333333,4,5,0,-1"} {
		if m, ok := ParseMark(s); ok {
			t.Errorf("%q was taken for the mark %v", s, m)
		}
	}
}
