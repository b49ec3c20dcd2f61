package aws

import (
	"net/http"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

func tags(next string, items ...[3]string) http.HandlerFunc {
	var set strings.Builder
	for _, i := range items {
		set.WriteString("<item><resourceId>" + i[0] + "</resourceId><resourceType>" + i[1] + "</resourceType><key>portolan.dev/object</key><value>" + i[2] + "</value></item>")
	}
	return ec2Reply(describeTags, "<tagSet>"+set.String()+"</tagSet>"+nextToken(next))
}

func TestTaggedResourcesByObject(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(describeTags, inTurn(
		tags("more", [3]string{"vpc-1", "vpc", "prod-euw1"}, [3]string{"nat-deleted", "natgateway", "prod-euw1-nat-a"}, [3]string{"nat-deleting", "natgateway", "prod-euw1-nat-b"}),
		tags("", [3]string{"vpc-0", "vpc", "prod-euw1"}, [3]string{"nat-ok", "natgateway", "prod-euw1-nat-b"}, [3]string{"nat-new", "natgateway", "prod-euw1-nat-c"},
			[3]string{"subnet-0", "subnet", "other"})))
	w.on(describeNATs, gateways("", gateway("nat-deleted", "deleted", ""), gateway("nat-deleting", "deleting", ""), gateway("nat-ok", "available", "")))

	g.Expect(s.TaggedResources(t.Context(), "", "eu-west-1", "prod-euw1")).To(Equal(map[string][]string{
		"prod-euw1":       {"vpc-0", "vpc-1"},
		"prod-euw1-nat-b": {"nat-ok"},
		"prod-euw1-nat-c": {"nat-new"},
	}), "a NAT gateway that is not listed yet was just made")
	asked := w.requests(describeTags)
	g.Expect(asked).To(HaveLen(2))
	g.Expect(filtersOf(asked[0])).To(Equal([]string{"key=portolan.dev/object", "value=prod-euw1*"}))
	g.Expect(asked[1].form.Get("NextToken")).To(Equal("more"))
	g.Expect(filtersOf(w.requests(describeNATs)[0])).To(Equal([]string{"nat-gateway-id=nat-deleted,nat-deleting,nat-ok,nat-new"}))
}

func TestTaggedResourcesAreRememberedUntilForgotten(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, clk := newSessions(t, w.url)
	w.on(describeTags, tags("", [3]string{"vpc-0", "vpc", "prod-euw1"}))
	ask := func(region, prefix string) {
		found, err := s.TaggedResources(t.Context(), "", region, prefix)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(found).To(Equal(map[string][]string{"prod-euw1": {"vpc-0"}}))
		found["prod-euw1"][0] = "changed by the caller"
	}
	ask("eu-west-1", "prod")
	ask("eu-west-1", "prod")
	g.Expect(w.requests(describeTags)).To(HaveLen(1))
	g.Expect(w.requests(describeNATs)).To(BeEmpty(), "no NAT gateways, no look at them")
	ask("eu-west-1", "prod-euw1")
	ask("eu-west-2", "prod")
	g.Expect(w.requests(describeTags)).To(HaveLen(3))

	s.ForgetTagged("", "eu-west-1", "prod")
	ask("eu-west-1", "prod")
	ask("eu-west-1", "prod-euw1")
	g.Expect(w.requests(describeTags)).To(HaveLen(4), "the others are still remembered")
	clk.Step(factsTTL)
	ask("eu-west-1", "prod")
	g.Expect(w.requests(describeTags)).To(HaveLen(5))
}

func TestTaggedResourcesFailWithTheirNATGateways(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(describeTags, tags("", [3]string{"nat-0", "natgateway", "prod-euw1-nat"}))
	w.on(describeNATs, refuse(describeNATs, 403, "UnauthorizedOperation", "No."))
	for range 2 {
		found, err := s.TaggedResources(t.Context(), "", "eu-west-1", "prod-euw1")
		g.Expect(found).To(BeNil())
		g.Expect(err).To(MatchError(HavePrefix(describeNATs)))
	}
	g.Expect(w.requests(describeTags)).To(HaveLen(2), "failures are not remembered")
}

func TestRoleTags(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(getRole, reply(200, `<GetRoleResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><GetRoleResult><Role><RoleName>prod</RoleName>
		<Tags><member><Key>portolan.dev/region</Key><Value>euw1</Value></member></Tags></Role></GetRoleResult></GetRoleResponse>`))
	g.Expect(s.RoleTags(t.Context(), "", "prod")).To(Equal(map[string]string{"portolan.dev/region": "euw1"}))
	g.Expect(w.requests(getRole)[0].form.Get("RoleName")).To(Equal("prod"))
	g.Expect(w.requests(getRole)[0].region).To(Equal("us-east-1"), "IAM is global")
}

func TestClusterTags(t *testing.T) {
	cases := map[string]struct {
		cluster string
		want    map[string]string
	}{
		"with":    {`"tags":{"portolan.dev/region":"euw1"}`, map[string]string{"portolan.dev/region": "euw1"}},
		"without": {`"name":"prod-euw1"`, map[string]string{}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWire(t)
			s, _ := newSessions(t, w.url)
			w.on(describeCluster, reply(200, `{"cluster":{`+tc.cluster+`}}`))
			g.Expect(s.ClusterTags(t.Context(), "", "eu-west-1", "prod-euw1")).To(Equal(tc.want))
			g.Expect(w.requests(describeCluster)[0].path).To(Equal("/clusters/prod-euw1"))
			g.Expect(w.requests(describeCluster)[0].region).To(Equal("eu-west-1"))
		})
	}
}

func TestBucketTags(t *testing.T) {
	cases := map[string]struct {
		answer    http.HandlerFunc
		want      map[string]string
		wantClass Class
	}{
		"with": {
			answer:    reply(200, `<Tagging><TagSet><Tag><Key>portolan.dev/environment</Key><Value>prod</Value></Tag></TagSet></Tagging>`),
			want:      map[string]string{"portolan.dev/environment": "prod"},
			wantClass: Unknown,
		},
		"without":               {answer: refuse(getBucketTags, 404, "NoSuchTagSet", "The TagSet does not exist"), want: map[string]string{}, wantClass: Unknown},
		"missing":               {answer: refuse(getBucketTags, 404, "NoSuchBucket", "The specified bucket does not exist"), wantClass: NotFound},
		"of another account":    {answer: refuse(getBucketTags, 403, "AccessDenied", "Access Denied"), wantClass: AccessDenied},
		"in another region":     {answer: refuse(getBucketTags, 301, "PermanentRedirect", "Use another endpoint"), wantClass: Conflict},
		"in another region too": {answer: refuse(getBucketTags, 400, "AuthorizationHeaderMalformed", "the region is wrong"), wantClass: Conflict},
		"a proxy":               {answer: reply(404, "<html>no route</html>"), wantClass: Unknown},
		"a silent proxy":        {answer: reply(404, ""), wantClass: Unknown},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWire(t)
			s, _ := newSessions(t, w.url)
			w.on(getBucketTags, tc.answer)
			found, err := s.BucketTags(t.Context(), "", "eu-west-1", "prod.logs")
			g.Expect(found).To(Equal(tc.want))
			g.Expect(ClassOf(err)).To(Equal(tc.wantClass))
			g.Expect(err == nil).To(Equal(tc.want != nil))
			g.Expect(w.requests(getBucketTags)[0].path).To(Equal("/prod.logs"), "path style: the wire has one host name")
			g.Expect(w.requests(getBucketTags)[0].region).To(Equal("eu-west-1"))
		})
	}
}
