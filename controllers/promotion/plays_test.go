package promotion

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

func soakFor(d time.Duration) func(*v1alpha1.PromotionSpec) {
	return func(s *v1alpha1.PromotionSpec) { s.Gates.Soak = &metav1.Duration{Duration: d} }
}

// pausedInItsFirstWave is a rollout to b that is at work in us-1, and may not go on.
func pausedInItsFirstWave(t *testing.T) *play {
	t.Helper()
	p := stageFor("us-1", "eu-1", "ap-1").asks("to b", to(good)).run(t, 2)
	return p.asks("pause", func(s *v1alpha1.PromotionSpec) { s.Paused = true })
}

func emergency(s *v1alpha1.PromotionSpec) { s.Urgency, s.Reason = v1alpha1.UrgencyEmergency, "CVE" }

func calm(s *v1alpha1.PromotionSpec) { s.Urgency, s.Reason = v1alpha1.UrgencyNormal, "" }

// Each of these is a whole rollout; its golden log is the specification.
func TestRollouts(t *testing.T) {
	waves := func(s *v1alpha1.PromotionSpec) {
		s.Waves = []v1alpha1.PromotionWave{
			{Name: "canary", Regions: []string{"us-1"}},
			{Name: "europe", Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"continent": "eu"}}, MaxConcurrent: new(int32(2))},
		}
	}
	rollback := func(s *v1alpha1.PromotionSpec) { s.OnFailure = v1alpha1.FailureRollback }
	for name, tc := range map[string]struct {
		play       func(t *testing.T) *play
		wantPinned string
	}{
		"happy": {func(t *testing.T) *play {
			return stageFor("us-1", "eu-1").run(t, 1).asks("to b", to(good)).run(t, 15)
		}, "us-1 bb, eu-1 bb"},
		"waves": {func(t *testing.T) *play {
			return stageFor("us-1", "eu-1", "eu-2", "eu-3", "ap-1").asks("waves, a soak of 10 minutes", func(s *v1alpha1.PromotionSpec) {
				waves(s)
				soakFor(10 * time.Minute)(s)
			}).asks("to b", to(good)).run(t, 90)
		}, "us-1 bb, eu-1 bb, eu-2 bb, eu-3 bb, ap-1 bb"},
		"override": {func(t *testing.T) *play {
			return stageFor("us-1", "eu-1").asks("to b, core stays", func(s *v1alpha1.PromotionSpec) {
				s.Revision, s.Overrides = good, []v1alpha1.RevisionOverride{{Application: "core", Revision: old}}
			}).run(t, 14).asks("the override goes", func(s *v1alpha1.PromotionSpec) { s.Overrides = nil }).run(t, 14)
		}, "us-1 bb, eu-1 bb"},
		"halt": {func(t *testing.T) *play {
			return stageFor("us-1", "eu-1").asks("to c", to(bad)).run(t, 9).asks("back to a", to(old)).run(t, 12)
		}, "us-1 aa, eu-1 aa"},
		"retry": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1").asks("to c", to(bad)).run(t, 9)
			return p.event("somebody asks for a retry", func() { p.retry = "1" }).run(t, 9)
		}, "us-1 cc, eu-1 aa"},
		"retry-much-later": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1").asks("to b, all at once", func(s *v1alpha1.PromotionSpec) {
				to(good)(s)
				s.Waves = []v1alpha1.PromotionWave{{Name: "all", Regions: []string{"us-1", "eu-1"}}}
			}).run(t, 2)
			p.event("eu-1 is slow, and api of us-1 is not well when it was", func() { p.actor("eu-1").stage["api"] = -2 }).run(t, 2)
			p.actor("us-1").sick = true
			p.run(t, 60)
			NewWithT(t).Expect(p.rollout.Waves[0].Regions[1].State).To(Equal(v1alpha1.RegionRolloutMoving), "nobody asked Argo CD to confirm it")
			return p.event("it is, and somebody asks for a retry", func() { p.actor("us-1").sick, p.retry = false, "1" }).run(t, 3)
		}, "us-1 bb, eu-1 bb"},
		"rollback": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1", "eu-2").asks("roll back on failure, two in europe at once", func(s *v1alpha1.PromotionSpec) {
				rollback(s)
				waves(s)
				soakFor(5 * time.Minute)(s)
			}).asks("to b", to(good)).run(t, 22)
			p.event("eu-1 gets the bad one's api by itself", func() { p.actor("eu-1").pins["api"] = good; p.actor("eu-1").stage["api"] = 1 }).run(t, 30)
			return p.asks("to c", to(bad)).run(t, 12)
		}, "us-1 bb, eu-1 bb, eu-2 bb"},
		"supersede": {func(t *testing.T) *play {
			return stageFor("us-1", "eu-1").asks("to b", to(good)).run(t, 2).asks("to d, in the middle of us-1", to(commit("d"))).run(t, 16)
		}, "us-1 dd, eu-1 dd"},
		"revert-inside": {func(t *testing.T) *play {
			return stageFor("us-1", "eu-1").asks("to b", to(good)).run(t, 2).asks("back to a, in the middle of us-1", to(old)).run(t, 10)
		}, "us-1 aa, eu-1 aa"},
		"region-added": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1").asks("to b", to(good)).run(t, 2)
			return p.event("ap-1 is born", func() { p.add("ap-1", good); p.actor("ap-1").stage["api"] = 1 }).run(t, 14)
		}, "us-1 bb, eu-1 bb, ap-1 bb"},
		"region-added-after-a-halt": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1").asks("to b", to(good)).run(t, 4)
			p.event("api of us-1 is not well", func() { p.actor("us-1").sick = true }).run(t, 2)
			p.event("ap-1 and ap-2 are born", func() { p.add("ap-1", old); p.add("ap-2", old) }).run(t, 2)
			p.asks("pause", func(s *v1alpha1.PromotionSpec) { s.Paused = true })
			p.event("us-1 is well, and somebody asks for a retry", func() { p.actor("us-1").sick, p.retry = false, "1" }).run(t, 5)
			NewWithT(t).Expect(p.pinned()).To(Equal("us-1 bb, eu-1 aa, ap-1 aa, ap-2 aa"))
			return p.asks("resume", func(s *v1alpha1.PromotionSpec) { s.Paused = false }).run(t, 15)
		}, "us-1 bb, eu-1 bb, ap-1 bb, ap-2 bb"},
		"region-added-after-a-rollback": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1").asks("roll back on failure, the rest after a canary", func(s *v1alpha1.PromotionSpec) {
				rollback(s)
				s.Waves = []v1alpha1.PromotionWave{
					{Name: "canary", Regions: []string{"us-1"}},
					{Name: "asia", Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"continent": "ap"}}},
				}
			}).asks("to c", to(bad)).run(t, 8)
			p.event("ap-1 is born, and ap-2, of which nothing is seen", func() { p.add("ap-1", old); p.add("ap-2", old); p.unseen["ap-2"] = true }).run(t, 2)
			p.event("somebody asks for a retry", func() { p.retry = "1" }).run(t, 1)
			p.event("ap-2 is seen", func() { p.unseen["ap-2"] = false }).run(t, 2)
			NewWithT(t).Expect(p.pinned()).To(Equal("us-1 cc, eu-1 aa, ap-1 aa, ap-2 aa"))
			return p.run(t, 6)
		}, "us-1 aa, eu-1 aa, ap-1 aa, ap-2 aa"},
		"regions-added-to-a-canary-that-failed": {func(t *testing.T) *play {
			p := stageFor("ap-1").asks("a canary, of which all move at once", func(s *v1alpha1.PromotionSpec) {
				s.Waves = []v1alpha1.PromotionWave{{Name: "canary", Regions: []string{"ap-1"}}}
			}).asks("to b", to(good)).run(t, 4)
			p.event("api of ap-1 is not well", func() { p.actor("ap-1").sick = true }).run(t, 2)
			p.event("us-1 and us-2 are born", func() { p.add("us-1", old); p.add("us-2", old) }).run(t, 2)
			p.event("somebody asks for a retry", func() { p.retry = "1" }).run(t, 2)
			NewWithT(t).Expect(p.pinned()).To(Equal("ap-1 bb, us-1 aa, us-2 aa"))
			p.event("ap-1 is well", func() { p.actor("ap-1").sick = false }).run(t, 4)
			NewWithT(t).Expect(p.pinned()).To(Equal("ap-1 bb, us-1 bb, us-2 aa"))
			return p.run(t, 8)
		}, "ap-1 bb, us-1 bb, us-2 bb"},
		"region-removed": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1").asks("to b", to(good)).run(t, 2)
			return p.event("us-1 goes", func() { p.fleet = p.fleet[1:] }).run(t, 8)
		}, "eu-1 bb"},
		"unknown-waiting": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1", "ap-1").event("nothing is known of us-1", func() {})
			p.away["us-1"] = true
			p.asks("to b", to(good)).run(t, 14)
			return p.event("us-1 is back", func() { p.away["us-1"] = false }).run(t, 8)
		}, "us-1 bb, eu-1 bb, ap-1 bb"},
		"unseen-rolled-back": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1").asks("roll back on failure", rollback).event("nothing is seen of us-1", func() {})
			p.unseen["us-1"] = true
			p.asks("to c, everywhere at once", func(s *v1alpha1.PromotionSpec) {
				to(bad)(s)
				s.Waves = []v1alpha1.PromotionWave{{Name: "all", Regions: []string{"us-1", "eu-1"}}}
			}).run(t, 2)
			return p.event("us-1 is back", func() { p.unseen["us-1"] = false }).run(t, 12)
		}, "us-1 aa, eu-1 aa"},
		"unknown-moving": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1").asks("to b", to(good)).run(t, 2)
			p.event("nothing is known of us-1", func() { p.away["us-1"] = true }).run(t, 40)
			return p.event("us-1 is back", func() { p.away["us-1"] = false }).run(t, 12)
		}, "us-1 bb, eu-1 bb"},
		"window": {func(t *testing.T) *play {
			return stageFor("us-1", "eu-1").asks("only from 3:00 to 3:10", func(s *v1alpha1.PromotionSpec) {
				s.Windows = []v1alpha1.PromotionWindow{{Kind: v1alpha1.WindowAllow, Schedule: "0 3 * * *", Duration: metav1.Duration{Duration: 10 * time.Minute}}}
				soakFor(3 * time.Minute)(s)
			}).asks("to b", to(good)).run(t, 24*60+12)
		}, "us-1 bb, eu-1 bb"},
		"paused": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1").asks("to b", to(good)).run(t, 2).asks("pause", func(s *v1alpha1.PromotionSpec) { s.Paused = true }).run(t, 8)
			return p.asks("resume", func(s *v1alpha1.PromotionSpec) { s.Paused = false }).run(t, 8)
		}, "us-1 bb, eu-1 bb"},
		"approval": {func(t *testing.T) *play {
			p := stageFor("us-1").event("an approval is needed", func() {})
			p.denied = true
			p.asks("to b", to(good)).run(t, 3)
			return p.event("approved", func() { p.denied = false }).run(t, 8)
		}, "us-1 bb"},
		"emergency": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1", "ap-1").asks("a soak of an hour", soakFor(time.Hour)).asks("to b", to(good)).run(t, 8)
			return p.asks("an emergency", emergency).run(t, 10)
		}, "us-1 bb, eu-1 bb, ap-1 bb"},
		"emergency-over": {func(t *testing.T) *play {
			p := pausedInItsFirstWave(t)
			p.asks("an emergency", emergency).run(t, 3)
			p.asks("none any more", calm).run(t, 1)
			p.asks("resume", func(s *v1alpha1.PromotionSpec) { s.Paused = false }).run(t, 2)
			NewWithT(t).Expect(p.pinned()).To(Equal("us-1 bb, eu-1 bb, ap-1 aa"))
			return p.run(t, 8)
		}, "us-1 bb, eu-1 bb, ap-1 bb"},
		"emergency-refused": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1", "ap-1").asks("to b", to(good)).run(t, 2)
			p.event("api of us-1 is not well with it, and to d, an emergency, which is refused", func() {
				p.refused, p.actor("us-1").stage["api"] = true, -60
				to(commit("d"))(&p.spec)
				emergency(&p.spec)
			})
			p.run(t, 5)
			return p.event("it is accepted", func() { p.refused = false }).run(t, 8)
		}, "us-1 dd, eu-1 dd, ap-1 dd"},
		"emergency-unapproved": {func(t *testing.T) *play {
			p := stageFor("us-1").asks("a soak of an hour", soakFor(time.Hour)).asks("to b", to(good)).run(t, 8)
			p.denied = true
			p.asks("to d, an emergency that nobody has approved", func(s *v1alpha1.PromotionSpec) { to(commit("d"))(s); emergency(s) }).run(t, 20)
			return p.event("approved", func() { p.denied = false }).run(t, 6)
		}, "us-1 dd"},
		"emergency-called-off-refused": {func(t *testing.T) *play {
			p := pausedInItsFirstWave(t)
			p.asks("an emergency", emergency).run(t, 1)
			p.event("no emergency any more, but to d, which is refused", func() { p.refused = true })
			p.asks("resume", func(s *v1alpha1.PromotionSpec) { to(commit("d"))(s); calm(s); s.Paused = false }).run(t, 1)
			NewWithT(t).Expect(p.pinned()).To(Equal("us-1 bb, eu-1 aa, ap-1 aa"))
			return p.run(t, 8)
		}, "us-1 bb, eu-1 bb, ap-1 bb"},
		"emergency-called-off-unapproved": {func(t *testing.T) *play {
			p := stageFor("us-1").asks("a soak of 10 minutes", soakFor(10*time.Minute)).asks("to b, an emergency", func(s *v1alpha1.PromotionSpec) { to(good)(s); emergency(s) }).run(t, 2)
			p.denied = true
			p.asks("to d, no emergency, which nobody has approved", func(s *v1alpha1.PromotionSpec) { to(commit("d"))(s); calm(s) }).run(t, 5)
			NewWithT(t).Expect(p.rollout.Waves[0].Regions[0].State).To(Equal(v1alpha1.RegionRolloutSoaking))
			return p.run(t, 10)
		}, "us-1 bb"},
		"emergency-called-off-then-another-refused": {func(t *testing.T) *play {
			p := pausedInItsFirstWave(t)
			p.asks("an emergency", emergency).run(t, 1).asks("none any more", calm).run(t, 2)
			p.event("to d, an emergency, which is refused", func() { p.refused = true })
			p.asks("resume", func(s *v1alpha1.PromotionSpec) { to(commit("d"))(s); emergency(s); s.Paused = false }).run(t, 1)
			NewWithT(t).Expect(p.pinned()).To(Equal("us-1 bb, eu-1 bb, ap-1 aa"))
			return p.run(t, 8)
		}, "us-1 bb, eu-1 bb, ap-1 bb"},
		"emergency-called-off-by-what-waits": {func(t *testing.T) *play {
			p := pausedInItsFirstWave(t)
			p.asks("an emergency", emergency).run(t, 1).asks("to c, and no emergency", func(s *v1alpha1.PromotionSpec) { to(bad)(s); calm(s) }).run(t, 2)
			p.event("to d, an emergency, which is refused", func() { p.refused = true })
			p.asks("resume", func(s *v1alpha1.PromotionSpec) { to(commit("d"))(s); emergency(s); s.Paused = false }).run(t, 1)
			NewWithT(t).Expect(p.pinned()).To(Equal("us-1 bb, eu-1 bb, ap-1 aa"))
			return p.run(t, 3)
		}, "us-1 bb, eu-1 bb, ap-1 aa"},
		"rolled-back-with-an-override-that-stays": {func(t *testing.T) *play {
			same := func(s *v1alpha1.PromotionSpec) {
				s.Overrides = []v1alpha1.RevisionOverride{{Application: "core", Revision: old}}
			}
			p := stageFor("us-1", "eu-1").asks("roll back on failure", rollback).asks("core stays where it is", same)
			p.event("eu-1 is out of sight", func() { p.blind["eu-1"], p.unseen["eu-1"] = true, true }).asks("to c", to(bad)).run(t, 3)
			p.event("eu-1 is back", func() { p.blind["eu-1"], p.unseen["eu-1"] = false, false })
			return p.run(t, 10)
		}, "us-1 aa, eu-1 aa"},
		"emergency-retried-calmly": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1", "ap-1").asks("roll back on failure", rollback).asks("waves", waves)
			p.asks("to c, an emergency", func(s *v1alpha1.PromotionSpec) { to(bad)(s); emergency(s) }).run(t, 6)
			p.asks("no emergency any more", calm).event("somebody asks for a retry", func() { p.retry = "1" }).run(t, 2)
			NewWithT(t).Expect(p.pinned()).To(Equal("us-1 cc, eu-1 aa, ap-1 aa"))
			return p.run(t, 5)
		}, "us-1 aa, eu-1 aa, ap-1 aa"},
		"status-lost": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1", "ap-1").asks("to b", to(good)).run(t, 8)
			return p.event("the status is lost", func() { p.rollout = nil }).run(t, 14)
		}, "us-1 bb, eu-1 bb, ap-1 bb"},
		"clobbered": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1").asks("to b", to(good)).run(t, 2)
			p.event("somebody changes pins", func() { p.actor("us-1").pins["core"] = bad; p.actor("eu-1").pins["core"] = bad }).run(t, 14)
			return p.event("and once more", func() { p.actor("eu-1").pins["api"] = old }).run(t, 5)
		}, "us-1 bb, eu-1 bb"},
		"successor-held": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1").asks("roll back on failure", rollback).asks("to c", to(bad)).run(t, 3)
			p.denied = true
			p.asks("to b, which nobody has approved", to(good)).run(t, 12)
			return p.event("approved", func() { p.denied = false }).run(t, 12)
		}, "us-1 bb, eu-1 bb"},
		"rollback-unknown": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1", "ap-1").asks("all at once, roll back on failure", func(s *v1alpha1.PromotionSpec) {
				rollback(s)
				s.Waves = []v1alpha1.PromotionWave{{Name: "all", Regions: []string{"us-1", "eu-1", "ap-1"}}}
			}).asks("to c", to(bad)).run(t, 2)
			p.event("nothing is known of eu-1", func() { p.away["eu-1"] = true }).run(t, 10)
			return p.event("eu-1 is back", func() { p.away["eu-1"] = false }).run(t, 3)
		}, "us-1 aa, eu-1 aa, ap-1 aa"},
		"rollback-unknown-reverted": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1", "ap-1").asks("all at once, a soak of 10 minutes, roll back on failure", func(s *v1alpha1.PromotionSpec) {
				rollback(s)
				soakFor(10 * time.Minute)(s)
				s.Waves = []v1alpha1.PromotionWave{{Name: "all", Regions: []string{"us-1", "eu-1", "ap-1"}}}
			}).asks("to c", to(bad)).run(t, 2)
			p.event("nothing is known of eu-1", func() { p.away["eu-1"] = true }).run(t, 10)
			p.asks("back to a", to(old)).run(t, 15)
			return p.event("eu-1 is back", func() { p.away["eu-1"] = false }).run(t, 20)
		}, "us-1 aa, eu-1 aa, ap-1 aa"},
		"unseen-unapproved": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1").event("the operator restarts, and sees no region yet", func() {})
			p.denied, p.unseen = true, map[string]bool{"us-1": true, "eu-1": true}
			p.asks("to b, which nobody has approved", to(good)).run(t, 3)
			p.event("the regions are seen", func() { p.unseen = nil }).run(t, 3)
			return p.event("approved", func() { p.denied = false }).run(t, 8)
		}, "us-1 bb, eu-1 bb"},
		"unseen-in-a-rollback": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1").asks("roll back on failure, all at once", func(s *v1alpha1.PromotionSpec) {
				rollback(s)
				s.Waves = []v1alpha1.PromotionWave{{Name: "all", Regions: []string{"us-1", "eu-1"}}}
			}).asks("to c", to(bad)).run(t, 2)
			p.event("nothing is seen of us-1", func() { p.unseen["us-1"] = true }).run(t, 6)
			return p.event("us-1 is back", func() { p.unseen["us-1"] = false }).run(t, 2)
		}, "us-1 aa, eu-1 aa"},
		"successor-held-later": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1").asks("roll back on failure", rollback).asks("to b", to(good)).run(t, 6)
			p.denied = true
			p.asks("to d, which nobody has approved", to(commit("d"))).run(t, 8)
			return p.event("much later, api is bad in us-1", func() { p.actor("us-1").sick = true }).run(t, 3)
		}, "us-1 bb, eu-1 bb"},
		"application-added-after-a-rollback": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1").asks("roll back on failure", rollback).asks("to c", to(bad)).run(t, 8)
			p.event("there is another application", func() { p.apps = append(p.apps, "web") }).run(t, 6)
			return p.asks("to b", to(good)).run(t, 14)
		}, "us-1 bbb, eu-1 bbb"},
		"application-added-after-regions-were-born": {func(t *testing.T) *play {
			p := stageFor("us-1").asks("roll back on failure", rollback).asks("to c", to(bad)).run(t, 2)
			p.event("ap-1, ap-2 and ap-3 are born, and there is another application, which another Promotion has pinned in ap-2", func() {
				p.add("ap-1", bad)
				p.add("ap-2", bad)
				p.actor("ap-2").pins["web"], p.actor("ap-2").stage["web"] = old, healthyAfter
				p.add("ap-3", bad) // registered when the application was there
				p.actor("ap-3").pins["web"], p.actor("ap-3").stage["web"] = bad, healthyAfter
				p.takeOver()
			})
			return p.run(t, 35)
		}, "us-1 aac, ap-1 cc, ap-2 cca, ap-3 ccc"},
		"application-added-in-a-soak": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1").asks("a soak of 10 minutes", soakFor(10*time.Minute)).asks("to b", to(good)).run(t, 9)
			p.elsewhere(good).event("web, which has its pin, is ours from now on", p.takeOver)
			return p.run(t, 30)
		}, "us-1 bbb, eu-1 bbb"},
		"application-returns-in-a-soak": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1").asks("roll back on failure", rollback).asks("a soak of 10 minutes", soakFor(10*time.Minute)).asks("to b", to(good)).run(t, 6)
			p.event("api is another Promotion's", func() { p.apps = []string{"core"} }).run(t, 2)
			p.event("and ours again", func() { p.apps = []string{"api", "core"} }).run(t, 2)
			NewWithT(t).Expect(p.rollout).To(fitTheAPI())
			return p.event("api is not well", func() { p.actor("us-1").sick = true }).run(t, 3)
		}, "us-1 aa, eu-1 aa"},
		"status-write-lost-then-superseded": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1").asks("roll back on failure", rollback).asks("to b", to(good))
			p.step(t)
			p.event("the status is not written", func() { p.forgetting(func() { p.step(t) }) })
			p.asks("to c", to(bad)).run(t, 8)
			return p
		}, "us-1 aa, eu-1 aa"},
		"outage-at-a-gate": {func(t *testing.T) *play {
			p := stageFor("us-1").asks("to b", to(good)).event("us-1 does not join its ring", func() {})
			p.apart["us-1"] = true
			p.run(t, 10).event("git does not answer", func() { p.away["us-1"] = true }).run(t, 40)
			p.event("it does again", func() { p.away["us-1"] = false }).run(t, 10)
			return p.event("us-1 joins its ring", func() { p.apart["us-1"] = false }).run(t, 2)
		}, "us-1 bb"},
		"taken-over-unapproved": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1").elsewhere(commit("e"))
			p.event("web, which another Promotion has pinned, is ours, and an approval is needed", func() { p.takeOver(); p.denied = true })
			p.asks("to b", to(good)).run(t, 5)
			return p.event("approved", func() { p.denied = false }).run(t, 14)
		}, "us-1 bbb, eu-1 bbb"},
		"taken-over-paused": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1").elsewhere(commit("e")).asks("pause", func(s *v1alpha1.PromotionSpec) { s.Paused = true })
			p.event("web, which another Promotion has pinned, is ours", p.takeOver).run(t, 5)
			return p.asks("resume", func(s *v1alpha1.PromotionSpec) { s.Paused = false }).run(t, 14)
		}, "us-1 aaa, eu-1 aaa"},
		"taken-over-refused": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1").elsewhere(commit("e")).asks("to b", to(good)).run(t, 6)
			p.event("web, which another Promotion has pinned, is ours, and refused", func() { p.takeOver(); p.refused = true }).run(t, 10)
			return p.event("not refused any more", func() { p.refused = false }).run(t, 14)
		}, "us-1 bbb, eu-1 bbb"},
		"taken-over-unpinned": {func(t *testing.T) *play {
			p := stageFor("us-1").event("web, which nobody has pinned, is ours, and refused", func() {})
			p.refused = true
			p.takeOver()
			p.run(t, 3)
			p.event("not refused any more, but unapproved", func() { p.refused, p.denied = false, true }).asks("to b", to(good)).run(t, 3)
			return p.event("approved", func() { p.denied = false }).run(t, 8)
		}, "us-1 bbb"},
		"taken-over-in-a-rollback": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1").elsewhere(commit("e")).asks("roll back on failure", rollback).asks("to c", to(bad)).run(t, 4)
			p.event("web, which another Promotion has pinned, is ours, and refused", func() { p.takeOver(); p.refused = true }).run(t, 5)
			return p.event("not refused any more", func() { p.refused = false }).run(t, 3)
		}, "us-1 aae, eu-1 aae"},
		"application-joins-regions-paused": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1", "us-2").webIn("eu-1").asks("to b", to(good)).run(t, 15)
			p.asks("pause", func(s *v1alpha1.PromotionSpec) { s.Paused = true })
			p.event("web, which eu-1 runs, joins the profile of us-1 and us-2", p.joins("us-1", "us-2")).run(t, 5)
			return p.asks("resume", func(s *v1alpha1.PromotionSpec) { s.Paused = false }).run(t, 10)
		}, "us-1 bbb, eu-1 bbb, us-2 bbb"},
		"application-joins-regions-refused": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1", "us-2").webIn("eu-1").asks("to b", to(good)).run(t, 6)
			p.event("web, which eu-1 runs, joins the profile of us-1 and us-2, and is refused there", func() { p.joins("us-1", "us-2")(); p.refused = true }).run(t, 10)
			return p.event("not refused any more", func() { p.refused = false }).run(t, 10)
		}, "us-1 bbb, eu-1 bbb, us-2 bbb"},
		"application-joins-a-region-after-a-rollback": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1").webIn("eu-1").asks("roll back on failure", rollback).asks("to c", to(bad)).run(t, 8)
			return p.event("web, which eu-1 runs, joins the profile of us-1", p.joins("us-1")).run(t, 6)
		}, "us-1 aaa, eu-1 aaa"},
		"application-joins-a-region-that-came-later": {func(t *testing.T) *play {
			p := stageFor("eu-1").webIn("eu-1").asks("to b", to(good)).run(t, 8)
			p.event("us-1 is born", func() { p.add("us-1", good); p.actor("us-1").lacks["web"] = true }).run(t, 2)
			p.asks("pause", func(s *v1alpha1.PromotionSpec) { s.Paused = true })
			p.event("web, which eu-1 runs, joins the profile of us-1", p.joins("us-1")).run(t, 5)
			return p.asks("resume", func(s *v1alpha1.PromotionSpec) { s.Paused = false }).run(t, 6)
		}, "eu-1 bbb, us-1 bbb"},
		"application-joins-a-region-that-has-none": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1").webIn("eu-1")
			p.apps = []string{"web"}
			p.asks("to b", to(good)).run(t, 8).asks("pause", func(s *v1alpha1.PromotionSpec) { s.Paused = true })
			p.event("web, which eu-1 runs, joins the profile of us-1", p.joins("us-1")).run(t, 5)
			return p.asks("resume", func(s *v1alpha1.PromotionSpec) { s.Paused = false }).run(t, 6)
		}, "us-1 aab, eu-1 aab"},
		"application-joins-a-region-that-is-not-seen": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1").webIn("eu-1").event("nothing is seen of us-1", func() {})
			p.unseen["us-1"] = true
			p.asks("to b", to(good)).run(t, 8).event("web, which eu-1 runs, joins the profile of us-1, and is refused there", func() { p.joins("us-1")(); p.refused = true }).run(t, 2)
			p.event("us-1 is seen", func() { delete(p.unseen, "us-1") }).run(t, 8)
			return p.event("not refused any more", func() { p.refused = false }).run(t, 6)
		}, "us-1 bbb, eu-1 bbb"},
		"override-elsewhere-in-a-soak": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1").webIn("eu-1").asks("a soak of 10 minutes", soakFor(10*time.Minute)).asks("to b", to(good)).run(t, 9)
			p.asks("web, which only eu-1 runs, to d", func(s *v1alpha1.PromotionSpec) {
				s.Overrides = []v1alpha1.RevisionOverride{{Application: "web", Revision: commit("d")}}
			}).run(t, 5)
			NewWithT(t).Expect(p.pinned()).To(Equal("us-1 bb, eu-1 aaa"))
			return p.run(t, 25)
		}, "us-1 bb, eu-1 bbd"},
		"override-elsewhere-after-a-gate-failed": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1").webIn("eu-1").asks("to b", to(good)).event("us-1 does not join its ring", func() {})
			p.apart["us-1"] = true
			p.run(t, 36).asks("web, which only eu-1 runs, to d", func(s *v1alpha1.PromotionSpec) {
				s.Overrides = []v1alpha1.RevisionOverride{{Application: "web", Revision: commit("d")}}
			}).run(t, 36)
			NewWithT(t).Expect(p.pinned()).To(Equal("us-1 bb, eu-1 aaa"))
			p.event("us-1 joins its ring", func() { p.apart["us-1"] = false }).asks("without the override", func(s *v1alpha1.PromotionSpec) { s.Overrides = nil })
			return p.run(t, 10)
		}, "us-1 bb, eu-1 bbb"},
		"blip": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1").asks("a soak of an hour", soakFor(time.Hour)).asks("to b", to(good)).run(t, 40)
			p.event("a node of us-1 is drained", func() { p.actor("us-1").stage["api"] = 1 }).run(t, 70)
			return p.event("api of eu-1 never gets well again", func() { p.actor("eu-1").stage["api"] = -60 }).run(t, 40)
		}, "us-1 bb, eu-1 bb"},
		"flapping": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1").asks("a soak of 10 minutes", soakFor(10*time.Minute)).asks("to b", to(good)).run(t, 5)
			for range 15 {
				p.actor("us-1").stage["api"] = 1
				p.run(t, 5)
			}
			return p
		}, "us-1 bb, eu-1 aa"},
		"outage-in-a-soak": {func(t *testing.T) *play {
			p := stageFor("us-1").asks("a soak of an hour", soakFor(time.Hour)).asks("to b", to(good)).run(t, 9)
			p.event("Argo CD does not reach us-1", func() { p.blind["us-1"] = true }).run(t, 120)
			return p.event("it does again", func() { p.blind["us-1"] = false }).run(t, 65)
		}, "us-1 bb"},
		"blind-reverted": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1").asks("to b", to(good)).run(t, 2)
			p.event("Argo CD does not reach us-1", func() { p.blind["us-1"] = true }).run(t, 40)
			p.asks("back to a", to(old)).run(t, 3)
			p.event("somebody changes a pin", func() { p.actor("us-1").pins["core"] = bad }).run(t, 3)
			return p.event("Argo CD reaches us-1", func() { p.blind["us-1"] = false }).run(t, 5)
		}, "us-1 aa, eu-1 aa"},
		"blind-in-a-rollback": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1", "ap-1").asks("all at once, roll back on failure", func(s *v1alpha1.PromotionSpec) {
				rollback(s)
				s.Waves = []v1alpha1.PromotionWave{{Name: "all", Regions: []string{"us-1", "eu-1", "ap-1"}}}
			}).asks("to c", to(bad)).run(t, 2)
			return p.event("Argo CD does not reach eu-1", func() { p.blind["eu-1"] = true }).run(t, 6)
		}, "us-1 aa, eu-1 aa, ap-1 aa"},
		"blind-waiting": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1").event("Argo CD does not reach us-1", func() {})
			p.blind["us-1"] = true
			p.asks("to b", to(good)).run(t, 2).asks("to d, an emergency", func(s *v1alpha1.PromotionSpec) {
				to(commit("d"))(s)
				s.Urgency, s.Reason = v1alpha1.UrgencyEmergency, "CVE"
			}).run(t, 6)
			return p.event("it does", func() { p.blind["us-1"] = false }).run(t, 6)
		}, "us-1 dd, eu-1 dd"},
		"rollback-of-nothing-known": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1").asks("roll back on failure", rollback)
			for _, a := range p.fleet {
				a.pins = map[string]v1alpha1.GitRevision{"api": "", "core": ""}
			}
			return p.asks("to c", to(bad)).run(t, 12)
		}, "us-1 cc, eu-1 "},
		"never-confirmed": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1").asks("a soak of 5 minutes", soakFor(5*time.Minute)).asks("to b", to(good)).event("Argo CD compares nothing in us-1", func() {})
			p.actor("us-1").deaf = true
			p.run(t, 37)
			g := NewWithT(t)
			g.Expect(p.rollout.Waves[0].Regions[0].Deadline.Time).To(BeTemporally("==", start.Add(38*time.Minute)), "soak and deadline, from when it was healthy")
			return p.run(t, 5)
		}, "us-1 bb, eu-1 aa"},
		"deadline": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1").asks("to b", to(good)).event("us-1 does not join its ring", func() {})
			p.apart["us-1"] = true
			return p.run(t, 35)
		}, "us-1 bb, eu-1 aa"},
	} {
		t.Run(name, func(t *testing.T) {
			p := tc.play(t)
			NewWithT(t).Expect(p.pinned()).To(Equal(tc.wantPinned))
			p.matches(t, name)
		})
	}
}

