package ack

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/portolan-dev/portolan/test/simulator/addons"
	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

var addonStates = states{
	creating: "CREATING", ready: "ACTIVE", updating: "UPDATING", deleting: "DELETING",
	failed: "CREATE_FAILED", degraded: "DEGRADED",
}

var addon = &kind{
	service: "eks", name: "Addon", awsType: "eks/addon", states: addonStates, deletion: abandoned,
	nameOf:    inCluster("name"),
	terminal:  []string{"InvalidParameterException"},
	mutable:   []string{"version", "configuration", "serviceAccountRoleARN"},
	defaulted: []string{"version", "configuration", "serviceAccountRoleARN"},

	stages: []stage{{
		facts:  []string{"version", "configuration", "serviceAccountRoleARN"},
		action: "eks:UpdateAddon", update: "AddonUpdate", sampled: "eks/addon/update",
	}},
	develop:    developAddon,
	impatience: 2 * time.Second,

	arn: childARN("addon"),
	describe: func(r request) cloud.Resource {
		name := r.spec.text("clusterName")
		return r.resource(map[string]string{
			"cluster": name, "version": r.spec.text("addonVersion"), "configuration": r.spec.text("configurationValues"),
			"serviceAccountRoleARN": r.spec.text("serviceAccountRoleARN"),
		}, r.parent("eks/cluster", name))
	},
	admit: func(a account, r *cloud.Resource) error {
		if text := r.Data["configuration"]; text != "" && !json.Valid([]byte(text)) {
			return refuse("InvalidParameterException", "ConfigurationValue is not in valid JSON or YAML format")
		}
		owner, err := activeCluster(a, *r)
		if err != nil {
			return err
		}
		return admitAddonVersion(a, r, owner.Data["version"])
	},
	status: func(_ account, r cloud.Resource) map[string]any {
		return withHealth(r, map[string]any{
			"status": r.State, "owner": "aws", "publisher": "eks", "createdAt": r.CreatedAt.UTC().Format(time.RFC3339),
		})
	},
	answers: func(r cloud.Resource) map[string]any {
		return map[string]any{"addonVersion": r.Data["version"]}
	},
}

// admitAddonVersion chooses the default version, or refuses one that EKS does not offer
// for the cluster. What runs already may stay when the cluster has moved on.
func admitAddonVersion(a account, r *cloud.Resource, kubernetes string) error {
	preferred, known := addons.Default(baseName(*r), kubernetes)
	was, exists := a.Get(r.Key)
	switch {
	case exists && was.Data["version"] == r.Data["version"]:
		return nil
	case !known:
		return refuse("InvalidParameterException", "Addon specified is not supported") // aws/containers-roadmap#1429
	case r.Data["version"] == "":
		r.Data["version"] = preferred
	case !addons.Offered(baseName(*r), r.Data["version"], kubernetes):
		return refuse("InvalidParameterException", "Addon version specified is not supported") // aws/aws-sdk-go-v2#2554
	}
	return nil
}

// needNodes are the add-ons with pods of their own besides daemons.
var needNodes = []string{"coredns", "aws-ebs-csi-driver", "metrics-server"}

// patience is how long EKS waits for an add-on's pods before it gives up for good.
const patience = 15 * time.Minute

// developAddon lets an add-on that finds no nodes wait for them in state DEGRADED.
func developAddon(ctx context.Context, k *kind, a account, r cloud.Resource) {
	if r.State == addonStates.creating {
		if !sleepUntil(ctx, deadline(r)) {
			return
		}
		failure := doomOf(r)
		waits := failure == nil && slices.Contains(needNodes, baseName(r)) && !nodesReady(a, r)
		advanced := k.advance(a, r, func(r *cloud.Resource) {
			r.State = addonStates.ready
			if waits {
				failure = refuse("InsufficientNumberOfReplicas",
					"The add-on is unhealthy because it doesn't have the desired number of replicas.")
			}
			fail(k, r, failure)
			if waits {
				r.State = addonStates.degraded
			}
		})
		if !advanced || !waits {
			return
		}
		r, _ = a.Get(r.Key)
	}
	awaitNodes(ctx, k, a, r)
}

// awaitNodes ends the degraded state of an add-on, one way or the other.
func awaitNodes(ctx context.Context, k *kind, a account, r cloud.Resource) {
	waiting, cancel := context.WithDeadline(ctx, r.CreatedAt.Add(a.Scale(patience)))
	defer cancel()
	found := await(waiting, a, func(other cloud.Resource) bool {
		return other.Key == r.Key || other.Type == "eks/nodegroup" && other.Data["cluster"] == r.Data["cluster"]
	}, func() bool {
		now, exists := a.Get(r.Key)
		return !exists || now.State != addonStates.degraded || nodesReady(a, r)
	})
	if ctx.Err() != nil || found && !sleepUntil(ctx, time.Now().Add(a.Sample("eks/addon/recovery"))) {
		return
	}
	k.advance(a, r, func(r *cloud.Resource) {
		if !found {
			r.State = addonStates.failed
			return
		}
		r.State = addonStates.ready
		delete(r.Data, failureCode)
		delete(r.Data, failureMessage)
	})
}

func nodesReady(a account, r cloud.Resource) bool {
	owner := cloud.Resource{Key: cloud.Key{Region: r.Region, ID: r.Data["cluster"]}}
	return slices.ContainsFunc(childrenOf(a, owner, "eks/nodegroup"), func(group cloud.Resource) bool {
		return group.State == eksStates.ready
	})
}
