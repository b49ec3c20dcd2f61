package plan

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

func TestNamesOfBuckets(t *testing.T) {
	refused := func(why string) types.GomegaMatcher {
		return beFinding(v1alpha1.ReasonInvalidTemplate, And(ContainSubstring("which S3 refuses"), ContainSubstring(why)))
	}
	characters := refused("lower-case letters, digits and hyphens")
	for template, want := range map[string]any{
		"observability-{{ .environment }}-{{ .region }}": "observability-production001-eu-west-1",
		"abc":                      "abc",
		"a.b.c":                    "a.b.c",
		"1.2.3":                    "1.2.3",
		strings.Repeat("x", 63):    strings.Repeat("x", 63),
		"ab":                       refused("3 to 63 characters"),
		strings.Repeat("x", 64):    refused("3 to 63 characters"),
		"Logs":                     characters,
		"lo_gs":                    characters,
		"-logs":                    characters,
		"logs-":                    characters,
		"lo..gs":                   characters,
		"lo.-gs":                   characters,
		"10.0.0.1":                 refused("like an address"),
		"xn--logs":                 refused("begin with xn--"),
		"sthree-logs":              refused("begin with sthree-"),
		"logs-s3alias":             refused("end with -s3alias"),
		"logs--x-s3":               refused("end with --x-s3"),
		"logs.mrap":                refused("end with .mrap"),
		"logs-{{ .account }}":      beFinding(v1alpha1.ReasonInvalidTemplate, ContainSubstring("unknown key .account")),
		"{{ .region }}-{{ .name }": beFinding(v1alpha1.ReasonInvalidTemplate, ContainSubstring("nothing else in double braces")),
	} {
		t.Run(template, func(t *testing.T) {
			g := NewWithT(t)
			p := completeProfile("base")
			p.Buckets = []v1alpha1.Bucket{{Name: template}}
			all, err := buckets(p, someVariables)
			if name, ok := want.(string); ok {
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(all).To(Equal([]Bucket{{Name: name, Retain: true}}))
				return
			}
			g.Expect(err).To(want.(types.GomegaMatcher))
		})
	}
}

func TestBucketsOutliveTheirRegion(t *testing.T) {
	g := NewWithT(t)
	p := completeProfile("base")
	p.Buckets = []v1alpha1.Bucket{{Name: "logs"}, {Name: "kept", DeletionPolicy: v1alpha1.DeletionRetain}, {Name: "scratch", DeletionPolicy: v1alpha1.DeletionDelete}}
	g.Expect(buckets(p, someVariables)).To(HaveExactElements(
		Bucket{Name: "logs", Retain: true}, Bucket{Name: "kept", Retain: true}, Bucket{Name: "scratch"}))
}

func TestABucketTwice(t *testing.T) {
	g := NewWithT(t)
	p := completeProfile("base")
	p.Buckets = []v1alpha1.Bucket{{Name: "logs-{{ .region }}"}, {Name: "traces-{{ .region }}"}, {Name: "logs-{{.region}}"}}
	_, err := buckets(p, someVariables)
	g.Expect(err).To(beFinding(v1alpha1.ReasonInvalidProfile,
		Equal(`profile base lists the bucket logs-eu-west-1 twice, the second time as "logs-{{.region}}": remove one of them`)))
}

func withZones(zones ...string) *v1alpha1.Environment {
	env := network(nil)
	for _, z := range zones {
		env.Spec.DNS.Zones = append(env.Spec.DNS.Zones, v1alpha1.DNSZone{Name: z})
	}
	return env
}

