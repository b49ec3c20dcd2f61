package region

import (
	"context"
	"errors"
	"fmt"

	ackv1alpha1 "github.com/aws-controllers-k8s/runtime/apis/core/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/internal/gitrepo"
	"github.com/portolan-dev/portolan/controllers/plan"
)

func (r *Reconciler) findSecrets(ctx context.Context, s *scope, draft *plan.Plan, f *plan.Facts) error {
	for _, name := range draft.Profile.Secrets {
		_, err := r.Secrets.ReplicaStates(ctx, s.environment.Spec.AWS.RoleARN, string(s.environment.Spec.Secrets.PrimaryRegion), name)
		switch {
		case aws.ClassOf(err) == aws.NotFound:
			f.MissingSecrets = append(f.MissingSecrets, name)
		case err != nil:
			return err
		}
	}
	return nil
}

func (r *Reconciler) findListeners(ctx context.Context, role string, draft *plan.Plan, f *plan.Facts) error {
	for _, t := range draft.Traffic {
		exists, err := r.Survey.ListenerExists(ctx, role, t.ListenerARN)
		if err != nil {
			return err
		}
		if !exists {
			f.MissingListeners = append(f.MissingListeners, t.ListenerARN)
		}
	}
	return nil
}

// findFiles asks the repository of each pinned revision for the region's configuration.
// A repository that cannot be read is a warning: Argo CD may well be able to.
func (r *Reconciler) findFiles(ctx context.Context, s *scope, draft *plan.Plan, f *plan.Facts) error {
	source := s.environment.Spec.ArgoCD.Repository
	if source == nil {
		return nil
	}
	promotions := &v1alpha1.PromotionList{}
	if err := r.Client.List(ctx, promotions, client.InNamespace(s.region.Namespace)); err != nil {
		return fmt.Errorf("listing Promotions: %w", err)
	}
	repository, err := r.ArgoCD.Repository(ctx, source.URL, source.CredentialsSecretRef)
	if err != nil {
		f.Unchecked = append(f.Unchecked, plan.Unchecked{What: "configuration files", Why: err.Error()})
		return nil //nolint:nilerr // what cannot be checked does not hold a region, and is told
	}
	for _, app := range plan.Pins(draft.Profile, promotions.Items, s.environment.Name, s.region.Name) {
		if app.Revision == "" {
			continue
		}
		if err := r.findFilesOf(ctx, s, repository, app, f); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reconciler) findFilesOf(ctx context.Context, s *scope, repository gitrepo.Repository, app v1alpha1.PlannedApplication, f *plan.Facts) error {
	paths, err := plan.ConfigFiles(s.environment, s.region.Spec.AWSRegion, app.Name)
	if err != nil {
		return fromFinding(err)
	}
	revision := string(app.Revision)
	missing, malformed, err := r.lookAt(ctx, repository, revision, paths)
	switch {
	case errors.Is(err, gitrepo.ErrUnknownRevision):
		missing = paths
	case err != nil:
		f.Unchecked = append(f.Unchecked, plan.Unchecked{What: "configuration files of " + app.Name, Why: err.Error()})
		return nil //nolint:nilerr // as above
	}
	if len(missing) > 0 {
		f.MissingFiles = append(f.MissingFiles, plan.RevisionFiles{Application: app.Name, Revision: revision, Files: missing})
	}
	if len(malformed) > 0 {
		f.MalformedFiles = append(f.MalformedFiles, plan.RevisionFiles{Application: app.Name, Revision: revision, Files: malformed})
	}
	return nil
}

// lookAt returns those of the files that a commit lacks, and those that are malformed with what is
// wrong with each.
func (r *Reconciler) lookAt(ctx context.Context, repository gitrepo.Repository, commit string, paths []string) (missing, malformed []string, err error) {
	if missing, err = r.Files.Missing(ctx, repository, commit, paths); err != nil {
		return nil, nil, err
	}
	files, err := r.Files.Malformed(ctx, repository, commit, paths)
	for _, file := range files {
		malformed = append(malformed, file.String())
	}
	return missing, malformed, err
}

// findAccount reads the account that ACK is told to act in for everything in the namespace.
func (r *Reconciler) findAccount(ctx context.Context, name string, f *plan.Facts) error {
	namespace := &corev1.Namespace{}
	if err := r.Live.Get(ctx, types.NamespacedName{Name: name}, namespace); err != nil {
		return fmt.Errorf("reading namespace %s: %w", name, err)
	}
	f.Account = namespace.Annotations[ackv1alpha1.AnnotationOwnerAccountID]
	return nil
}

// findPeers counts the addresses that the environment's other regions connect from.
func (r *Reconciler) findPeers(ctx context.Context, region *v1alpha1.Region, f *plan.Facts) error {
	peers, err := r.peersOf(ctx, region)
	f.PeerAddresses = len(addressesOf(peers))
	return err
}
