package ack

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

const defaultVersion = "1.34"

var eksStates = states{creating: "CREATING", ready: "ACTIVE", updating: "UPDATING", deleting: "DELETING", failed: "CREATE_FAILED"}

var clusterStates = states{
	creating: "CREATING", ready: "ACTIVE", updating: "UPDATING", deleting: "DELETING", failed: "FAILED",
}

var cluster = &kind{
	service: "eks", name: "Cluster", awsType: "eks/cluster",
	states:    clusterStates,
	deletion:  awaited,
	nameOf:    named("name"),
	mutable:   append([]string{"version"}, clusterConfig...),
	defaulted: append([]string{"version"}, clusterConfig...),
	preDelete: []string{"deletionProtection"},
	arn: func(a account, r cloud.Resource) string {
		return a.ARN("eks", r.Region, "cluster/"+r.ID)
	},
	stages:    clusterStages,
	describe:  describeCluster,
	approach:  oneMinorUp,
	admit:     admitCluster,
	amend:     amendCluster,
	provision: startCluster,
	release:   releaseCluster,
	teardown:  stopCluster,
	status:    clusterStatus,

	initialises:       true,
	answers:           clusterAnswers,
	failureIsTerminal: true,
}

// clusterConfig are the facts that UpdateClusterConfig changes. What the spec leaves
// out stays as AWS chose it.
var clusterConfig = []string{
	"deletionProtection", "authenticationMode", "logging", "supportType",
	"endpointPublicAccess", "endpointPrivateAccess", "publicAccessCIDRs", "securityGroups",
}

// clusterDefaults are AWS's own choices.
var clusterDefaults = map[string]string{
	"version": defaultVersion, "authenticationMode": "CONFIG_MAP", "deletionProtection": "false", "supportType": "EXTENDED",
	"endpointPublicAccess": "true", "endpointPrivateAccess": "false", "publicAccessCIDRs": "0.0.0.0/0",
}

func describeCluster(r request) cloud.Resource {
	network, _ := r.spec.at("resourcesVPCConfig")
	config, _ := network.(map[string]any)
	at := fields(config)
	groups := at.texts("securityGroupIDs")
	parents := append(r.parents("ec2/subnet", at.texts("subnetIDs")), r.parents("ec2/securitygroup", groups)...)
	return r.resource(map[string]string{
		"version":               r.spec.text("version"),
		"roleARN":               r.spec.text("roleARN"),
		"deletionProtection":    r.spec.json("deletionProtection"),
		"authenticationMode":    r.spec.text("accessConfig.authenticationMode"),
		"supportType":           r.spec.text("upgradePolicy.supportType"),
		"logging":               loggingOf(r.spec),
		"endpointPublicAccess":  at.json("endpointPublicAccess"),
		"endpointPrivateAccess": at.json("endpointPrivateAccess"),
		"publicAccessCIDRs":     strings.Join(at.texts("publicAccessCIDRs"), ","),
		"securityGroups":        strings.Join(groups, ","),
	}, append(parents, roleKey(r.spec.text("roleARN")))...)
}

func admitCluster(a account, r *cloud.Resource) error {
	zones := map[string]bool{}
	for _, parent := range r.Parents {
		home, _ := a.Get(parent)
		if parent.Type == "ec2/subnet" {
			zones[home.Data["availabilityZone"]] = true
			r.Data["vpcID"] = home.Data["vpcID"]
		}
	}
	if len(zones) < 2 {
		return refuse("InvalidParameterException",
			"Subnets specified must be in at least two different AZs")
	}
	for fact, value := range clusterDefaults {
		if r.Data[fact] == "" {
			r.Data[fact] = value
		}
	}
	if err := admitKubernetes(r.Data["version"]); err != nil {
		return err
	}
	if r.Data["endpointPublicAccess"] == "false" && r.Data["endpointPrivateAccess"] == "false" {
		return refuse("InvalidParameterException", "Private and public endpoint access cannot be false")
	}
	if err := admitLogging(a, r); err != nil {
		return err
	}
	r.Data["arn"] = a.ARN("eks", r.Region, "cluster/"+r.ID)
	r.Data["securityGroupID"] = a.NewID("sg")
	return nil
}

