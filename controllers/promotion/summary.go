package promotion

import (
	"fmt"

	"sigs.k8s.io/yaml"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// written heads the files that Portolan makes.
const written = "# Written by Portolan: change the Promotion instead.\n"

// summaryOf says what an environment's applications are at: the revision that most have, and
// those that have another.
func summaryOf(rollout *v1alpha1.PromotionRollout) ([]byte, error) {
	pins := plan.Accepted(rollout)
	summary := struct {
		Revision  v1alpha1.GitRevision            `json:"revision,omitempty"`
		Overrides map[string]v1alpha1.GitRevision `json:"overrides,omitempty"`
	}{Revision: pins.Revision, Overrides: map[string]v1alpha1.GitRevision{}}
	for _, o := range pins.Overrides {
		summary.Overrides[o.Application] = o.Revision
	}
	raw, err := yaml.Marshal(summary)
	if err != nil {
		return nil, fmt.Errorf("encoding the summary: %w", err)
	}
	return append([]byte(written), raw...), nil
}
