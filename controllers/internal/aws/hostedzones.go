package aws

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/portolan-dev/portolan/controllers/plan"
)

// absentTTL is for what somebody has to create before a region can go on.
const absentTTL = time.Minute

type zoneKey struct {
	session
	name string
}

// HostedZones returns those of the names that are public hosted zones of the
// account, by the name as it was asked for. When several zones have a name, it is
// the first that AWS lists. It needs route53:ListHostedZonesByName. Zones are
// remembered for ten minutes, and that there is none for one.
func (s *Sessions) HostedZones(ctx context.Context, roleARN string, names ...string) (map[string]plan.HostedZone, error) {
	home := session{roleARN: roleARN, region: s.homeOf(roleARN)}
	zones := make(map[string]plan.HostedZone, len(names))
	for _, name := range names {
		zone, err := s.hostedZones.get(ctx, zoneKey{session: home, name: name},
			func(ctx context.Context) (plan.HostedZone, error) {
				return s.in(home.roleARN, home.region).hostedZone(ctx, name)
			})
		if err != nil {
			return nil, err
		}
		if zone.ID != "" {
			zones[name] = zone
		}
	}
	return zones, nil
}

func zoneTTL(zone plan.HostedZone) time.Duration {
	if zone.ID == "" {
		return absentTTL
	}
	return factsTTL
}

// hostedZone reads on until another name comes: private zones of the same name may
// come first (source: Route 53 API reference, ListHostedZonesByName).
func (c *clients) hostedZone(ctx context.Context, name string) (plan.HostedZone, error) {
	name = strings.TrimSuffix(name, ".")
	next := &route53.ListHostedZonesByNameInput{DNSName: &name}
	for {
		out, err := c.route53.ListHostedZonesByName(ctx, next)
		if err != nil {
			return plan.HostedZone{}, classify(err)
		}
		for _, zone := range out.HostedZones {
			switch {
			case !sameName(aws.ToString(zone.Name), name):
				return plan.HostedZone{}, nil
			case !isPrivate(zone):
				return plan.HostedZone{ID: strings.TrimPrefix(aws.ToString(zone.Id), "/hostedzone/"), Name: name}, nil
			}
		}
		if !out.IsTruncated {
			return plan.HostedZone{}, nil
		}
		next = &route53.ListHostedZonesByNameInput{DNSName: out.NextDNSName, HostedZoneId: out.NextHostedZoneId}
	}
}

func isPrivate(zone types.HostedZone) bool { return zone.Config != nil && zone.Config.PrivateZone }

// sameName compares DNS names, whatever their case and with or without the final dot.
func sameName(a, b string) bool {
	return strings.EqualFold(strings.TrimSuffix(a, "."), strings.TrimSuffix(b, "."))
}