// startCluster starts the API server while AWS still builds the control plane.
func startCluster(ctx context.Context, a account, r cloud.Resource) (map[string]string, error) {
	endpoint, ca, err := a.clusters.StartCluster(ctx, r.ID, r.Region)
	if err != nil {
		return nil, fmt.Errorf("starting the control plane of %s: %w", r.ID, err)
	}
	return map[string]string{"endpoint": endpoint, "ca": base64.StdEncoding.EncodeToString(ca)}, nil
}

func releaseCluster(a account, r cloud.Resource) error {
	switch {
	case r.State == eksStates.creating:
		return errBusy("cluster in 'CREATING' state, cannot be modified until 'ACTIVE'")
	case r.State == clusterStates.updating:
		// aws/containers-roadmap#1511 has the words.
		return refuse("ResourceInUseException", "Cannot delete because cluster %s currently has an update in progress", r.ID)
	case r.Data["deletionProtection"] == "true":
		return refuse("InvalidRequestException", "Cluster %s has deletion protection enabled", r.ID)
	case len(childrenOf(a, r, "eks/nodegroup")) > 0:
		return errBusy("cluster is still in use, cannot be deleted")
	}
	return nil
}

// stopCluster takes along what dies with a cluster.
func stopCluster(a account, r cloud.Resource) {
	a.clusters.StopCluster(r.ID)
	for _, awsType := range []string{"eks/addon", "eks/accessentry", "eks/podidentityassociation"} {
		for _, child := range childrenOf(a, r, awsType) {
			_ = a.Delete(child.Key) // it may have gone by itself
		}
	}
}

func childrenOf(a account, owner cloud.Resource, awsType string) []cloud.Resource {
	return a.List(func(r cloud.Resource) bool {
		return r.Type == awsType && r.Region == owner.Region && r.Data["cluster"] == owner.ID
	})
}

func clusterStatus(a account, r cloud.Resource) map[string]any {
	status := withHealth(r, map[string]any{
		"status":                 r.State,
		"createdAt":              r.CreatedAt.UTC().Format(time.RFC3339),
		"clusterSecurityGroupID": r.Data["securityGroupID"],
		"platformVersion":        "eks.1",
	})
	if r.Data["endpoint"] != "" {
		issuer := fmt.Sprintf("https://oidc.eks.%s.amazonaws.com/id/%s", r.Region, suffix(r.Data["securityGroupID"]))
		status["endpoint"] = r.Data["endpoint"]
		status["certificateAuthority"] = map[string]any{"data": r.Data["ca"]}
		status["identity"] = map[string]any{"oidc": map[string]any{"issuer": issuer}}
	}
	return status
}

func clusterAnswers(r cloud.Resource) map[string]any {
	return map[string]any{
		"version":                                  r.Data["version"],
		"accessConfig.authenticationMode":          r.Data["authenticationMode"],
		"kubernetesNetworkConfig.ipFamily":         "ipv4",
		"kubernetesNetworkConfig.serviceIPv4CIDR":  "10.100.0.0/16",
		"resourcesVPCConfig.endpointPublicAccess":  r.Data["endpointPublicAccess"] == "true",
		"resourcesVPCConfig.endpointPrivateAccess": r.Data["endpointPrivateAccess"] == "true",
		"resourcesVPCConfig.publicAccessCIDRs":     listOf(r.Data["publicAccessCIDRs"]),
		"upgradePolicy.supportType":                r.Data["supportType"],
		"deletionProtection":                       r.Data["deletionProtection"] == "true",
		"controlPlaneScalingConfig":                map[string]any{"tier": "standard"},
		"kubeAPIServerConfig":                      map[string]any{"eventTTL": "1h0m0s"},
		"kubeControllerManagerConfig": map[string]any{
			"horizontalPodAutoscalerControllerConfig": map[string]any{"horizontalPodAutoscalerSyncPeriod": "15s"},
		},
		"kubeSchedulerConfig": map[string]any{
			"nodeResourcesFit": map[string]any{"scoringStrategy": map[string]any{"type": "LeastAllocated"}},
		},
	}
}

// withHealth adds what AWS found wrong, which ACK reports here and nowhere else.
func withHealth(r cloud.Resource, status map[string]any) map[string]any {
	issues := []any{}
	if r.Data[failureCode] != "" {
		issues = append(issues, map[string]any{"code": r.Data[failureCode], "message": r.Data[failureMessage]})
	}
	status["health"] = map[string]any{"issues": issues}
	return status
}
