package bed

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/test/simulator/ack"
	"github.com/portolan-dev/portolan/test/simulator/argocd"
	"github.com/portolan-dev/portolan/test/simulator/controlplane"
)

// management is the cluster that Portolan runs in, with the controllers that act on it.
type management struct {
	*controlplane.APIServer

	name string
	undo undoing
}

// managementParts make up a management cluster. It begins empty.
func (b *Bed) managementParts() []part {
	return []part{
		{"management API server", b.startManagement},
		{"CRDs, RBAC and samples' namespace", b.install},
		{"simulated ACK and Argo CD", b.startControllers},
	}
}

// LoseManagement ends the operator, ACK, Argo CD and the management cluster with all that it
// stored, and starts an empty one with Portolan's CRDs and RBAC, ACK and Argo CD installed
// anew, but no operator. What is in AWS and in the regional clusters lives on, and what AWS
// was working on goes on. Client, Config and ACK are those of the new cluster, and faults
// that the old ACK was told are forgotten.
func (b *Bed) LoseManagement(ctx context.Context) error {
	b.KillOperator()
	lost := b.management
	lost.undo.run()
	if err := b.etcd.Forget(ctx, lost.name); err != nil {
		return fmt.Errorf("losing the management cluster: %w", err)
	}
	return b.start(b.planes.lifetime, b.managementParts()) //nolint:contextcheck // lives as long as the bed, not as the call
}

func (b *Bed) startManagement(ctx context.Context) error {
	b.generation++
	b.management = &management{name: "management-" + strconv.Itoa(b.generation)}
	var err error
	b.management.APIServer, err = controlplane.StartAPIServer(ctx, b.binaries, b.etcd, controlplane.Config{
		Name: b.management.name, Dir: b.dir, AuditLog: b.AuditLog(),
	})
	if err != nil {
		return fmt.Errorf("starting the API server: %w", err)
	}
	b.management.undo.add(b.management.Stop)
	c, err := newClient(b.management.Config())
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.Client, b.Config = c, b.management.Config()
	return nil
}

// administrator is Client for everybody who does not wait for LoseManagement.
func (b *Bed) administrator() client.Client {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Client
}

// AuditLog is the file with one JSON event for each request to the management API server,
// over all management clusters.
func (b *Bed) AuditLog() string { return filepath.Join(b.dir, "audit.log") }

// startControllers runs what stands for ACK and Argo CD.
func (b *Bed) startControllers(ctx context.Context) error {
	if err := b.startACK(ctx); err != nil {
		return err
	}
	b.management.undo.add(func() { b.ACK.Stop() }) // whichever runs by then
	if b.options.WithoutArgoCD {
		return nil
	}
	argo, err := argocd.Start(ctx, argocd.Options{
		Config: b.Config, Namespace: ArgoCDNamespace, Cloud: b.Cloud, Clusters: b.planes.byServer,
	})
	if err != nil {
		return fmt.Errorf("starting Argo CD: %w", err)
	}
	b.management.undo.add(argo.Stop)
	return nil
}

func (b *Bed) startACK(ctx context.Context) error {
	controllers, err := ack.Start(ctx, ack.Options{
		Config: b.Config, Cloud: b.Cloud, Hooks: ack.Hooks{ClusterStarter: b.planes}, DNS: b.DNS,
	})
	if err != nil {
		return fmt.Errorf("starting ACK: %w", err)
	}
	b.ACK = controllers
	return nil
}
