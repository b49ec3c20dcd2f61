package argocd

import (
	"runtime"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

// Not parallel: while it runs, no other test has an Argo CD.
func TestStopLeavesNothingRunning(t *testing.T) {
	b := newBed(t, quickSync)
	b.createSet("core")
	b.createSecret("eu")
	b.Eventually(func() string { return syncStatusOf(b.app("core-eu")()) }).Should(Equal(synced))

	b.stop()

	b.Eventually(goroutines).ShouldNot(Or(
		ContainElement(ContainSubstring("cache.(*Reflector)")),
		ContainElement(ContainSubstring("cache.(*processorListener)")),
		ContainElement(ContainSubstring("workqueue.")),
		ContainElement(ContainSubstring("controller-runtime/pkg/manager")),
	))
}

func goroutines() []string {
	stacks := make([]byte, 1<<20)
	return strings.Split(string(stacks[:runtime.Stack(stacks, true)]), "\n\n")
}
