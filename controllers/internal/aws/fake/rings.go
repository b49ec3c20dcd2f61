package fake

import (
	"context"
	"strings"

	"github.com/portolan-dev/portolan/controllers/internal/aws"
)

// The methods that look after rings.
const (
	TargetHealth  Method = "TargetHealth"
	SecretVersion Method = "SecretVersion"
)

// DefaultSecretVersion is the version of every secret in every region in which no test has
// given it another.
const DefaultSecretVersion = "d8f1c0de-0000-4000-8000-000000000001"

// rings is what a test has said about load balancers and secrets, by region and DNS name or
// secret. Nothing there is gone.
type rings struct {
	health   map[string]*aws.TargetHealth
	versions map[string]string
}

func newRings() rings {
	return rings{health: map[string]*aws.TargetHealth{}, versions: map[string]string{}}
}

// SetTargetHealth sets the health behind a load balancer. Until then, every load balancer
// has one target group with one healthy target, whether SetLoadBalancer made it or not.
func (f *AWS) SetTargetHealth(region, dnsName string, health aws.TargetHealth) {
	f.setTargetHealth(region, dnsName, &health)
}

// RemoveTargets makes a load balancer unknown to TargetHealth.
func (f *AWS) RemoveTargets(region, dnsName string) { f.setTargetHealth(region, dnsName, nil) }

func (f *AWS) setTargetHealth(region, dnsName string, health *aws.TargetHealth) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rings.health[join(region, strings.TrimSuffix(dnsName, "."))] = health
}

// SetSecretVersion sets the version that a secret has in a region; an empty one takes the
// copy away. Until then, every region has DefaultSecretVersion of every secret.
func (f *AWS) SetSecretVersion(region, secret, version string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rings.versions[join(region, secret)] = version
}

// TargetHealth is like aws.Sessions.TargetHealth.
func (f *AWS) TargetHealth(ctx context.Context, _, region, dnsName string) (aws.TargetHealth, error) {
	defer f.mu.Unlock()
	if err := f.begin(ctx, TargetHealth); err != nil {
		return aws.TargetHealth{}, err
	}
	health, said := f.rings.health[join(region, strings.TrimSuffix(dnsName, "."))]
	switch {
	case !said:
		return aws.TargetHealth{Healthy: 1, Groups: 1}, nil
	case health == nil:
		return aws.TargetHealth{}, missingLoadBalancer(dnsName)
	}
	return *health, nil
}

// SecretVersion is like aws.Sessions.SecretVersion.
func (f *AWS) SecretVersion(ctx context.Context, _, region, secret string) (string, error) {
	defer f.mu.Unlock()
	if err := f.begin(ctx, SecretVersion); err != nil {
		return "", err
	}
	version, said := f.rings.versions[join(region, secret)]
	switch {
	case !said:
		return DefaultSecretVersion, nil
	case version == "":
		return "", missingSecret("DescribeSecret", secret)
	}
	return version, nil
}
