package compile

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/mdrun/mdrun/spec"
)

// fieldsExist walks the jq path of every entry through config.json. A step that no
// field asks for has none.
func fieldsExist(c containment) string {
	raw, err := json.Marshal(c.spec)
	if err != nil {
		return err.Error()
	}
	var config any
	if err := json.Unmarshal(raw, &config); err != nil {
		return err.Error()
	}
	for i, e := range c.plan {
		if e.Field == "" {
			continue
		}
		if _, err := walk(config, e.Field); err != nil {
			return fmt.Sprintf("step %d (%s): %s: %v", i+1, kindOf(e.Step), e.Field, err)
		}
	}
	return ""
}

// walk follows a jq path: .key, [3] and ["key"].
func walk(at any, path string) (any, error) {
	for path != "" {
		key, number, rest, err := firstStep(path)
		if err != nil {
			return nil, err
		}
		switch v := at.(type) {
		case map[string]any:
			at = v[key]
		case []any:
			if number < 0 || number >= len(v) {
				return nil, fmt.Errorf("the list has %d elements", len(v))
			}
			at = v[number]
		default:
			at = nil
		}
		if at == nil {
			return nil, fmt.Errorf("nothing is there, before %q", rest)
		}
		path = rest
	}
	return at, nil
}

func firstStep(path string) (key string, number int, rest string, err error) {
	if name, ok := strings.CutPrefix(path, "."); ok {
		end := strings.IndexAny(name, ".[")
		if end < 0 {
			end = len(name)
		}
		return name[:end], -1, name[end:], nil
	}
	inner, ok := strings.CutPrefix(path, "[")
	if !ok {
		return "", 0, "", fmt.Errorf("%q is no jq path", path)
	}
	if quoted, err := strconv.QuotedPrefix(inner); err == nil {
		key, _ = strconv.Unquote(quoted)
		return key, -1, strings.TrimPrefix(inner[len(quoted):], "]"), nil
	}
	digits, rest, _ := strings.Cut(inner, "]")
	number, err = strconv.Atoi(digits)
	return "", number, rest, err
}

func TestAPathLeadsToAPlaceOrNowhere(t *testing.T) {
	var config any
	must(t, json.Unmarshal([]byte(`{"a":{"b":[1,{"c":{"x.y":2,"q\"":3}}]},"z":null}`), &config))
	for path, there := range map[string]bool{
		".a": true, ".a.b[0]": true, `.a.b[1].c["x.y"]`: true, `.a.b[1].c["q\""]`: true,
		".": false, ".b": false, ".a.b[2]": false, ".a.b[-1]": false, ".a[0]": false, ".a.b.c": false, ".z": false, "a": false, `.a.b[1].c["x"]`: false,
	} {
		if _, err := walk(config, path); (err == nil) != there {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestFieldsOfTheDefaultConfigurationExist(t *testing.T) {
	s := spec.Default()
	if complaint := fieldsExist(containment{checked(t, s), compiled(t, s, facts())}); complaint != "" {
		t.Error(complaint)
	}
}
