package argocdhealth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	. "github.com/onsi/gomega"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// health is what Argo CD makes of an object.
type health struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

// statuses are those that Argo CD knows: gitops-engine, pkg/health. It turns all others into
// Unknown.
var statuses = []string{"Healthy", "Progressing", "Degraded", "Suspended", "Missing", "Unknown"}

// healthOf judges an object as Argo CD does. What is being deleted is not shown to a script:
// gitops-engine, GetResourceHealth.
func healthOf(ctx context.Context, script string, obj *unstructured.Unstructured) (health, error) {
	if obj.GetDeletionTimestamp() != nil {
		return health{Status: "Progressing", Message: "Pending deletion"}, nil
	}
	return run(ctx, script, obj)
}

// run executes a script as Argo CD's util/lua does: the object is the global obj, the base, package
// and table libraries are there, string, math and io are not. Argo CD has an os library, too, which
// tells the time only; health that depends on the time would never be looked at again.
func run(ctx context.Context, script string, obj *unstructured.Unstructured) (health, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	state.SetContext(ctx)
	libraries := []struct {
		name string
		open lua.LGFunction
	}{{lua.LoadLibName, lua.OpenPackage}, {lua.BaseLibName, lua.OpenBase}, {lua.TabLibName, lua.OpenTable}}
	for _, l := range libraries {
		if err := state.CallByParam(lua.P{Fn: state.NewFunction(l.open), Protect: true}, lua.LString(l.name)); err != nil {
			return health{}, fmt.Errorf("opening library %q: %w", l.name, err)
		}
	}
	state.SetGlobal("obj", valueOf(state, obj.Object))
	if err := state.DoString(script); err != nil {
		return health{}, fmt.Errorf("running the script: %w", err)
	}
	return verdict(state.Get(-1))
}

func verdict(value lua.LValue) (health, error) {
	table, ok := value.(*lua.LTable)
	if !ok {
		return health{}, fmt.Errorf("the script returned a %s, not a table", value.Type())
	}
	var h health
	for _, field := range []struct {
		name string
		into *string
	}{{"status", &h.Status}, {"message", &h.Message}} {
		text, ok := table.RawGetString(field.name).(lua.LString)
		if !ok {
			return health{}, fmt.Errorf("%s is a %s, not a string", field.name, table.RawGetString(field.name).Type())
		}
		*field.into = string(text)
	}
	if !slices.Contains(statuses, h.Status) {
		return health{}, fmt.Errorf("argo CD has no status %q", h.Status)
	}
	if table.Len() != 0 {
		return health{}, errors.New("a table with a list in it is a list to Argo CD")
	}
	return h, nil
}

// valueOf makes a Lua value of one that was JSON.
func valueOf(state *lua.LState, value any) lua.LValue {
	switch v := value.(type) {
	case bool:
		return lua.LBool(v)
	case float64:
		return lua.LNumber(v)
	case int64:
		return lua.LNumber(v)
	case string:
		return lua.LString(v)
	case []any:
		list := state.CreateTable(len(v), 0)
		for _, item := range v {
			list.Append(valueOf(state, item))
		}
		return list
	case map[string]any:
		table := state.CreateTable(0, len(v))
		for key, item := range v {
			table.RawSetString(key, valueOf(state, item))
		}
		return table
	default:
		return lua.LNil
	}
}

// What a script can get wrong has to fail here as it fails in Argo CD.
func TestRunIsAsStrictAsArgoCD(t *testing.T) {
	obj := &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"generation": int64(3)},
		"status":   map[string]any{"parts": []any{"a", true, nil}, "share": 0.5},
	}}
	cases := map[string]struct {
		script    string
		want      health
		wantError string
	}{
		"a verdict":             {script: `return {status = "Healthy", message = "well"}`, want: health{"Healthy", "well"}},
		"the object":            {script: `return {status = "Healthy", message = obj.status.parts[1] .. obj.metadata.generation .. obj.status.share}`, want: health{"Healthy", "a30.5"}},
		"tables":                {script: `local t = {"b", "a"} table.sort(t) return {status = "Healthy", message = table.concat(t)}`, want: health{"Healthy", "ab"}},
		"an unknown status":     {script: `return {status = "Fine", message = ""}`, wantError: `no status "Fine"`},
		"no status":             {script: `return {message = ""}`, wantError: "status is a nil"},
		"no message":            {script: `return {status = "Healthy"}`, wantError: "message is a nil"},
		"a number as a message": {script: `return {status = "Healthy", message = 1}`, wantError: "message is a number"},
		"a list":                {script: `return {"a", status = "Healthy", message = ""}`, wantError: "a list to Argo CD"},
		"nothing":               {script: `local x = 1`, wantError: "returned a nil"},
		"a text":                {script: `return "Healthy"`, wantError: "returned a string"},
		"a missing field":       {script: `return {status = obj.spec.paused, message = ""}`, wantError: "attempt to index a non-table object(nil)"},
		"a syntax error":        {script: `return {`, wantError: "syntax error"},
		"the string library":    {script: `return {status = string.upper("x"), message = ""}`, wantError: "running the script"},
		"a string's methods":    {script: `return {status = ("x"):upper(), message = ""}`, wantError: "running the script"},
		"files":                 {script: `io.open("x")`, wantError: "running the script"},
		"commands":              {script: `os.execute("true")`, wantError: "running the script"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			got, err := run(t.Context(), tc.script, obj)
			if tc.wantError != "" {
				g.Expect(err).To(MatchError(ContainSubstring(tc.wantError)))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(got).To(Equal(tc.want))
		})
	}
}
