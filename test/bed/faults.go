package bed

import (
	"fmt"
	"strings"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
	"github.com/portolan-dev/portolan/test/simulator/controlplane"
)

// Revoke makes AWS refuse every call of Portolan's role until it is taken back, as when
// somebody has broken the role. It does not count as a permission that config/iam lacks.
func (b *Bed) Revoke(revoked bool) { b.revoked.Store(revoked) }

// refuseRevoked is AWS's answer while the role is revoked.
func (b *Bed) refuseRevoked(call cloud.Call) *cloud.Error {
	if !b.revoked.Load() || !strings.Contains(call.Principal, "assumed-role/portolan/") {
		return nil
	}
	return &cloud.Error{Code: "AccessDeniedException", Message: fmt.Sprintf(
		"User: %s is not authorized to perform: %s:%s because no identity-based policy allows it", call.Principal, call.Service, call.Operation)}
}

// CutOff ends a regional API server and everything inside its cluster without a word, as a
// control plane that nobody can reach any more. What its controllers made in AWS stays.
func (b *Bed) CutOff(cluster string) { b.planes.StopCluster(cluster) }

// Freeze lets a regional API server answer nobody until Thaw, as one that hangs or lies behind
// a firewall. Its pods go on, but nothing inside the cluster is reconciled.
func (b *Bed) Freeze(cluster string) error {
	return b.signalPlane(cluster, (*controlplane.APIServer).Freeze)
}

// Thaw ends what Freeze began.
func (b *Bed) Thaw(cluster string) error {
	return b.signalPlane(cluster, (*controlplane.APIServer).Thaw)
}

func (b *Bed) signalPlane(cluster string, signal func(*controlplane.APIServer) error) error {
	plane := b.planes.get(cluster)
	if plane == nil {
		return fmt.Errorf("cluster %s does not run", cluster)
	}
	return signal(plane.server)
}