func TestCertificates(t *testing.T) {
	long := "a." + strings.Repeat(strings.Repeat("b", 50)+".", 3) + "aws.unkey.cloud"
	for name, tc := range map[string]struct {
		certificates []v1alpha1.Certificate
		want         []Certificate
		wantFinding  types.GomegaMatcher
	}{
		"a wildcard": {
			certificates: []v1alpha1.Certificate{{Domain: "*.{{ .region }}.aws.unkey.cloud"}},
			want: []Certificate{{
				Suffix: "certificate-wildcard.eu-west-1.aws.unkey.cloud", Domain: "*.eu-west-1.aws.unkey.cloud",
				Names:       []string{"*.eu-west-1.aws.unkey.cloud"},
				Validations: map[string]string{"validation-eu-west-1.aws.unkey.cloud": "eu-west-1.aws.unkey.cloud"},
			}},
		},
		"a name and its wildcard have one record": {
			certificates: []v1alpha1.Certificate{{
				Domain:           "aws.unkey.cloud",
				AlternativeNames: []string{"*.aws.unkey.cloud", "{{ .environment }}.aws.unkey.cloud", "aws.unkey.cloud"},
			}},
			want: []Certificate{{
				Suffix: "certificate-aws.unkey.cloud", Domain: "aws.unkey.cloud",
				Names: []string{"aws.unkey.cloud", "*.aws.unkey.cloud", "production001.aws.unkey.cloud"},
				Validations: map[string]string{
					"validation-aws.unkey.cloud": "aws.unkey.cloud", "validation-production001.aws.unkey.cloud": "production001.aws.unkey.cloud",
				},
			}},
		},
		"a long name beside the first": {
			certificates: []v1alpha1.Certificate{{Domain: "aws.unkey.cloud", AlternativeNames: []string{long}}},
			want: []Certificate{{
				Suffix: "certificate-aws.unkey.cloud", Domain: "aws.unkey.cloud", Names: []string{"aws.unkey.cloud", long},
				Validations: map[string]string{
					"validation-aws.unkey.cloud": "aws.unkey.cloud", "validation-" + long[:91] + "-" + hash(long, 8): long,
				},
			}},
		},
		"a long name first": {
			certificates: []v1alpha1.Certificate{{Domain: long}},
			wantFinding:  beFinding(v1alpha1.ReasonInvalidTemplate, ContainSubstring("longer than 64 characters")),
		},
		"outside of the zones": {
			certificates: []v1alpha1.Certificate{{Domain: "*.unkey.com"}},
			wantFinding: beFinding(v1alpha1.ReasonInvalidProfile, Equal(
				"profile base wants a certificate for *.unkey.com, which lies in none of the environment's zones: add its zone to spec.dns.zones of Environment production001")),
		},
		"a further name outside of the zones": {
			certificates: []v1alpha1.Certificate{{Domain: "aws.unkey.cloud", AlternativeNames: []string{"xaws.unkey.cloud"}}},
			wantFinding:  beFinding(v1alpha1.ReasonInvalidProfile, ContainSubstring("certificate for xaws.unkey.cloud")),
		},
		"an upper-case name": {
			certificates: []v1alpha1.Certificate{{Domain: "API.aws.unkey.cloud"}},
			wantFinding:  beFinding(v1alpha1.ReasonInvalidTemplate, ContainSubstring("no domain in lower case")),
		},
		"a wildcard inside": {
			certificates: []v1alpha1.Certificate{{Domain: "api.*.aws.unkey.cloud"}},
			wantFinding:  beFinding(v1alpha1.ReasonInvalidTemplate, ContainSubstring("no domain")),
		},
		"an unknown key": {
			certificates: []v1alpha1.Certificate{{Domain: "{{ .application }}.aws.unkey.cloud"}},
			wantFinding:  beFinding(v1alpha1.ReasonInvalidTemplate, ContainSubstring("unknown key .application")),
		},
		"twice": {
			certificates: []v1alpha1.Certificate{{Domain: "{{ .region }}.aws.unkey.cloud"}, {Domain: "{{.region}}.aws.unkey.cloud"}},
			wantFinding:  beFinding(v1alpha1.ReasonInvalidProfile, ContainSubstring("lists the certificate eu-west-1.aws.unkey.cloud twice")),
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			p := completeProfile("base")
			p.Certificates = tc.certificates
			all, err := certificates(p, withZones("aws.unkey.cloud"), someVariables)
			if tc.wantFinding != nil {
				g.Expect(err).To(tc.wantFinding)
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(all).To(Equal(tc.want))
		})
	}
}

func TestZone(t *testing.T) {
	env := withZones("unkey.cloud", "aws.unkey.cloud", "unkey.com")
	for name, want := range map[string]string{
		"api.aws.unkey.cloud": "aws.unkey.cloud",
		"aws.unkey.cloud":     "aws.unkey.cloud",
		"gcp.unkey.cloud":     "unkey.cloud",
		"xunkey.com":          "",
		"com":                 "",
		"":                    "",
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			zone, ok := Zone(env, name)
			g.Expect(zone.Name).To(Equal(want))
			g.Expect(ok).To(Equal(want != ""))
		})
	}
}

func TestTraffic(t *testing.T) {
	const one, two = "arn:aws:globalaccelerator::111122223333:accelerator/a/listener/1", "arn:aws:globalaccelerator::111122223333:accelerator/a/listener/2"
	service := v1alpha1.ServiceReference{Namespace: "frontline", Name: "frontline"}
	for name, tc := range map[string]struct {
		listener    string
		entries     []v1alpha1.GlobalTraffic
		want        []Traffic
		wantMessage types.GomegaMatcher
	}{
		"none": {listener: one},
		"the environment's listener": {
			listener: one, entries: []v1alpha1.GlobalTraffic{{Name: "frontline", Service: service}},
			want: []Traffic{{Name: "frontline", Service: service, ListenerARN: one, Dial: []int32{10, 50, 100}}},
		},
		"its own": {
			listener: one,
			entries:  []v1alpha1.GlobalTraffic{{Name: "a", ListenerARN: two, HealthCheckPort: 443, Dial: []int32{100}}, {Name: "b"}},
			want:     []Traffic{{Name: "a", ListenerARN: two, HealthCheckPort: 443, Dial: []int32{100}}, {Name: "b", ListenerARN: one, Dial: []int32{10, 50, 100}}},
		},
		"no listener": {
			entries:     []v1alpha1.GlobalTraffic{{Name: "frontline"}},
			wantMessage: ContainSubstring("globalTraffic frontline of profile base has no listener"),
		},
		"a listener twice": {
			listener: one, entries: []v1alpha1.GlobalTraffic{{Name: "a"}, {Name: "b", ListenerARN: one}},
			wantMessage: ContainSubstring("globalTraffic a and b of profile base share the listener " + one),
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			p, env := completeProfile("base"), network(nil)
			p.GlobalTraffic = tc.entries
			if tc.listener != "" {
				env.Spec.GlobalAccelerator = &v1alpha1.GlobalAccelerator{ListenerARN: tc.listener}
			}
			all, err := traffic(p, env)
			if tc.wantMessage != nil {
				g.Expect(err).To(beFinding(v1alpha1.ReasonInvalidProfile, tc.wantMessage))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(all).To(Equal(tc.want))
		})
	}
}
