package bed

import (
	"net/netip"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
	"github.com/portolan-dev/portolan/test/simulator/network"
)

var (
	virginia, oregon, dublin = netip.MustParseAddr("10.1.0.10"), netip.MustParseAddr("10.2.0.10"), netip.MustParseAddr("10.3.0.10")
	balancerInDublin         = netip.MustParseAddr("52.1.2.3")
	loopback                 = netip.MustParseAddr("127.0.0.1")
)

// linkedBed is a bed of which nothing runs but the ways between three regions.
func linkedBed(t *testing.T) *Bed {
	t.Helper()
	b := &Bed{Cloud: cloud.New(cloud.Options{}), planes: &planes{running: map[string]*plane{
		"production-us-east-1": {awsRegion: "us-east-1", vpc: netip.MustParsePrefix("10.1.0.0/16")},
		"production-us-west-2": {awsRegion: "us-west-2", vpc: netip.MustParsePrefix("10.2.0.0/16")},
		"production-eu-west-1": {awsRegion: "eu-west-1", vpc: netip.MustParsePrefix("10.3.0.0/16")},
	}}}
	b.links = newLinks(b.regionOf)
	NewWithT(t).Expect(b.Cloud.Create(cloud.Resource{
		Key:  cloud.Key{Type: "elbv2/loadbalancer", Region: "eu-west-1", ID: "k8s-api"},
		Data: map[string]string{"address": balancerInDublin.String()},
	})).To(Succeed())
	return b
}

func TestCut(t *testing.T) {
	cases := map[string]struct {
		cut      func(*Bed)
		from, to netip.Addr
		want     []network.Transport // what passes
	}{
		"nothing": {cut: func(*Bed) {}, from: virginia, to: dublin, want: []network.Transport{network.TCP, network.UDP}},
		"all of one direction": {
			cut: func(b *Bed) { b.Cut("us-east-1", "eu-west-1") }, from: virginia, to: dublin,
		},
		"the other direction": {
			cut: func(b *Bed) { b.Cut("us-east-1", "eu-west-1") }, from: dublin, to: virginia, want: []network.Transport{network.TCP, network.UDP},
		},
		"UDP": {
			cut: func(b *Bed) { b.Cut("us-east-1", "eu-west-1", network.UDP) }, from: virginia, to: dublin, want: []network.Transport{network.TCP},
		},
		"one after the other": {
			cut: func(b *Bed) {
				b.Cut("us-east-1", "eu-west-1", network.UDP)
				b.Cut("us-east-1", "eu-west-1", network.TCP)
			}, from: virginia, to: dublin,
		},
		"to a load balancer": {
			cut: func(b *Bed) { b.Cut("us-east-1", "eu-west-1", network.TCP) }, from: virginia, to: balancerInDublin, want: []network.Transport{network.UDP},
		},
		"from everywhere": {
			cut: func(b *Bed) { b.Cut(EveryRegion, "eu-west-1") }, from: oregon, to: dublin,
		},
		"from everywhere else": {
			cut: func(b *Bed) { b.Cut(EveryRegion, "eu-west-1") }, from: dublin, to: balancerInDublin, want: []network.Transport{network.TCP, network.UDP},
		},
		"to everywhere": {
			cut: func(b *Bed) { b.Cut("eu-west-1", EveryRegion, network.TCP) }, from: dublin, to: virginia, want: []network.Transport{network.UDP},
		},
		"within a region, if it says so": {
			cut: func(b *Bed) { b.Cut("eu-west-1", "eu-west-1") }, from: dublin, to: balancerInDublin,
		},
		"between groups": {
			cut: func(b *Bed) { b.CutBetween([]string{"eu-west-1"}, []string{"us-east-1", "us-west-2"}) }, from: oregon, to: dublin,
		},
		"within a group": {
			cut: func(b *Bed) { b.CutBetween([]string{"eu-west-1"}, []string{"us-east-1", "us-west-2"}) }, from: oregon, to: virginia, want: []network.Transport{network.TCP, network.UDP},
		},
		"answers to who sent a packet": {
			cut: func(b *Bed) { b.Cut(EveryRegion, EveryRegion) }, from: virginia, to: loopback, want: []network.Transport{network.TCP, network.UDP},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g, b := NewWithT(t), linkedBed(t)
			tc.cut(b)
			passing := func() []network.Transport {
				var passing []network.Transport
				for _, transport := range []network.Transport{network.TCP, network.UDP} {
					if b.links.pass(tc.from, tc.to, transport) {
						passing = append(passing, transport)
					}
				}
				return passing
			}
			g.Expect(passing()).To(Equal(tc.want))
			b.Heal()
			g.Expect(passing()).To(HaveLen(2))
		})
	}
}
