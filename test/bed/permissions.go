package bed

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/test/simulator/cloud"
	"github.com/portolan-dev/portolan/test/simulator/iam"
)

// primaryRegion is where the bed's secrets are.
const primaryRegion = "us-east-1"

// sampleEnvironment is the Environment of config/samples.
const sampleEnvironment = "production001"

// policyOf is the policy in config/iam of each role on the bed. Portolan's pod assumes the
// role that the Environments name, while each ACK controller has its role itself: one account
// needs no ack-manager.
var policyOf = map[string]string{
	"portolan-base":          "portolan-manager",
	"portolan":               "portolan",
	"ack-ec2-controller":     "ack-ec2",
	"ack-eks-controller":     "ack-eks",
	"ack-iam-controller":     "ack-iam",
	"ack-s3-controller":      "ack-s3",
	"ack-acm-controller":     "ack-acm",
	"ack-route53-controller": "ack-route53",
}

// permissions are what AWS allows on the bed: what the shipped policies say, and nothing else.
type permissions struct {
	policies *iam.Policies

	mu           sync.Mutex
	environments map[string]bool // those that the roles have policies for
	denied       []string
}

// enforcePermissions makes AWS refuse everything that the policies in config/iam do not allow.
func (b *Bed) enforcePermissions(ctx context.Context) error {
	b.permissions = &permissions{policies: iam.New(nil, argoCDRole), environments: map[string]bool{}}
	if err := b.attachPolicies(sampleEnvironment); err != nil {
		return err
	}
	decide := b.permissions.policies.Guard()
	b.Cloud.SetGuard(func(call cloud.Call) *cloud.Error {
		if refusal := b.refuseRevoked(call); refusal != nil {
			return refusal
		}
		if decide(call) == nil {
			return nil
		}
		err := b.attachMissing(ctx)
		refusal := decide(call)
		if refusal != nil {
			b.permissions.note(refusal.Message, err)
		}
		return refusal
	})
	return nil
}

// attachMissing does for every Environment what config/iam/README.md tells a user to do before
// creating it. Whoever was refused waits for it, so that it is never too late.
func (b *Bed) attachMissing(ctx context.Context) error {
	all := &v1alpha1.EnvironmentList{}
	if err := b.administrator().List(ctx, all); err != nil {
		return fmt.Errorf("listing Environments: %w", err)
	}
	for _, env := range all.Items {
		if err := b.attachPolicies(env.Name); err != nil {
			return err
		}
	}
	return nil
}

// attachPolicies gives every role its policy for one environment, once.
func (b *Bed) attachPolicies(environment string) error {
	p := b.permissions
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.environments[environment] {
		return nil
	}
	values := map[string]string{
		"ACCOUNT_ID": Account, "PARTITION": "aws", "PRIMARY_REGION": primaryRegion, "ENVIRONMENT": environment,
	}
	for role, name := range policyOf {
		policy, err := iam.Read(name, filepath.Join(b.module, "config", "iam", name+".json"), values)
		if err != nil {
			return fmt.Errorf("giving role %s its policy: %w", role, err)
		}
		p.policies.Attach(role, policy)
	}
	p.environments[environment] = true
	return nil
}

func (p *permissions) note(refusal string, err error) {
	if err != nil {
		refusal += " (" + err.Error() + ")"
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.Contains(p.denied, refusal) {
		p.denied = append(p.denied, refusal)
	}
}

// DeniedCalls are AWS's refusals so far for want of a permission in config/iam, each once.
// Faults that were asked for are not among them.
func (b *Bed) DeniedCalls() []string {
	b.permissions.mu.Lock()
	defer b.permissions.mu.Unlock()
	return slices.Clone(b.permissions.denied)
}

// UnusedPermissions are the actions in config/iam that no call has needed so far, as
// "policy: Sid action". An action that was needed for one environment is used.
func (b *Bed) UnusedPermissions() []string { return b.permissions.policies.Unused() }
