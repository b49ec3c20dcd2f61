package bed

import (
	"path/filepath"

	"github.com/portolan-dev/portolan/test/simulator/regional"
)

const (
	// probeImage stands for the operator's own, of which the nodes know the first argument only.
	probeImage = "portolan"
	// probeInterval is what a probe does without being told.
	probeInterval = "10s"
)

// programs are what pods run as real processes: the operator's own image, as the probe that it
// installs. Their files and logs are below pods in the bed's folder.
func (b *Bed) programs() regional.Programs {
	return regional.Programs{
		Dir: filepath.Join(b.dir, "pods"),
		Known: map[string]regional.Program{
			"probe": {Path: b.manager(), Defaults: []string{"--interval=" + probeInterval}},
		},
	}
}
