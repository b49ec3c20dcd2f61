package promotion

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/gitrepo"
	"github.com/portolan-dev/portolan/controllers/internal/step"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// Commits knows the commits of branches.
type Commits interface {
	Head(ctx context.Context, repo gitrepo.Repository, branch string, maxAge time.Duration) (string, error)
	Contains(ctx context.Context, repo gitrepo.Repository, branch, commit string, maxAge time.Duration) (bool, error)
	FirstWith(ctx context.Context, repo gitrepo.Repository, branch string, paths []string, maxAge time.Duration) (string, error)
	Between(ctx context.Context, repo gitrepo.Repository, from, to string, limit int) (commits []gitrepo.Commit, more bool, err error)
}

const (
	defaultDeadline = 30 * time.Minute
	defaultBranch   = "main"
)

func policyOf(spec *v1alpha1.PromotionSpec) policy {
	p := policy{
		deadline: defaultDeadline, rings: true, shared: shared(spec), checks: checksOf(spec),
		rollback: spec.OnFailure == v1alpha1.FailureRollback, urgency: spec.Urgency, reason: spec.Reason,
	}
	if d := spec.Gates.Soak; d != nil {
		p.soak = d.Duration
	}
	if d := spec.Gates.ProgressDeadline; d != nil {
		p.deadline = d.Duration
	}
	if c := spec.Gates.RingsConverged; c != nil {
		p.rings = *c
	}
	return p
}

// lastPolicy holds until the spec is accepted: how urgent that is says nothing about the rollout that
// is on its way meanwhile, unless it is the same. But what it does not call an emergency is none.
func (s *scope) lastPolicy() policy {
	spec, rollout := &s.promotion.Spec, s.promotion.Status.Rollout
	p := policyOf(spec)
	asked := plan.PinSet{Revision: spec.Revision, Overrides: spec.Overrides}
	if rollout != nil && rollout.ID != asked.ID() && rollout.Urgency != v1alpha1.UrgencyEmergency {
		p.urgency, p.reason = rollout.Urgency, rollout.Reason
	}
	return p
}

// validate finds out what the spec asks for, and refuses what must not be rolled out before
// anything of it is written.
func (r *Reconciler) validate(ctx context.Context, s *scope) error {
	if s.environment == nil {
		return step.Wait(v1alpha1.ReasonEnvironmentNotFound, "namespace %s has no Environment %s: create it", s.promotion.Namespace, s.promotion.Spec.EnvironmentRef.Name)
	}
	s.world.target, s.world.policy = s.lastTarget(), s.lastPolicy()
	if len(s.conflicts) > 0 { // they would take turns for ever
		return step.Terminal(v1alpha1.ReasonConflict, "another Promotion of the environment pins %s: only one may", strings.Join(s.conflicts, ", "))
	}
	if err := r.holdings(s); err != nil { // what is refused below stops nothing, but these do
		return err
	}
	if err := r.mistaken(s); err != nil {
		return err
	}
	if s.undeliverable != nil {
		return s.undeliverable
	}
	if err := s.owned(); err != nil {
		return r.undelivered(err)
	}
	return r.accept(ctx, s)
}

// accept takes what the spec asks for as the target, unless regions or git speak against it.
func (r *Reconciler) accept(ctx context.Context, s *scope) error {
	wanted, err := r.target(ctx, s)
	if err != nil {
		return err
	}
	if s.world.waves, err = wavesOf(&s.promotion.Spec, s.moving()); err != nil {
		return step.Stuck(r.SlowPoll, v1alpha1.ReasonInvalidWave, "%w", err)
	}
	if !wanted.servedBy(s.promotion.Status.Rollout) || s.retriesElsewhere(wanted) {
		if err := r.judge(ctx, s, wanted); err != nil {
			return err
		}
	}
	s.world.target, s.accepted = wanted, true
	s.world.policy, s.world.retry = policyOf(&s.promotion.Spec), s.promotion.Annotations[v1alpha1.AnnotationRetry]
	if err := r.holdings(s); err != nil { // it may be more urgent
		return err
	}
	return s.clash()
}

// retriesElsewhere tells whether a rollout that failed is to go on also where it was never judged for: in
// regions that came since, and may not have it.
func (s *scope) retriesElsewhere(wanted target) bool {
	rollout, asked := s.promotion.Status.Rollout, s.promotion.Annotations[v1alpha1.AnnotationRetry]
	failed := rollout.Phase == v1alpha1.RolloutHalted || rollout.Phase == v1alpha1.RolloutRolledBack
	return failed && asked != "" && asked != rollout.Retried &&
		slices.ContainsFunc(s.moving(), func(region *v1alpha1.Region) bool {
			return s.progress[region.Name] == nil && s.world.region(region.Name).mayLack(wanted.PinSet)
		})
}

// moving are the Regions that a rollout may go to: also those of which nothing is seen now, which
// would else be given its pins, outside all waves, as soon as they are.
func (s *scope) moving() []*v1alpha1.Region {
	return slices.DeleteFunc(slices.Clone(s.regions), func(region *v1alpha1.Region) bool {
		state := s.world.region(region.Name)
		return state == nil || len(state.apps) == 0 && !state.unseen
	})
}

// lastTarget is what the last rollout went to, where it did.
func (s *scope) lastTarget() target {
	rollout := s.promotion.Status.Rollout
	if rollout == nil {
		return target{}
	}
	return target{PinSet: plan.PinSet{Revision: rollout.Revision, Overrides: rollout.Overrides}, applications: rollout.Applications}
}

