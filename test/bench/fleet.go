package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/test/bed"
)

// awsRegions are those that the benchmark uses, with a block for those that the samples'
// Environment has none for. The primary region of the secrets is not among them: it copies none.
var awsRegions = []struct{ name, cidr string }{
	{name: "eu-west-1"}, {name: "us-west-2"}, {name: "eu-central-1"}, {name: "ap-south-1"}, {name: "ap-northeast-1"},
	{name: "us-east-2", cidr: "10.16.0.0/18"}, {name: "eu-west-2", cidr: "10.16.64.0/18"}, {name: "eu-north-1", cidr: "10.16.128.0/18"},
	{name: "ap-southeast-2", cidr: "10.16.192.0/18"}, {name: "ap-southeast-1", cidr: "10.17.0.0/18"},
}

// regionNames are the first k of them, beginning with the one at an offset.
func regionNames(offset, k int) []string {
	names := make([]string, 0, k)
	for i := range k {
		names = append(names, awsRegions[(offset+i)%len(awsRegions)].name)
	}
	return names
}

const profile = "deploy"

// lookInterval is how often the benchmark looks into its own journal.
const lookInterval = 20 * time.Millisecond

// fleet is a bed with an operator that knows the environment and has nothing to do yet.
type fleet struct {
	*watcher

	settings settings
	regions  []string
}

// startFleet starts everything anew: nothing of one measurement is left in the next.
func startFleet(ctx context.Context, s settings, seed uint64, regions []string) (*fleet, error) {
	b, err := bed.Start(ctx, bed.Options{TimeScale: s.timeScale, Seed: seed})
	if err != nil {
		return nil, fmt.Errorf("starting the bed: %w", err)
	}
	f, err := prepare(ctx, b, s, regions)
	if err != nil {
		err = errors.Join(err, lastLines(b))
		b.Stop()
		return nil, err
	}
	return f, nil
}

func prepare(ctx context.Context, b *bed.Bed, s settings, regions []string) (*fleet, error) {
	if err := b.StartOperator(ctx); err != nil {
		return nil, err
	}
	if err := addConfiguration(b); err != nil {
		return nil, err
	}
	if err := b.Apply(ctx, "namespace.yaml", "environment.yaml", "gossiprings.yaml", "promotion.yaml", "applicationsets.yaml"); err != nil {
		return nil, err
	}
	if err := assign(ctx, b); err != nil {
		return nil, err
	}
	rings := &v1alpha1.GossipRingList{}
	if err := b.Client.List(ctx, rings, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("listing GossipRings: %w", err)
	}
	w, err := watch(ctx, b, rings.Items, regions)
	if err != nil {
		return nil, err
	}
	f := &fleet{watcher: w, settings: s, regions: regions}
	err = f.await(ctx, "the operator to look at every ring", func(j *journal) bool {
		for _, ring := range rings.Items {
			if j.state(subject{management, "GossipRing", ring.Name}, v1alpha1.ConditionReady) == "" {
				return false
			}
		}
		return true
	})
	if err != nil {
		w.stop()
		return nil, err
	}
	return f, nil
}

// stop ends everything.
func (f *fleet) stop() {
	f.watcher.stop()
	f.bed.Stop()
}

// addConfiguration commits what the applications need in the regions that are not in the samples.
func addConfiguration(b *bed.Bed) error {
	files := map[string]string{}
	for _, application := range []string{"core", "unkey-api", "frontline"} {
		for _, region := range awsRegions {
			files[fmt.Sprintf("eks-cluster/helm-chart/%s/environments/%s/%s.yaml", application, namespace, region.name)] = "replicas: 2\n"
		}
	}
	var err error
	if b.Revision, err = b.Git.Commit(files, "Add regions of the benchmark"); err != nil {
		return fmt.Errorf("committing the regions' configuration: %w", err)
	}
	return nil
}

// assign gives the Environment a block for each region that it has none for.
func assign(ctx context.Context, b *bed.Bed) error {
	env := &v1alpha1.Environment{}
	if err := b.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: namespace}, env); err != nil {
		return fmt.Errorf("reading the Environment: %w", err)
	}
	before := env.DeepCopy()
	for _, region := range awsRegions {
		if region.cidr != "" {
			env.Spec.Network.Assignments = append(env.Spec.Network.Assignments, v1alpha1.CIDRAssignment{
				AWSRegion: v1alpha1.AWSRegion(region.name), CIDR: v1alpha1.VPCCIDR(region.cidr),
			})
		}
	}
	if err := b.Client.Patch(ctx, env, client.MergeFrom(before)); err != nil {
		return fmt.Errorf("assigning blocks: %w", err)
	}
	return nil
}

// createRegions creates all Regions of the fleet, one right after the other.
func (f *fleet) createRegions(ctx context.Context) error {
	for _, name := range f.regions {
		region := &v1alpha1.Region{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
			Spec: v1alpha1.RegionSpec{
				EnvironmentRef: v1alpha1.LocalReference{Name: namespace},
				AWSRegion:      v1alpha1.AWSRegion(name), Profile: profile,
			},
		}
		if err := f.bed.Client.Create(ctx, region); err != nil {
			return fmt.Errorf("creating Region %s: %w", name, err)
		}
	}
	return nil
}

// bringUp creates the Regions and returns what was seen until all were Ready.
func (f *fleet) bringUp(ctx context.Context) (records, error) {
	if err := f.createRegions(ctx); err != nil {
		return nil, err
	}
	err := f.await(ctx, "every Region to be Ready", func(j *journal) bool {
		for _, name := range f.regions {
			if j.state(subject{management, kindRegion, name}, v1alpha1.ConditionReady) != conditionTrue {
				return false
			}
		}
		return true
	})
	if err != nil {
		return nil, errors.Join(err, f.explain(ctx), lastLines(f.bed))
	}
	return f.journal.snapshot(), nil
}

// await looks at the journal until it is as wanted.
func (f *fleet) await(ctx context.Context, what string, wanted func(*journal) bool) error {
	ctx, cancel := context.WithTimeout(ctx, f.settings.deadline)
	defer cancel()
	ticker := time.NewTicker(lookInterval)
	defer ticker.Stop()
	for !wanted(f.journal) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, ctx.Err())
		case <-f.bed.OperatorDone():
			return fmt.Errorf("waiting for %s: the operator ended by itself", what)
		case <-ticker.C:
		}
	}
	return nil
}

// explain says what the Regions wait for.
func (f *fleet) explain(ctx context.Context) error {
	regions := &v1alpha1.RegionList{}
	if err := f.bed.Client.List(context.WithoutCancel(ctx), regions); err != nil {
		return fmt.Errorf("listing Regions: %w", err)
	}
	var all []error
	for _, r := range regions.Items {
		if c := meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionReady); c != nil && c.Status != metav1.ConditionTrue {
			all = append(all, fmt.Errorf("region %s waits: %s", r.Name, c.Message))
		}
	}
	return errors.Join(all...)
}

// lastLines is the end of the operator's log.
func lastLines(b *bed.Bed) error {
	raw, err := os.ReadFile(b.OperatorLog())
	if err != nil {
		return fmt.Errorf("reading the operator's log: %w", err)
	}
	const tail = 15
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	return fmt.Errorf("the operator's last lines:\n%s", strings.Join(lines[max(0, len(lines)-tail):], "\n"))
}
