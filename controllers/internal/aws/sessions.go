package aws

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"k8s.io/utils/clock"

	"github.com/portolan-dev/portolan/controllers/plan"
)

const (
	maxAttempts    = 3
	attemptTimeout = 10 * time.Second
	// factsTTL is for facts that seldom change: zones, instance types, our own identity.
	factsTTL = 10 * time.Minute
	// Copies that are being made change soon; those that are in sync are only checked for drift.
	defaultReplicaTTL = 10 * time.Second
	defaultDriftTTL   = 10 * time.Minute

	// sessionName is constant because AWS quotes it in error messages.
	sessionName = "portolan"
	// sessionDuration is the longest that AWS allows when one role assumes another.
	sessionDuration = time.Hour
	// sessionRenewal is how long before its end a session is replaced.
	sessionRenewal = 5 * time.Minute
)

// Sessions calls AWS as Portolan itself (empty role ARN) or as a role that it
// assumes. It is safe for concurrent use and holds one set of clients per role
// and region.
type Sessions struct {
	base    aws.Config
	backoff retry.BackoffDelayer

	mu      sync.Mutex
	clients map[session]*clients

	requested     *requests
	replicas      *memo[secretKey, map[string]ReplicaState]
	zones         *memo[session, []string]
	identities    *memo[session, string]
	optIns        *memo[session, []string] // names of the regions that may be used
	instanceTypes *memo[instanceTypesKey, map[string]plan.InstanceType]
	hostedZones   *memo[zoneKey, plan.HostedZone]
	tagged        *memo[taggedKey, map[string][]string]
	addonVersions *memo[addonKey, []plan.AddonVersion]
	targetGroups  *memo[balancerKey, []string] // ARNs
	endpoints     *turns
}

// Option changes a default of New.
type Option func(*Sessions)

// WithReplicaTTL sets how long the replication states of a secret are remembered,
// because every region that copies it asks: while a copy is being made or has failed,
// and while all are in sync. The defaults are ten seconds and ten minutes.
func WithReplicaTTL(changing, inSync time.Duration) Option {
	return func(s *Sessions) { s.replicas.ttl = replicaTTL(changing, inSync) }
}

type session struct{ roleARN, region string }

type clients struct {
	credentials aws.CredentialsProvider
	acm         *acm.Client
	ec2         *ec2.Client
	eks         *eks.Client
	elb         *elb.Client
	accelerator *globalaccelerator.Client
	iam         *iam.Client
	quotas      *servicequotas.Client
	route53     *route53.Client
	s3          *s3.Client
	secrets     *secretsmanager.Client
	sts         *sts.Client
}

// New reads the default AWS configuration chain: environment, shared files, Pod
// Identity, IRSA, instance role. It makes no call; missing credentials show on first use.
func New(ctx context.Context, clk clock.PassiveClock, options ...Option) (*Sessions, error) {
	s := &Sessions{
		clients:       map[session]*clients{},
		requested:     newRequests(clk),
		replicas:      newMemo[secretKey](clk, replicaTTL(defaultReplicaTTL, defaultDriftTTL)),
		zones:         newMemo[session](clk, always[[]string](factsTTL)),
		identities:    newMemo[session](clk, always[string](factsTTL)),
		optIns:        newMemo[session](clk, always[[]string](factsTTL)),
		instanceTypes: newMemo[instanceTypesKey](clk, always[map[string]plan.InstanceType](factsTTL)),
		hostedZones:   newMemo[zoneKey](clk, zoneTTL),
		tagged:        newMemo[taggedKey](clk, always[map[string][]string](factsTTL)),
		addonVersions: newMemo[addonKey](clk, always[[]plan.AddonVersion](factsTTL)),
		targetGroups:  newMemo[balancerKey](clk, targetGroupsTTL),
		endpoints:     newTurns(),
	}
	for _, option := range options {
		option(s)
	}
	base, err := config.LoadDefaultConfig(ctx,
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(attemptTimeout)),
		config.WithRetryer(s.newRetryer),
	)
	if err != nil {
		return nil, fmt.Errorf("loading AWS configuration: %w", err)
	}
	base.HTTPClient = plainBodies{base.HTTPClient}
	base.Credentials = ownCredentials{base.Credentials}
	s.base = base
	return s, nil
}

func (s *Sessions) newRetryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = maxAttempts
		if s.backoff != nil {
			o.Backoff = s.backoff
		}
	})
}

func (s *Sessions) in(roleARN, region string) *clients {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := session{roleARN: roleARN, region: region}
	if c, ok := s.clients[key]; ok {
		return c
	}
	c := newClients(s.configFor(key))
	s.clients[key] = c
	return c
}

// configFor assumes the role through the region's own STS, so that an outage of
// another region's STS does not reach this one.
func (s *Sessions) configFor(key session) aws.Config {
	cfg := s.base.Copy()
	cfg.Region = key.region
	if key.roleARN != "" {
		cfg.Credentials = assume(sts.NewFromConfig(cfg), key.roleARN)
	}
	return cfg
}

func assume(client *sts.Client, roleARN string) aws.CredentialsProvider {
	role := stscreds.NewAssumeRoleProvider(client, roleARN, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = sessionName
		o.Duration = sessionDuration
	})
	return aws.NewCredentialsCache(role, func(o *aws.CredentialsCacheOptions) {
		o.ExpiryWindow = sessionRenewal
	})
}

func newClients(cfg aws.Config) *clients {
	return &clients{
		credentials: cfg.Credentials,
		acm:         acm.NewFromConfig(cfg),
		ec2:         ec2.NewFromConfig(cfg),
		eks:         eks.NewFromConfig(cfg),
		elb:         elb.NewFromConfig(cfg),
		accelerator: globalaccelerator.NewFromConfig(cfg),
		iam:         iam.NewFromConfig(cfg),
		quotas:      servicequotas.NewFromConfig(cfg),
		route53:     route53.NewFromConfig(cfg),
		// A bucket's name is then no host name, which has to be resolved first.
		s3:      s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }),
		secrets: secretsmanager.NewFromConfig(cfg),
		sts:     sts.NewFromConfig(cfg),
	}
}

// ownCredentials marks the failures of Portolan's own credentials: the chain
// returns untyped errors, which could not be told from a failing call.
type ownCredentials struct{ aws.CredentialsProvider }

func (c ownCredentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	credentials, err := c.CredentialsProvider.Retrieve(ctx)
	if err != nil {
		return aws.Credentials{}, &credentialsError{err: err}
	}
	return credentials, nil
}

type credentialsError struct{ err error }

func (e *credentialsError) Error() string { return e.err.Error() }
func (e *credentialsError) Unwrap() error { return e.err }