func TestWhatAPlayVerifies(t *testing.T) {
	for name, tc := range map[string]struct {
		play func(t *testing.T) *play
		want []v1alpha1.VerifiedRevisions
	}{
		"what passed": {func(t *testing.T) *play {
			return stageFor("us-1").asks("to b", to(good)).run(t, 8)
		}, []v1alpha1.VerifiedRevisions{{Applications: []string{"api", "core"}, Revisions: []v1alpha1.GitRevision{good}}}},
		"not what failed": {func(t *testing.T) *play {
			return stageFor("us-1").asks("to c", to(bad)).run(t, 8)
		}, nil},
		"not what a region that has passed is not healthy with any more": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1").asks("to b", to(good)).run(t, 6)
			return p.event("api of us-1 crashes", func() { p.actor("us-1").stage["api"] = -10 }).run(t, 8)
		}, nil},
		"until it is again": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1").asks("to b", to(good)).run(t, 6)
			return p.event("api of us-1 crashes", func() { p.actor("us-1").stage["api"] = -10 }).run(t, 16)
		}, []v1alpha1.VerifiedRevisions{{Applications: []string{"api", "core"}, Revisions: []v1alpha1.GitRevision{good}}}},
		"until it is again, whatever a region is at that cannot be judged or has only come": {func(t *testing.T) *play {
			p := stageFor("us-1", "us-2", "eu-1").asks("to b", to(good)).run(t, 12)
			p.event("api of us-1 crashes", func() { p.actor("us-1").stage["api"] = -2 }).run(t, 4)
			return p.event("Argo CD does not reach us-2, and ap-1 is born", func() {
				p.blind["us-2"] = true
				p.add("ap-1", good)
				p.actor("ap-1").stage["core"] = -100
			}).run(t, 10)
		}, []v1alpha1.VerifiedRevisions{{Applications: []string{"api", "core"}, Revisions: []v1alpha1.GitRevision{good}}}},
		"what is healthy in all regions that can be judged": {func(t *testing.T) *play {
			p := stageFor("us-1", "eu-1").asks("to b", to(good)).run(t, 6)
			return p.event("Argo CD does not reach us-1", func() { p.blind["us-1"] = true }).run(t, 8)
		}, []v1alpha1.VerifiedRevisions{{Applications: []string{"api", "core"}, Revisions: []v1alpha1.GitRevision{good}}}},
		"not what no region ran": {func(t *testing.T) *play {
			return stageFor().asks("to b", to(good)).run(t, 8)
		}, nil},
		"not what nobody sees": {func(t *testing.T) *play {
			p := stageFor("us-1")
			p.unseen["us-1"] = true
			return p.asks("to b", to(good)).run(t, 8)
		}, nil},
		"what a region that was born with it runs, once it is healthy": {func(t *testing.T) *play {
			p := stageFor().asks("to b", to(good)).run(t, 2)
			return p.event("us-1 is born", func() { p.add("us-1", good) }).run(t, 2)
		}, []v1alpha1.VerifiedRevisions{{Applications: []string{"api", "core"}, Revisions: []v1alpha1.GitRevision{good}}}},
		"not while it is not": {func(t *testing.T) *play {
			p := stageFor().asks("to b", to(good)).run(t, 2)
			return p.event("us-1 is born", func() { p.add("us-1", good); p.actor("us-1").stage["core"] = -10 }).run(t, 2)
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(tc.play(t).verified).To(Equal(tc.want))
		})
	}
}
