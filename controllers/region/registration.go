package region

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
	"github.com/portolan-dev/portolan/controllers/internal/step"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// reconcileRegistration presents the region to Argo CD. The cluster Secret is born
// with every seed and every pin, so that the first rendering of each ApplicationSet
// is right: new members start with their peers as seeds, and nothing starts at HEAD.
func (r *Reconciler) reconcileRegistration(ctx context.Context, s *scope) error {
	if err := registrable(s); err != nil {
		return err
	}
	if err := r.askable(ctx, s); err != nil {
		return err
	}
	b, err := r.birth(ctx, s.region, s.plan)
	if err != nil {
		return err
	}
	registration, err := r.registrationFor(s)
	if err != nil {
		return err
	}
	secret, err := r.clusterSecret(ctx, s, b, registration)
	if err != nil {
		return err
	}
	changed, err := r.ArgoCD.Register(ctx, registration)
	switch {
	case err != nil:
		return err
	case changed || secret == nil:
		return step.Wait(v1alpha1.ReasonSyncing, "the cluster Secret %s was written", argocd.SecretName(s.plan.Cluster))
	}
	if err := r.claim(ctx, registration, secret); err != nil {
		return err
	}
	s.registered = true
	return b.presentIn(secret)
}

// registrable holds the first application until everything exists that it takes for
// granted: pods that start before their pod identity never get credentials, and an
// annotation that is missing once freezes an ApplicationSet for every region.
func registrable(s *scope) error {
	switch {
	case s.remote == nil || !s.identities:
		return step.Blocked(v1alpha1.RegionAccessReady)
	case !s.installed:
		return step.Blocked(v1alpha1.RegionBootstrapped)
	case s.environment.Spec.ArgoCD.Mode == v1alpha1.ArgoCDEKSCapability && s.region.Status.Cluster.ARN == "":
		return step.Blocked(v1alpha1.RegionControlPlaneReady)
	case s.plan.Gossip != nil && s.region.Status.Network.GossipSecurityGroupID == "":
		return step.Blocked(v1alpha1.RegionNetworkReady)
	}
	for _, c := range s.region.Status.Certificates {
		if c.ARN == "" {
			return step.Blocked(v1alpha1.RegionStorageReady)
		}
	}
	return nil
}

// askable waits for an Argo CD that is in the regional cluster itself, which its Region brings up.
func (r *Reconciler) askable(ctx context.Context, s *scope) error {
	err := r.ArgoCD.Ready(ctx, s.region)
	switch {
	case meta.IsNoMatchError(err):
		return step.Poll(r.SlowPoll, v1alpha1.ReasonArgoCDNotInstalled,
			"cluster %s lacks kinds of Argo CD: put Argo CD on the profile's bootstrap list, or install it there", s.plan.Cluster)
	case errors.Is(err, argocd.ErrUnreachable):
		return step.Poll(r.Poll, v1alpha1.ReasonClusterUnreachable, "%w", err)
	}
	return err
}

// bear writes the seeds and pins of a cluster that Argo CD does not know yet, once the
// cluster's endpoint has answered: Argo CD remembers the errors of one that does not.
func (r *Reconciler) bear(ctx context.Context, s *scope, b birth) error {
	if s.remote.Connected() != nil {
		return step.Blocked(v1alpha1.RegionAccessReady)
	}
	if len(b.unpinned) > 0 {
		return b.noPin(b.unpinned)
	}
	if err := b.delivered(s.region.Name); err != nil {
		return err
	}
	if err := b.keepSeeds(s.remote); err != nil {
		return err
	}
	if err := r.complete(ctx, s, b); err != nil {
		return err
	}
	return r.ArgoCD.Bear(ctx, s.region, b.keys)
}

// birth is what a cluster Secret has to carry from its first moment on.
type birth struct {
	environment string
	keys        map[string]string // the first value of every annotation that ApplicationSets read
	unpinned    []string          // applications that no Promotion pins
	rings       []v1alpha1.GossipRing
}

// pods lists those of a regional cluster.
type pods interface {
	Pods(namespace string, matchLabels map[string]string) ([]*corev1.Pod, error)
}

// delivered waits for rings whose seeds come by git: pods that start before their first commit
// would have none, and would have to start again. With a ConfigMap they wait for it themselves.
func (b *birth) delivered(region string) error {
	for i := range b.rings {
		ring := &b.rings[i]
		if ring.Spec.Seeds.Delivery.Git != nil && !plan.SeedsDelivered(ring, region) {
			return step.Wait(v1alpha1.ReasonWaitingForSeeds, "ring %s has not committed the region's seeds yet: kubectl -n %s describe gossipring %s says why",
				ring.Name, ring.Namespace, ring.Name)
		}
	}
	return nil
}

// keepSeeds adds the seeds that a ring's pods run with already, when the management cluster
// was lost and not the region: without them Argo CD would restart every member of the ring
// with no seeds at all, in all regions at once.
func (b *birth) keepSeeds(cluster pods) error {
	for _, ring := range b.rings {
		running, err := cluster.Pods(ring.Spec.Service.Namespace, ring.Spec.Workload.MatchLabels)
		if err != nil {
			return fmt.Errorf("looking for the seeds that ring %s runs with: %w", ring.Name, err)
		}
		key := v1alpha1.AnnotationWANSeedsPrefix + ring.Name
		if ring.Spec.Seeds.Delivery.ConfigMap != nil || ring.Spec.Seeds.Delivery.Git != nil {
			continue // what the pods run with is not in the annotation
		}
		texts := []string{b.keys[key]}
		for _, pod := range running {
			texts = append(texts, variable(pod, ring.Spec.Workload.Env))
		}
		b.keys[key] = plan.MergeSeeds(&ring, texts...)
	}
	return nil
}

