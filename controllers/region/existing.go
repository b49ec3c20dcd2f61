package region

import (
	"context"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack"
	"github.com/portolan-dev/portolan/controllers/internal/ack/acm"
	"github.com/portolan-dev/portolan/controllers/internal/ack/ec2"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/ack/iam"
	"github.com/portolan-dev/portolan/controllers/internal/ack/s3"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
)

// existing finds what AWS has of one Region already: after the management cluster was
// lost, or when ACK created something and never recorded its ID.
type existing struct {
	reconciler  *Reconciler
	region      *v1alpha1.Region
	environment *v1alpha1.Environment
	cluster     string
}

func (r *Reconciler) existing(s *scope) existing {
	return existing{reconciler: r, region: s.region, environment: s.environment, cluster: s.plan.Cluster}
}

// Find implements ack.Existing.
func (e existing) Find(ctx context.Context, obj client.Object) (ack.Match, error) {
	finder, role, here := e.reconciler.Finder, e.environment.Spec.AWS.RoleARN, string(e.region.Spec.AWSRegion)
	switch o := obj.(type) {
	case *iam.Role:
		tags, err := finder.RoleTags(ctx, role, deref(o.Spec.Name))
		return e.named(tags, err, true)
	case *eks.Cluster:
		tags, err := finder.ClusterTags(ctx, role, here, deref(o.Spec.Name))
		return e.named(tags, err, true)
	case *s3.Bucket: // Regions of one environment share a bucket when their AWS region is the same
		tags, err := finder.BucketTags(ctx, role, here, deref(o.Spec.Name))
		return e.named(tags, err, false)
	}
	if c, ok := obj.(*acm.Certificate); ok {
		return e.certificate(ctx, c)
	}
	prefix := idPrefix(obj)
	if prefix == "" {
		return ack.Match{}, nil
	}
	tagged, err := finder.TaggedResources(ctx, role, here, e.cluster)
	if err != nil {
		return ack.Match{}, e.reconciler.fromAWS(err)
	}
	var match ack.Match
	for _, id := range tagged[obj.GetName()] {
		switch {
		case !strings.HasPrefix(id, prefix):
		case match.Found:
			match.Duplicates = append(match.Duplicates, id)
		default:
			match.Found, match.Ours, match.ID = true, true, id
		}
	}
	return match, nil
}

// certificate finds one by its domain and our tags: ACM gives out as many as it is asked for.
func (e existing) certificate(ctx context.Context, c *acm.Certificate) (ack.Match, error) {
	arn, err := e.reconciler.Finder.CertificateARN(ctx, e.environment.Spec.AWS.RoleARN, string(e.region.Spec.AWSRegion),
		deref(c.Spec.DomainName), map[string]string{v1alpha1.TagObject: c.Name})
	if aws.ClassOf(err) == aws.NotFound {
		return ack.Match{}, nil
	}
	if err != nil {
		return ack.Match{}, e.reconciler.fromAWS(err)
	}
	return ack.Match{Found: true, Ours: true, ID: arn}, nil
}

// named judges something that has the name that we would give it.
func (e existing) named(tags map[string]string, err error, ofRegion bool) (ack.Match, error) {
	if aws.ClassOf(err) == aws.NotFound {
		return ack.Match{}, nil
	}
	if err != nil {
		return ack.Match{}, e.reconciler.fromAWS(err)
	}
	ours := tags[v1alpha1.LabelEnvironment] == e.environment.Name &&
		(!ofRegion || tags[v1alpha1.LabelRegion] == e.region.Name)
	return ack.Match{Found: true, Ours: ours}, nil
}

// idPrefix is how the IDs begin that EC2 gives to a kind, or empty for kinds of other services.
func idPrefix(obj client.Object) string {
	switch obj.(type) {
	case *ec2.VPC:
		return "vpc-"
	case *ec2.Subnet:
		return "subnet-"
	case *ec2.InternetGateway:
		return "igw-"
	case *ec2.RouteTable:
		return "rtb-"
	case *ec2.ElasticIPAddress:
		return "eipalloc-"
	case *ec2.NATGateway:
		return "nat-"
	case *ec2.SecurityGroup:
		return "sg-"
	default:
		return ""
	}
}