// target is what the spec asks for; the head of the branch when it follows one.
func (r *Reconciler) target(ctx context.Context, s *scope) (target, error) {
	spec := &s.promotion.Spec
	wanted := target{PinSet: plan.PinSet{Revision: spec.Revision, Overrides: spec.Overrides}}
	wanted.applications, wanted.in = s.applications()
	if spec.Track == nil {
		return wanted, nil
	}
	repository, err := r.repository(ctx, s, "spec.track")
	if err != nil {
		return target{}, err
	}
	head, err := r.Commits.Head(ctx, repository, spec.Track.Branch, r.Poll)
	if err != nil {
		return target{}, r.noAnswer(s, "looking for the head of "+spec.Track.Branch, err)
	}
	wanted.Revision = v1alpha1.GitRevision(head)
	return wanted, nil
}

// repository is where revisions are looked up.
func (r *Reconciler) repository(ctx context.Context, s *scope, asks string) (gitrepo.Repository, error) {
	source := s.environment.Spec.ArgoCD.Repository
	if source == nil {
		return gitrepo.Repository{}, step.Stuck(r.SlowPoll, v1alpha1.ReasonNoRepository,
			"%s needs the Environment's spec.argocd.repository: set it", asks)
	}
	repository, err := r.ArgoCD.Repository(ctx, source.URL, source.CredentialsSecretRef)
	if err != nil {
		return gitrepo.Repository{}, step.Stuck(r.SlowPoll, v1alpha1.ReasonNoRepository, "%w", err)
	}
	return repository, nil
}

// unanswered says why git has no answer: what a person has to put right, or will pass.
func (r *Reconciler) unanswered(doing string, err error) error {
	switch {
	case errors.Is(err, gitrepo.ErrUnreachable):
		return step.Poll(r.Poll, v1alpha1.ReasonRepositoryUnreachable, "%s: %w", doing, err)
	case errors.Is(err, gitrepo.ErrCredentials), errors.Is(err, gitrepo.ErrNotFound), errors.Is(err, gitrepo.ErrNoBranch):
		return step.Stuck(r.SlowPoll, v1alpha1.ReasonNoRepository, "%s: %w", doing, err)
	case errors.Is(err, gitrepo.ErrUnknownRevision):
		return step.Stuck(r.SlowPoll, v1alpha1.ReasonUnknownRevision, "%s: %w", doing, err)
	default:
		return fmt.Errorf("%s: %w", doing, err)
	}
}

// noAnswer is unanswered of where hints come from: they need not be waited for as long once more.
func (r *Reconciler) noAnswer(s *scope, doing string, err error) error {
	s.unheard = max(s.unheard, 1)
	return r.unanswered(doing, err)
}

// judge refuses a target that lacks what regions need, or that is not where it has to be.
func (r *Reconciler) judge(ctx context.Context, s *scope, wanted target) error {
	if names := strangers(&s.promotion.Spec, s.regions); len(names) > 0 {
		return step.Stuck(r.SlowPoll, v1alpha1.ReasonInvalidWave, "spec.waves names %s: the environment has no such Region", strings.Join(clipped(names), ", "))
	}
	names, err := r.unverified(ctx, s, wanted)
	if err != nil {
		return err
	}
	if len(names) > 0 {
		return step.Poll(r.Poll, v1alpha1.ReasonNotVerified, "spec.gates.verifiedIn: in environment %s, no Promotion has yet completed with %s",
			s.promotion.Spec.Gates.VerifiedIn.Environment, strings.Join(names, ", "))
	}
	branch := s.promotion.Spec.Gates.OnBranch
	if branch == "" && s.environment.Spec.ArgoCD.Repository == nil {
		return nil
	}
	repository, err := r.repository(ctx, s, "spec.gates.onBranch")
	if err != nil {
		return err
	}
	if branch != "" {
		if err := r.onBranch(ctx, s, repository, branch, wanted); err != nil {
			return err
		}
	}
	return r.complete(ctx, s, repository, wanted)
}

// revisions of a target, each once.
func (t target) revisions() []string {
	var all []string
	for _, app := range t.applications {
		all = append(all, string(t.Of(app)))
	}
	if len(all) == 0 {
		all = append(all, string(t.Revision))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (r *Reconciler) onBranch(ctx context.Context, s *scope, repository gitrepo.Repository, branch string, wanted target) error {
	for _, revision := range wanted.revisions() {
		contained, err := r.Commits.Contains(ctx, repository, branch, revision, r.Poll)
		if err != nil {
			return r.noAnswer(s, "looking for "+revision+" on "+branch, err)
		}
		if !contained {
			return step.Stuck(r.SlowPoll, v1alpha1.ReasonNotOnBranch, "%s is not on %s, where spec.gates.onBranch wants it: merge it first", revision, branch)
		}
	}
	return nil
}

// branch that a person would look at.
func (s *scope) branch() string {
	switch spec := &s.promotion.Spec; {
	case spec.Gates.OnBranch != "":
		return spec.Gates.OnBranch
	case spec.Track != nil:
		return spec.Track.Branch
	default:
		return defaultBranch
	}
}

// hint names a commit that exists.
func (r *Reconciler) hint(ctx context.Context, s *scope, repository gitrepo.Repository) string {
	head, known := s.recall(r.Poll, func(maxAge time.Duration) (string, error) {
		return r.Commits.Head(ctx, repository, s.branch(), maxAge)
	})
	if !known {
		return ""
	}
	return fmt.Sprintf("; the head of %s is %s", s.branch(), head)
}