// variable is a literal environment variable of a pod.
func variable(pod *corev1.Pod, name string) string {
	for _, c := range pod.Spec.Containers {
		for _, e := range c.Env {
			if e.Name == name {
				return e.Value
			}
		}
	}
	return ""
}

func (r *Reconciler) birth(ctx context.Context, region *v1alpha1.Region, p *plan.Plan) (birth, error) {
	b := birth{environment: region.Spec.EnvironmentRef.Name, keys: map[string]string{}}
	rings, err := r.rings(ctx, region)
	if err != nil {
		return b, err
	}
	b.rings = rings
	for _, ring := range rings {
		b.keys[v1alpha1.AnnotationWANSeedsPrefix+ring.Name] = plan.InitialSeeds(&ring, region)
	}
	promotions := &v1alpha1.PromotionList{}
	if err := r.Client.List(ctx, promotions, client.InNamespace(region.Namespace)); err != nil {
		return b, fmt.Errorf("listing Promotions: %w", err)
	}
	for _, app := range p.Profile.Applications {
		pin, ok := plan.Pin(promotions.Items, b.environment, region.Name, app.Name)
		if !ok {
			b.unpinned = append(b.unpinned, app.Name)
			continue
		}
		b.keys[v1alpha1.AnnotationRevisionPrefix+app.Name] = string(pin)
	}
	return b, nil
}

// presentIn asks for the keys, not their values: rings and promotions move those on. A
// pin stays good when its Promotion is deleted.
func (b birth) presentIn(secret *corev1.Secret) error {
	for _, k := range slices.Sorted(maps.Keys(b.keys)) {
		_, ok := secret.Annotations[k]
		app, pin := strings.CutPrefix(k, v1alpha1.AnnotationRevisionPrefix)
		switch {
		case ok || b.unread(k):
		case pin:
			return step.Wait(v1alpha1.ReasonNoPin, "%s has no pin here yet: a rollout of its Promotion brings it when it reaches the region", app)
		default:
			return step.Wait(v1alpha1.ReasonSyncing, "the cluster Secret has no annotation %s yet", k)
		}
	}
	unpinned := slices.DeleteFunc(slices.Clone(b.unpinned), func(app string) bool {
		return secret.Annotations[v1alpha1.AnnotationRevisionPrefix+app] != ""
	})
	if len(unpinned) > 0 {
		return b.noPin(unpinned)
	}
	return nil
}

// unread tells whether a key is that of a ring which does not deliver by it, or delivers nothing:
// one that came after the Secret was born will never write it.
func (b birth) unread(key string) bool {
	return slices.ContainsFunc(b.rings, func(ring v1alpha1.GossipRing) bool {
		way := ring.Spec.Seeds.Delivery
		return key == v1alpha1.AnnotationWANSeedsPrefix+ring.Name && (way.ConfigMap != nil || way.Git != nil || plan.Overruled(&ring))
	})
}

func (b birth) noPin(applications []string) error {
	return step.Wait(v1alpha1.ReasonNoPin, "no Promotion of environment %s pins %s: create one", b.environment, strings.Join(applications, ", "))
}

func (r *Reconciler) registrationFor(s *scope) (argocd.Registration, error) {
	ca, err := base64.StdEncoding.DecodeString(certificate(s.cluster))
	if err != nil {
		return argocd.Registration{}, fmt.Errorf("decoding the certificate authority of cluster %s: %w", s.plan.Cluster, err)
	}
	labels := map[string]string{}
	for key, value := range s.environment.Spec.ArgoCD.ClusterLabels {
		labels[key] = string(value)
	}
	maps.Copy(labels, plan.Labels(s.region))
	maps.Copy(labels, map[string]string{
		v1alpha1.LabelManaged: "true",
		"environment":         s.environment.Name,
		"region":              string(s.region.Spec.AWSRegion),
		"profile":             s.region.Spec.Profile,
	})
	return argocd.Registration{
		Region:      s.region,
		Mode:        s.environment.Spec.ArgoCD.Mode,
		Server:      deref(s.cluster.Status.Endpoint),
		ARN:         s.region.Status.Cluster.ARN,
		CA:          ca,
		RoleARN:     s.environment.Spec.ArgoCD.RoleARN,
		Labels:      labels,
		Annotations: infrastructure(s),
	}, nil
}

// infrastructure is what charts need to know of the region's AWS resources.
func infrastructure(s *scope) map[string]string {
	annotations := map[string]string{
		"portolan.dev/account-id":   s.environment.Spec.AWS.AccountID,
		v1alpha1.AnnotationVPC:      s.region.Status.Network.VPCID,
		"portolan.dev/cluster-name": s.plan.Cluster,
	}
	if id := s.region.Status.Network.GossipSecurityGroupID; id != "" {
		annotations[v1alpha1.AnnotationGossipSecurityGroup] = id
	}
	for i, c := range s.region.Status.Certificates {
		annotations[v1alpha1.AnnotationCertificatePrefix+strconv.Itoa(i)] = c.ARN
	}
	return annotations
}
