package ack

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// observe notes what would be done to an object and tells whether it is there and works.
// What it waits for is not told: nothing was asked of AWS.
func (a *Applier) observe(ctx context.Context, o *object) (works bool, err error) {
	err = a.config.Client.Get(ctx, client.ObjectKeyFromObject(o.desired), o.current)
	switch {
	case apierrors.IsNotFound(err):
		return false, a.observeAbsent(ctx, o)
	case err != nil:
		return false, fmt.Errorf("reading %s: %w", o.name, err)
	case !o.current.GetDeletionTimestamp().IsZero():
		a.drifts(o, v1alpha1.DriftCreate, "it is being deleted")
		return false, nil
	}
	if why, err := a.wrongAccount(o); err != nil {
		return false, err
	} else if why != "" {
		a.drifts(o, v1alpha1.DriftRefuse, why)
		return false, nil
	}
	paths, err := o.drifted()
	if err != nil {
		return false, err
	}
	if len(paths) > 0 {
		a.drifts(o, v1alpha1.DriftChange, list(paths))
	}
	conditions, err := conditionsOf(o.current)
	if err != nil {
		return false, err
	}
	return synced(o.name, conditions, lastApply(o.current)) == nil && o.check() == nil, nil
}

// observeAbsent asks AWS about every kind: what would only turn out when ACK is refused
// is told before.
func (a *Applier) observeAbsent(ctx context.Context, o *object) error {
	match, err := a.find(ctx, o)
	if err != nil {
		return err
	}
	if !match.Found {
		a.drifts(o, v1alpha1.DriftCreate, "")
		return nil
	}
	if _, why := o.refuse(match); why != "" {
		a.drifts(o, v1alpha1.DriftRefuse, why)
		return nil
	}
	a.drifts(o, v1alpha1.DriftAdopt, o.nameInAWS(match))
	return nil
}

// drifted returns the paths of what applying would change. Of what we applied before and
// no longer want only the part of the object is known that it was in.
func (o *object) drifted() ([]string, error) {
	w, err := o.wanted()
	if err != nil {
		return nil, err
	}
	have, err := contentOf(o.current)
	if err != nil {
		return nil, err
	}
	last := lastApply(o.current)
	var paths []string
	for part, hashes := range map[string][2]string{
		"spec": {last.spec, w.record.spec}, "metadata": {last.metadata, w.record.metadata},
	} {
		found := differences(part, have[part], w.content[part])
		if len(found) == 0 && hashes[0] != "" && hashes[0] != hashes[1] {
			found = []string{part}
		}
		paths = append(paths, found...)
	}
	slices.Sort(paths)
	return paths, nil
}

func (a *Applier) drifts(o *object, action v1alpha1.DriftAction, message string) {
	if len(message) > maxDrift {
		message = strings.ToValidUTF8(message[:maxDrift-len("…")], "") + "…"
	}
	a.drift[o.name] = v1alpha1.Drift{Object: o.name, Action: action, Message: message}
}

// maxDrift is the API's limit of a drift's message.
const maxDrift = 1024

// list joins paths; what is too long says how many it leaves out.
func list(paths []string) string {
	for n := len(paths); n > 0; n-- {
		text := strings.Join(paths[:n], ", ")
		if n < len(paths) {
			text += fmt.Sprintf(" and %d more", len(paths)-n)
		}
		if len(text) <= maxDrift {
			return text
		}
	}
	return fmt.Sprintf("%d fields", len(paths))
}
