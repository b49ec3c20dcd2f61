package bed

import (
	"context"
	"fmt"
	"path/filepath"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/portolan-dev/portolan/test/simulator/ack"
	"github.com/portolan-dev/portolan/test/simulator/charts"
	"github.com/portolan-dev/portolan/test/simulator/git"
)

// Names of the world outside that config/samples use.
const (
	sampleZone  = "aws.unkey.cloud"
	sampleChart = "https://charts.unkey.cloud"
)

// startOutside starts what an environment names and Portolan does not make: a hosted zone,
// an accelerator, a chart repository and the git repository of the applications.
func (b *Bed) startOutside(context.Context) error {
	if _, err := ack.AddHostedZone(b.Cloud, sampleZone); err != nil {
		return fmt.Errorf("adding the hosted zone: %w", err)
	}
	var err error
	if b.listener, err = b.AWS.AddAccelerator("frontline"); err != nil {
		return fmt.Errorf("adding the accelerator: %w", err)
	}
	if b.charts, err = charts.Start(); err != nil { //nolint:contextcheck // serves until Stop
		return fmt.Errorf("serving charts: %w", err)
	}
	b.onStop(b.charts.Stop)
	if b.Git, err = git.Create(filepath.Join(b.dir, "infra.git")); err != nil {
		return fmt.Errorf("creating the git repository: %w", err)
	}
	b.onStop(b.Git.Stop)
	if err := b.Git.Serve(); err != nil {
		return fmt.Errorf("serving the git repository: %w", err)
	}
	b.Revision, err = b.Git.Commit(configFiles(), "Add region configs")
	if err != nil {
		return fmt.Errorf("committing the regions' configuration: %w", err)
	}
	return nil
}

// configFiles is the configuration of every application in every AWS region of the samples.
func configFiles() map[string]string {
	files := map[string]string{}
	for _, application := range []string{"core", "unkey-api", "frontline"} {
		for _, region := range SampleRegions {
			files[fmt.Sprintf("eks-cluster/helm-chart/%s/environments/production001/%s.yaml", application, region)] = "replicas: 2\n"
		}
	}
	return files
}

// SampleRegions are the AWS regions that the samples' Environment gives addresses to.
var SampleRegions = []string{"us-east-1", "us-west-2", "eu-central-1", "eu-west-1", "ap-south-1", "ap-northeast-1"}

// Listener is the ARN of the accelerator's listener.
func (b *Bed) Listener() string { return b.listener }

// ChartRepository is the URL of the chart repository.
func (b *Bed) ChartRepository() string { return b.charts.URL() }

// localize replaces what a sample names in the world outside by the bed's own.
func (b *Bed) localize(obj *unstructured.Unstructured) error {
	switch obj.GetKind() {
	case "Environment":
		return b.localizeEnvironment(obj)
	case "Promotion":
		return unstructured.SetNestedField(obj.Object, b.Revision, "spec", "revision")
	}
	return nil
}

func (b *Bed) localizeEnvironment(env *unstructured.Unstructured) error {
	// Nobody delegates the zones to the bed's name server.
	err := eachItem(env.Object, func(zone map[string]any) error {
		zone["nameServers"] = []any{b.DNS.Addr()}
		return nil
	}, "spec", "dns", "zones")
	if err != nil {
		return err
	}
	for _, f := range []struct {
		value string
		path  []string
	}{
		{b.Git.HTTPURL(), []string{"spec", "argocd", "repository", "url"}},
		{b.listener, []string{"spec", "globalAccelerator", "listenerARN"}},
	} {
		if err := replaceIfSet(env.Object, f.value, f.path...); err != nil {
			return err
		}
	}
	return eachItem(env.Object, func(profile map[string]any) error {
		return eachItem(profile, func(item map[string]any) error {
			if repository, _, _ := unstructured.NestedString(item, "helm", "repository"); repository != sampleChart {
				return nil
			}
			return unstructured.SetNestedField(item, b.charts.URL(), "helm", "repository")
		}, "bootstrap")
	}, "spec", "profiles")
}

func replaceIfSet(obj map[string]any, value string, path ...string) error {
	if _, found, err := unstructured.NestedString(obj, path...); err != nil || !found {
		return err
	}
	return unstructured.SetNestedField(obj, value, path...)
}

// eachItem changes every item of a list of objects in place.
func eachItem(obj map[string]any, change func(map[string]any) error, path ...string) error {
	items, found, err := unstructured.NestedSlice(obj, path...)
	if err != nil || !found {
		return err
	}
	for _, item := range items {
		if fields, ok := item.(map[string]any); ok {
			if err := change(fields); err != nil {
				return err
			}
		}
	}
	return unstructured.SetNestedSlice(obj, items, path...)
}
