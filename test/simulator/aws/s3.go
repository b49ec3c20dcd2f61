package aws

import (
	"cmp"
	"net/http"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

const (
	typeBucket = "s3/bucket"

	s3Namespace        = "http://s3.amazonaws.com/doc/2006-03-01/"
	bucketRegionHeader = "X-Amz-Bucket-Region"

	// oldestRegion is the one that a location of nothing means.
	oldestRegion = "us-east-1"
)

// s3Routes are those of the path style: the SDK uses it by itself for an endpoint that is an address.
var s3Routes = []route{
	{http.MethodHead, "/{bucket}", "HeadBucket"},
	{http.MethodGet, "/{bucket}?tagging", "GetBucketTagging"},
	{http.MethodGet, "/{bucket}?location", "GetBucketLocation"},
	{http.MethodGet, "/{bucket}?publicAccessBlock", "GetPublicAccessBlock"},
}

// s3Operations have the permissions of https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html
// and its siblings.
var s3Operations = map[string]action{
	"HeadBucket":        {handle: (*Server).headBucket, on: bucketNamed, permission: "s3:ListBucket"},
	"GetBucketTagging":  {handle: (*Server).getBucketTagging, on: bucketNamed},
	"GetBucketLocation": {handle: (*Server).getBucketLocation, on: bucketNamed},
	"GetPublicAccessBlock": {
		handle: (*Server).getPublicAccessBlock, on: bucketNamed, permission: "s3:GetBucketPublicAccessBlock",
	},
}

func bucketNamed(s *Server, c *call) subject {
	b, _ := s.bucket(c.path["bucket"])
	return subjectOf("arn:aws:s3:::"+c.path["bucket"], b)
}

// bucket finds a bucket by name, which is unique in the world, whatever region it was filed under.
func (s *Server) bucket(name string) (cloud.Resource, bool) {
	found := s.cloud.List(func(r cloud.Resource) bool { return r.Type == typeBucket && r.ID == name })
	if len(found) == 0 {
		return cloud.Resource{}, false
	}
	return found[0], true
}

func bucketRegion(b cloud.Resource) string { return cmp.Or(b.Data["region"], b.Region, oldestRegion) }

// bucketOf refuses what S3 refuses: buckets of other accounts, whose number is the fact "owner".
func (s *Server) bucketOf(c *call) (cloud.Resource, error) {
	b, ok := s.bucket(c.path["bucket"])
	switch {
	case !ok:
		return b, invalid("NoSuchBucket", "The specified bucket does not exist")
	case b.Data["owner"] != "" && b.Data["owner"] != s.cloud.Account():
		return b, invalid(codeAccessDenied, "Access Denied")
	}
	return b, nil
}

// bucketHere also refuses calls to a region that is not the bucket's.
func (s *Server) bucketHere(c *call) (cloud.Resource, error) {
	b, err := s.bucketOf(c)
	if err == nil && bucketRegion(b) != c.region {
		c.elsewhere = bucketRegion(b)
		err = invalid("PermanentRedirect",
			"The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.")
	}
	return b, err
}

func (s *Server) headBucket(c *call) (any, error) {
	b, err := s.bucketHere(c)
	if err != nil {
		return nil, err
	}
	return document{headers: map[string]string{bucketRegionHeader: bucketRegion(b)}}, nil
}

type tagging struct {
	Tags []queryTag `xml:"TagSet>Tag"`
}

func (s *Server) getBucketTagging(c *call) (any, error) {
	b, err := s.bucketHere(c)
	if err != nil {
		return nil, err
	}
	if len(b.Tags) == 0 {
		return nil, invalid("NoSuchTagSet", "The TagSet does not exist")
	}
	return document{name: "Tagging", body: tagging{Tags: queryTags(b)}}, nil
}

// getBucketLocation answers from anywhere: it is how one finds out.
func (s *Server) getBucketLocation(c *call) (any, error) {
	b, err := s.bucketOf(c)
	if err != nil {
		return nil, err
	}
	location := bucketRegion(b)
	if location == oldestRegion {
		location = ""
	}
	return document{name: "LocationConstraint", body: location}, nil
}
