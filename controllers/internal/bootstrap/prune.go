package bootstrap

import (
	"context"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Prune removes from a regional cluster what items had installed that are not among those
// to keep, the last installed first, and what earlier versions of the kept ones have left
// behind. It is to be called once all that is to be kept is installed: an item may have
// gone over into another one.
//
// CustomResourceDefinitions, Namespaces and PersistentVolumeClaims stay, as everybody's
// objects and data would go with them, and so does what another item brings, what the
// chart wants to be kept, and what is not ours any more.
//
// It returns what is not gone yet, as "item" or as "item (Kind namespace/name)" with the
// object that holds it up, and is called again until that is nothing. While nothing is to
// be removed, it makes one request.
func (i *Installer) Prune(ctx context.Context, c client.Client, keep []string) (left []string, err error) {
	all, err := readMarkers(ctx, c)
	if err != nil {
		return nil, err
	}
	waiting := false
	for _, m := range slices.Backward(all) {
		t := &tracked{client: c, marker: m}
		kept := slices.Contains(keep, m.item)
		switch {
		case kept:
			err = t.tidy(ctx)
		case waiting: // for those that were installed on top of it
			left = append(left, m.item)
			continue
		default:
			err = t.uninstall(ctx)
		}
		if err != nil {
			return left, err
		}
		if holds, ok := t.holdUp(kept); ok {
			left = append(left, m.item+" ("+holds.String()+")")
			waiting = waiting || !kept
		}
	}
	return left, nil
}

// tidy removes what an item that stays has left behind.
func (t *tracked) tidy(ctx context.Context) error {
	if len(t.marker.former) == 0 {
		return nil
	}
	left, err := t.clear(ctx, t.marker.former)
	if err != nil {
		return err
	}
	next := *t.marker
	next.former = left
	return t.record(ctx, &next)
}

// uninstall removes an item. The marker forgets first that it is installed: the item may
// come back into the list at any time.
func (t *tracked) uninstall(ctx context.Context) error {
	if err := t.record(ctx, &marker{inventory: t.marker.with(nil)}); err != nil {
		return err
	}
	left, err := t.clear(ctx, t.marker.inventory)
	if err != nil {
		return err
	}
	if len(left) == 0 {
		t.marker.inventory = nil
		return t.marker.remove(ctx, t.client)
	}
	return t.record(ctx, &marker{inventory: left})
}

// holdUp returns the object that is removed at the moment.
func (t *tracked) holdUp(kept bool) (reference, bool) {
	objects := t.marker.former
	if !kept {
		objects = t.marker.inventory
	}
	if len(objects) == 0 {
		return reference{}, false
	}
	return objects[len(objects)-1], true
}
