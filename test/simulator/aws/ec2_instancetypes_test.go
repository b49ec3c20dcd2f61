package aws

import (
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	. "github.com/onsi/gomega"
)

func TestDescribeInstanceTypeOfferings(t *testing.T) {
	cases := map[string]struct {
		in         ec2.DescribeInstanceTypeOfferingsInput
		restrict   string
		restrictTo []string
		want       []string
		wantErr    string
	}{
		"in every zone": {
			in:   ec2.DescribeInstanceTypeOfferingsInput{LocationType: types.LocationTypeAvailabilityZone, Filters: []types.Filter{filter("instance-type", "c7a.xlarge")}},
			want: []string{"c7a.xlarge eu-west-1a", "c7a.xlarge eu-west-1b", "c7a.xlarge eu-west-1c"},
		},
		"in zones by id": {
			in:   ec2.DescribeInstanceTypeOfferingsInput{LocationType: types.LocationTypeAvailabilityZoneId, Filters: []types.Filter{filter("instance-type", "m7i.large"), filter("location", "euw1-az2")}},
			want: []string{"m7i.large euw1-az2"},
		},
		"in the region":         {in: ec2.DescribeInstanceTypeOfferingsInput{Filters: []types.Filter{filter("instance-type", "t3.*large")}}, want: []string{"t3.2xlarge eu-west-1", "t3.large eu-west-1", "t3.xlarge eu-west-1"}},
		"in one zone only":      {restrict: "r7i.large", restrictTo: []string{"eu-west-1b", "us-east-1a"}, in: ec2.DescribeInstanceTypeOfferingsInput{LocationType: types.LocationTypeAvailabilityZone, Filters: []types.Filter{filter("instance-type", "r7i.large")}}, want: []string{"r7i.large eu-west-1b"}},
		"in no zone":            {restrict: "r7i.large", in: ec2.DescribeInstanceTypeOfferingsInput{LocationType: types.LocationTypeAvailabilityZone, Filters: []types.Filter{filter("instance-type", "r7i.large")}}},
		"of a type that is not": {in: ec2.DescribeInstanceTypeOfferingsInput{Filters: []types.Filter{filter("instance-type", "z9.large")}}},
		"an unknown place":      {in: ec2.DescribeInstanceTypeOfferingsInput{LocationType: "galaxy"}, wantErr: "InvalidParameterValue"},
		"an unknown filter":     {in: ec2.DescribeInstanceTypeOfferingsInput{Filters: []types.Filter{filter("colour", "red")}}, wantErr: "InvalidParameterValue"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s, _ := start(t)
			if tc.restrict != "" {
				s.SetOffering(tc.restrict, tc.restrictTo...)
			}
			out, err := ec2.NewFromConfig(sdk(t, s, BaseAccessKey)).DescribeInstanceTypeOfferings(t.Context(), &tc.in)
			g.Expect(codeOf(err)).To(Equal(tc.wantErr))
			if tc.wantErr != "" {
				return
			}
			var got []string
			for _, o := range out.InstanceTypeOfferings {
				got = append(got, string(o.InstanceType)+" "+*o.Location)
			}
			g.Expect(got).To(Equal(tc.want))
		})
	}
}

func TestDescribeInstanceTypes(t *testing.T) {
	cases := map[string]struct {
		in      []types.InstanceType
		want    map[types.InstanceType]int32
		wantErr string
	}{
		"known": {
			in:   []types.InstanceType{"c7a.4xlarge", "c7g.medium", "t3.micro", "m7a.24xlarge"},
			want: map[types.InstanceType]int32{"c7a.4xlarge": 16, "c7g.medium": 1, "t3.micro": 2, "m7a.24xlarge": 96},
		},
		"unknown":         {in: []types.InstanceType{"c7a.large", "z9.large"}, wantErr: "InvalidInstanceType"},
		"no such size":    {in: []types.InstanceType{"c7i.medium"}, wantErr: "InvalidInstanceType"},
		"not in a region": {in: []types.InstanceType{"m6i.large"}, wantErr: "InvalidInstanceType"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s, _ := start(t)
			s.SetOffering("m6i.large", "us-east-1a")
			out, err := ec2.NewFromConfig(sdk(t, s, BaseAccessKey)).DescribeInstanceTypes(t.Context(), &ec2.DescribeInstanceTypesInput{InstanceTypes: tc.in})
			g.Expect(codeOf(err)).To(Equal(tc.wantErr))
			if tc.wantErr != "" {
				g.Expect(err).To(MatchError(ContainSubstring("do not exist: [" + string(tc.in[len(tc.in)-1]) + "]")))
				return
			}
			got := map[types.InstanceType]int32{}
			for _, each := range out.InstanceTypes {
				got[each.InstanceType] = *each.VCpuInfo.DefaultVCpus
			}
			g.Expect(got).To(Equal(tc.want))
		})
	}
}

func TestInstanceTypeFacts(t *testing.T) {
	g := NewWithT(t)
	s, _ := start(t)
	out, err := ec2.NewFromConfig(sdk(t, s, BaseAccessKey)).DescribeInstanceTypes(t.Context(), &ec2.DescribeInstanceTypesInput{InstanceTypes: []types.InstanceType{"r7g.large"}})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(out.InstanceTypes[0].ProcessorInfo.SupportedArchitectures).To(Equal([]types.ArchitectureType{types.ArchitectureTypeArm64}))
	g.Expect(*out.InstanceTypes[0].MemoryInfo.SizeInMiB).To(BeEquivalentTo(16384))
	g.Expect(*out.InstanceTypes[0].CurrentGeneration).To(BeTrue())
}

func TestEC2Pages(t *testing.T) {
	g := NewWithT(t)
	s, _ := start(t)
	client := ec2.NewFromConfig(sdk(t, s, BaseAccessKey))
	seen := map[string]bool{}
	pages := 0
	pager := ec2.NewDescribeInstanceTypeOfferingsPaginator(client, &ec2.DescribeInstanceTypeOfferingsInput{
		LocationType: types.LocationTypeAvailabilityZone, MaxResults: awssdk.Int32(50),
	})
	for pager.HasMorePages() {
		out, err := pager.NextPage(t.Context())
		g.Expect(err).NotTo(HaveOccurred())
		for _, o := range out.InstanceTypeOfferings {
			seen[string(o.InstanceType)+*o.Location] = true
		}
		pages++
	}
	g.Expect(seen).To(HaveLen(3 * len(instanceTypes)))
	g.Expect(pages).To(Equal((len(seen) + 49) / 50))

	for name, in := range map[string]*ec2.DescribeInstanceTypeOfferingsInput{
		"too small a page": {MaxResults: awssdk.Int32(4)},
		"no token of ours": {NextToken: awssdk.String("next")},
	} {
		_, err := client.DescribeInstanceTypeOfferings(t.Context(), in)
		g.Expect(codeOf(err)).To(Equal("InvalidParameterValue"), name)
	}
}
