package iam

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

func tags(pairs ...string) map[string]string {
	all := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		all[pairs[i]] = pairs[i+1]
	}
	return all
}

func TestConditions(t *testing.T) {
	nodeRole := "arn:aws:iam::1:role/x-node"
	cases := map[string]struct {
		condition string
		call      cloud.Call
		want      bool
	}{
		"equal":                 {condition: `{"StringEquals":{"aws:RequestedRegion":"eu-west-1"}}`, call: cloud.Call{Region: "eu-west-1"}, want: true},
		"not equal":             {condition: `{"StringEquals":{"aws:RequestedRegion":"eu-west-1"}}`, call: cloud.Call{Region: "eu-west-2"}},
		"equal to one":          {condition: `{"StringEquals":{"aws:RequestedRegion":["eu-west-1","eu-west-2"]}}`, call: cloud.Call{Region: "eu-west-2"}, want: true},
		"a star is a star":      {condition: `{"StringEquals":{"aws:RequestedRegion":"eu-*"}}`, call: cloud.Call{Region: "eu-west-1"}},
		"the value has a case":  {condition: `{"StringEquals":{"aws:RequestedRegion":"EU-WEST-1"}}`, call: cloud.Call{Region: "eu-west-1"}},
		"equal without the key": {condition: `{"StringEquals":{"aws:RequestedRegion":"eu-west-1"}}`},
		"a key in another case": {condition: `{"StringEquals":{"AWS:requestedregion":"x"}}`, call: cloud.Call{Region: "x"}, want: true},

		"unequal":                 {condition: `{"StringNotEquals":{"aws:RequestedRegion":["a","b"]}}`, call: cloud.Call{Region: "c"}, want: true},
		"unequal to one of them":  {condition: `{"StringNotEquals":{"aws:RequestedRegion":["a","b"]}}`, call: cloud.Call{Region: "b"}},
		"unequal without the key": {condition: `{"StringNotEquals":{"aws:RequestedRegion":"a"}}`, want: true},

		"if exists, and it is equal":   {condition: `{"StringEqualsIfExists":{"aws:RequestTag/env":"a"}}`, call: cloud.Call{RequestTags: tags("env", "a")}, want: true},
		"if exists, and it is another": {condition: `{"StringEqualsIfExists":{"aws:RequestTag/env":"a"}}`, call: cloud.Call{RequestTags: tags("env", "b")}},
		"if exists, and it is absent":  {condition: `{"StringEqualsIfExists":{"aws:RequestTag/env":"a"}}`, want: true},

		"like":                 {condition: `{"StringLike":{"aws:RequestedRegion":"eu-*"}}`, call: cloud.Call{Region: "eu-west-1"}, want: true},
		"unlike":               {condition: `{"StringLike":{"aws:RequestedRegion":"eu-*"}}`, call: cloud.Call{Region: "us-east-1"}},
		"like without the key": {condition: `{"StringLike":{"aws:RequestedRegion":"*"}}`},

		"a tag of the request":        {condition: `{"StringEquals":{"aws:RequestTag/portolan.dev/environment":"p"}}`, call: cloud.Call{RequestTags: tags("portolan.dev/environment", "p")}, want: true},
		"it is not the resource's":    {condition: `{"StringEquals":{"aws:RequestTag/env":"p"}}`, call: cloud.Call{ResourceTags: tags("env", "p")}},
		"a tag of the resource":       {condition: `{"StringEquals":{"aws:ResourceTag/env":"p"}}`, call: cloud.Call{ResourceTags: tags("env", "p")}, want: true},
		"it is not the request's":     {condition: `{"StringEquals":{"aws:ResourceTag/env":"p"}}`, call: cloud.Call{RequestTags: tags("env", "p")}},
		"names of tags have no case":  {condition: `{"StringEquals":{"aws:ResourceTag/Env":"p"}}`, call: cloud.Call{ResourceTags: tags("eNV", "p")}, want: true},
		"values of tags have one":     {condition: `{"StringEquals":{"aws:ResourceTag/env":"P"}}`, call: cloud.Call{ResourceTags: tags("env", "p")}},
		"an empty value is not none":  {condition: `{"Null":{"aws:ResourceTag/env":"false"}}`, call: cloud.Call{ResourceTags: tags("env", "")}, want: true},
		"null, and it is":             {condition: `{"Null":{"aws:ResourceTag/env":"true"}}`, want: true},
		"null, and it is not":         {condition: `{"Null":{"aws:ResourceTag/env":"true"}}`, call: cloud.Call{ResourceTags: tags("env", "p")}},
		"not null, and it is":         {condition: `{"Null":{"aws:ResourceTag/env":"false"}}`},
		"bool":                        {condition: `{"Bool":{"aws:ResourceTag/on":"true"}}`, call: cloud.Call{ResourceTags: tags("on", "True")}, want: true},
		"bool, and it is false":       {condition: `{"Bool":{"aws:ResourceTag/on":"true"}}`, call: cloud.Call{ResourceTags: tags("on", "false")}},
		"bool without the key":        {condition: `{"Bool":{"aws:ResourceTag/on":"false"}}`},
		"an ARN":                      {condition: `{"ArnLike":{"aws:ResourceTag/by":"arn:aws:iam::*:role/*"}}`, call: cloud.Call{ResourceTags: tags("by", nodeRole)}, want: true},
		"an ARN of something else":    {condition: `{"ArnLike":{"aws:ResourceTag/by":"arn:aws:iam::*:user/*"}}`, call: cloud.Call{ResourceTags: tags("by", nodeRole)}},
		"any of the tags":             {condition: `{"ForAnyValue:StringEquals":{"aws:TagKeys":"a"}}`, call: cloud.Call{RequestTags: tags("a", "1", "b", "2")}, want: true},
		"none of the tags":            {condition: `{"ForAnyValue:StringEquals":{"aws:TagKeys":"c"}}`, call: cloud.Call{RequestTags: tags("a", "1", "b", "2")}},
		"any of no tags":              {condition: `{"ForAnyValue:StringLike":{"aws:TagKeys":"*"}}`},
		"any of the tags like":        {condition: `{"ForAnyValue:StringLike":{"aws:TagKeys":"portolan.dev/*"}}`, call: cloud.Call{RequestTags: tags("portolan.dev/region", "x", "b", "")}, want: true},
		"all of the tags":             {condition: `{"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}}`, call: cloud.Call{RequestTags: tags("b", "1")}, want: true},
		"one tag too many":            {condition: `{"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}}`, call: cloud.Call{RequestTags: tags("b", "1", "c", "2")}},
		"all of no tags":              {condition: `{"ForAllValues:StringEquals":{"aws:TagKeys":"a"}}`, want: true},
		"all of the tags like":        {condition: `{"ForAllValues:StringLike":{"aws:TagKeys":"a*"}}`, call: cloud.Call{RequestTags: tags("ab", "1", "ac", "2")}, want: true},
		"one tag unlike":              {condition: `{"ForAllValues:StringLike":{"aws:TagKeys":"a*"}}`, call: cloud.Call{RequestTags: tags("ab", "1", "b", "2")}},
		"what Route 53 would fill in": {condition: `{"ForAllValues:StringEquals":{"route53:ChangeResourceRecordSetsRecordTypes":"CNAME"}}`, want: true},

		"two operators":              {condition: `{"StringEquals":{"aws:RequestedRegion":"a"},"Null":{"aws:RequestTag/x":"true"}}`, call: cloud.Call{Region: "a"}, want: true},
		"one of two operators":       {condition: `{"StringEquals":{"aws:RequestedRegion":"a"},"Null":{"aws:RequestTag/x":"false"}}`, call: cloud.Call{Region: "a"}},
		"one of two keys":            {condition: `{"StringEquals":{"aws:RequestedRegion":"a","aws:RequestTag/x":"y"}}`, call: cloud.Call{Region: "a"}},
		"a role for EKS":             {condition: `{"StringEquals":{"iam:PassedToService":"eks.amazonaws.com"}}`, call: cloud.Call{Service: "eks", Operation: "CreateCluster", Action: "iam:PassRole"}, want: true},
		"a role for pods":            {condition: `{"StringEquals":{"iam:PassedToService":"pods.eks.amazonaws.com"}}`, call: cloud.Call{Service: "eks", Operation: "UpdatePodIdentityAssociation", Action: "iam:PassRole"}, want: true},
		"a role for pods, for EKS":   {condition: `{"StringEquals":{"iam:PassedToService":"eks.amazonaws.com"}}`, call: cloud.Call{Service: "eks", Operation: "CreatePodIdentityAssociation", Action: "iam:PassRole"}},
		"a role for nobody":          {condition: `{"Null":{"iam:PassedToService":"true"}}`, call: cloud.Call{Service: "iam", Operation: "PassRole"}, want: true},
		"nothing passed":             {condition: `{"Null":{"iam:PassedToService":"true"}}`, call: cloud.Call{Service: "eks", Operation: "CreateCluster"}, want: true},
		"tagging while creating":     {condition: `{"StringEquals":{"ec2:CreateAction":"CreateVpc"}}`, call: cloud.Call{Service: "ec2", Operation: "CreateVpc", Action: "ec2:CreateTags"}, want: true},
		"tagging what exists":        {condition: `{"Null":{"ec2:CreateAction":"true"}}`, call: cloud.Call{Service: "ec2", Operation: "CreateTags"}, want: true},
		"creating":                   {condition: `{"Null":{"ec2:CreateAction":"true"}}`, call: cloud.Call{Service: "ec2", Operation: "CreateVpc"}, want: true},
		"a role of a service":        {condition: `{"StringEquals":{"iam:AWSServiceName":"eks.amazonaws.com"}}`, call: linked("eks.amazonaws.com"), want: true},
		"a role of another service":  {condition: `{"StringEquals":{"iam:AWSServiceName":"eks.amazonaws.com"}}`, call: linked("spot.amazonaws.com")},
		"without any condition":      {condition: `{}`, want: true},
		"a value of a list of lists": {condition: `{"StringLike":{"aws:RequestedRegion":["us-*","eu-*"]}}`, call: cloud.Call{Region: "eu-west-1"}, want: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			policy, err := Parse("p", []byte(conditional(tc.condition)))
			g.Expect(err).NotTo(HaveOccurred())
			refused := New(map[string]Policy{"": policy}).Guard()(tc.call)
			g.Expect(refused == nil).To(Equal(tc.want), "%v", refused)
		})
	}
}

func linked(service string) cloud.Call {
	return cloud.Call{
		Service: "eks", Operation: "CreateCluster", Action: "iam:CreateServiceLinkedRole",
		Resources: []string{"arn:aws:iam::111122223333:role/aws-service-role/" + service + "/AWSServiceRole"},
	}
}
