package bed

import (
	"fmt"
	"strings"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
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
