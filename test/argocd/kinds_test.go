package argocd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// application is what is looked at of an Application.
type application struct {
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		Source struct{ TargetRevision string }
	}
	Operation map[string]any
	Status    struct {
		Sync         struct{ Status, Revision string }
		Health       struct{ Status string }
		Conditions   []condition
		ReconciledAt *metav1.Time
		// OperationState is that of the last sync, or of the one that runs.
		OperationState *operation
	}
}

type operation struct {
	Phase, Message string
	FinishedAt     *metav1.Time
	SyncResult     struct{ Revision string }
}

// condition of an Application or an ApplicationSet.
type condition struct{ Type, Status, Reason, Message string }

// settled is what an Application comes to.
type settled struct{ Target, Revision, Sync, Health string }

func (a *application) Settled() settled {
	return settled{
		Target: a.Spec.Source.TargetRevision, Revision: a.Status.Sync.Revision,
		Sync: a.Status.Sync.Status, Health: a.Status.Health.Status,
	}
}

// message is that of a condition, "" when there is none of the type.
func message(conditions []condition, conditionType string) string {
	i := slices.IndexFunc(conditions, func(c condition) bool { return c.Type == conditionType })
	if i < 0 {
		return ""
	}
	return conditions[i].Message
}

// resource of Argo CD's, in its namespace.
func resource(kind, name string, spec map[string]any) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{}}
	if spec != nil {
		u.Object["spec"] = spec
	}
	u.SetAPIVersion("argoproj.io/v1alpha1")
	u.SetKind(kind)
	u.SetNamespace(namespace)
	u.SetName(name)
	return u
}

// read reads an object of Argo CD's into a view of it.
func read(ctx context.Context, kind, name string, into any) error {
	u := resource(kind, name, nil)
	if err := hub.Get(ctx, client.ObjectKeyFromObject(u), u); err != nil {
		return err
	}
	return view(u, into)
}

// view reads of an object what the view has.
func view(obj runtime.Object, into any) error {
	raw, err := json.Marshal(obj)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}

// app reads an Application, freshly.
func app(ctx context.Context, name string) func(Gomega) *application {
	return func(g Gomega) *application {
		a := &application{}
		g.Expect(read(ctx, "Application", name, a)).To(Succeed())
		return a
	}
}

// appSetCondition reads a condition of an ApplicationSet, freshly.
func appSetCondition(ctx context.Context, name, conditionType string) func(Gomega) condition {
	return func(g Gomega) condition {
		var set struct {
			Status struct{ Conditions []condition }
		}
		g.Expect(read(ctx, "ApplicationSet", name, &set)).To(Succeed())
		for _, c := range set.Status.Conditions {
			if c.Type == conditionType {
				return c
			}
		}
		return condition{}
	}
}

// sample reads an object of a file of this repository.
func sample(kind, name string, path ...string) (*unstructured.Unstructured, error) {
	file, err := os.Open(filepath.Join(append([]string{module}, path...)...))
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	documents := yaml.NewYAMLOrJSONDecoder(file, 4096)
	for {
		u := &unstructured.Unstructured{}
		err := documents.Decode(u)
		switch {
		case errors.Is(err, io.EOF):
			return nil, fmt.Errorf("%s has no %s %s", file.Name(), kind, name)
		case err != nil:
			return nil, err
		case u.GetKind() == kind && u.GetName() == name:
			return u, nil
		}
	}
}
