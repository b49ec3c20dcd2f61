package promotion

import (
	"fmt"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/controllers/internal/gitrepo"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// Each question that git does not answer takes a minute: one is enough in a pass, and no message changes by it.
func TestGitThatDoesNotAnswerIsAskedOnceInAPass(t *testing.T) {
	lacks := func(region, hint string) string { return fmt.Sprintf("%s lacks core/%s.yaml%s", bad, region, hint) }
	known := "; the oldest commit of main that has them is " + string(old)
	refused := fmt.Errorf("https://git.test/infra: %w", gitrepo.ErrCredentials)
	for name, tc := range map[string]struct {
		git       func(*git)
		wantAsked []string
		want      map[string]string
		silent    bool
	}{
		"it answers": {
			git:       func(*git) {},
			wantAsked: []string{"files c core/dublin.yaml unkey-api/dublin.yaml", "first main core/dublin.yaml", "files c core/tokyo.yaml unkey-api/tokyo.yaml", "first main core/tokyo.yaml"},
			want:      map[string]string{"dublin": lacks("dublin", known), "tokyo": lacks("tokyo", known)},
		},
		"it knows what is missing, and how the branch was": {
			git: func(g *git) { g.oldestErr, g.recalls = errUnreachable, true },
			wantAsked: []string{
				"files c core/dublin.yaml unkey-api/dublin.yaml", "first main core/dublin.yaml", "first main core/dublin.yaml",
				"files c core/tokyo.yaml unkey-api/tokyo.yaml", "first main core/tokyo.yaml",
			},
			want: map[string]string{"dublin": lacks("dublin", known), "tokyo": lacks("tokyo", known)},
		},
		"it knows what is missing": {
			git: func(g *git) { g.oldestErr = errUnreachable },
			wantAsked: []string{
				"files c core/dublin.yaml unkey-api/dublin.yaml", "first main core/dublin.yaml", "first main core/dublin.yaml", "files c core/tokyo.yaml unkey-api/tokyo.yaml",
			},
			want: map[string]string{"dublin": lacks("dublin", ""), "tokyo": lacks("tokyo", "")},
		},
		"there is no such branch": {
			git: func(g *git) { g.oldestErr, g.recalls = gitrepo.ErrNoBranch, true },
			wantAsked: []string{
				"files c core/dublin.yaml unkey-api/dublin.yaml", "first main core/dublin.yaml", "files c core/tokyo.yaml unkey-api/tokyo.yaml",
			},
			want: map[string]string{"dublin": lacks("dublin", ""), "tokyo": lacks("tokyo", "")},
		},
		"it refuses the credentials": {
			git: func(g *git) { g.filesErr = refused }, silent: true,
			wantAsked: []string{"files c core/dublin.yaml unkey-api/dublin.yaml"},
			want: map[string]string{
				"dublin": "looking into " + string(bad) + ": " + refused.Error(), "tokyo": "looking into " + string(bad) + ": " + refused.Error(),
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			th := newTheatre(t)
			repository := th.withGit(t)
			repository.lacks, repository.oldest = []string{"core/dublin.yaml", "core/tokyo.yaml"}, string(old)
			tc.git(repository)
			p := promotionTo(bad)
			g.Expect(th.Create(t.Context(), p)).To(Succeed())
			s, err := th.reconciler.observe(t.Context(), p)
			g.Expect(err).NotTo(HaveOccurred())
			d := &decision{}
			for _, name := range []string{"dublin", "tokyo"} {
				d.writes = append(d.writes, pinning{s.world.region(name), plan.PinSet{Revision: bad}, true})
			}
			g.Expect(th.reconciler.withhold(t.Context(), s, d)).To(BeTrue())
			g.Expect(repository.asked).To(Equal(tc.wantAsked))
			if tc.silent { // also when it is decided anew, because pins could not be put right
				g.Expect(th.reconciler.withhold(t.Context(), s, d)).To(BeTrue())
				g.Expect(repository.asked).To(Equal(tc.wantAsked))
			}
			g.Expect(s.world.withheld).To(Equal(tc.want))
		})
	}
}
