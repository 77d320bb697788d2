package rules

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

const dependencies = "docs/dependencies.md"

var (
	major   = regexp.MustCompile(`/v[0-9]+$`)
	modPath = regexp.MustCompile(`[a-z0-9.-]+\.[a-z]{2,}/[A-Za-z0-9./_-]*[A-Za-z0-9](?: (v[0-9][^ ,]*))?`)
)

// required gives the modules of go.mod, without /v2 at the end, and their versions.
func required(t *testing.T) map[string]string {
	t.Helper()
	var mod struct {
		Require []struct{ Path, Version string }
	}
	if err := json.Unmarshal([]byte(output(t, exec.Command("go", "mod", "edit", "-json"))), &mod); err != nil {
		t.Fatal(err)
	}
	list := map[string]string{}
	for _, r := range mod.Require {
		list[major.ReplaceAllString(r.Path, "")] = r.Version
	}
	return list
}

// explained gives the modules that the tables explain in their first column, with the
// version where they name one.
func explained(t *testing.T) map[string]string {
	t.Helper()
	data, err := os.ReadFile(dependencies)
	if err != nil {
		t.Fatal(err)
	}
	list := map[string]string{}
	for line := range strings.Lines(string(data)) {
		column := strings.Split(line, "|")
		if len(column) < 4 {
			continue
		}
		for _, m := range modPath.FindAllStringSubmatch(column[1], -1) {
			path, _, _ := strings.Cut(m[0], " ")
			list[major.ReplaceAllString(path, "")] = m[1]
		}
	}
	return list
}

func TestEveryModuleHasAReason(t *testing.T) {
	reasons := explained(t)
	for path, version := range required(t) {
		told, ok := reasons[path]
		if !ok {
			t.Errorf("%s: no row in %s", path, dependencies)
		}
		if told != "" && told != version {
			t.Errorf("%s: go.mod has %s, %s says %s", path, version, dependencies, told)
		}
	}
}

func TestEveryReasonHasAModule(t *testing.T) {
	modules := required(t)
	for path := range explained(t) {
		if _, ok := modules[path]; !ok {
			t.Errorf("%s explains %s, which go.mod does not require", dependencies, path)
		}
	}
}
