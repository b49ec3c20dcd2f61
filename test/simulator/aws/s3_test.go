package aws

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// buckets has one bucket of each sort.
func buckets(t *testing.T) *s3.Client {
	t.Helper()
	s, c := start(t)
	bucket := func(id string, data, tags map[string]string) {
		create(t, c, cloud.Resource{Key: cloud.Key{Type: typeBucket, Region: region, ID: id}, Data: data, Tags: tags})
	}
	bucket("ours", nil, map[string]string{"team": "a", "portolan.dev/region": "one"})
	bucket("untagged", nil, nil)
	bucket("oldest", map[string]string{"region": "us-east-1"}, nil)
	bucket("theirs", map[string]string{"owner": "999988887777"}, nil)
	return s3.NewFromConfig(sdk(t, s, BaseAccessKey))
}

func TestHeadBucket(t *testing.T) {
	cases := map[string]string{
		"ours": "", "absent": "NotFound", "oldest": "MovedPermanently", "theirs": "Forbidden",
	}
	for name, wantErr := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			out, err := buckets(t).HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: &name})
			g.Expect(codeOf(err)).To(Equal(wantErr))
			if wantErr == "" {
				g.Expect(*out.BucketRegion).To(Equal(region))
			}
		})
	}
}

func TestGetBucketTagging(t *testing.T) {
	cases := map[string]struct {
		want    map[string]string
		wantErr string
	}{
		"ours":     {want: map[string]string{"team": "a", "portolan.dev/region": "one"}},
		"untagged": {wantErr: "NoSuchTagSet"},
		"absent":   {wantErr: "NoSuchBucket"},
		"oldest":   {wantErr: "PermanentRedirect"},
		"theirs":   {wantErr: "AccessDenied"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			out, err := buckets(t).GetBucketTagging(t.Context(), &s3.GetBucketTaggingInput{Bucket: &name})
			g.Expect(codeOf(err)).To(Equal(tc.wantErr))
			if tc.wantErr != "" {
				return
			}
			got := map[string]string{}
			for _, tag := range out.TagSet {
				got[*tag.Key] = *tag.Value
			}
			g.Expect(got).To(Equal(tc.want))
		})
	}
}

func TestGetBucketLocation(t *testing.T) {
	for name, want := range map[string]string{"ours": region, "oldest": ""} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			out, err := buckets(t).GetBucketLocation(t.Context(), &s3.GetBucketLocationInput{Bucket: &name})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(string(out.LocationConstraint)).To(Equal(want))
		})
	}
	g := NewWithT(t)
	_, err := buckets(t).GetBucketLocation(t.Context(), &s3.GetBucketLocationInput{Bucket: new("absent")})
	g.Expect(codeOf(err)).To(Equal("NoSuchBucket"))
	g.Expect(err).To(MatchError(ContainSubstring("StatusCode: 404")))
}

// The SDK addresses buckets in the path by itself when the endpoint is an address.
func TestBucketThroughTheEnvironment(t *testing.T) {
	g := NewWithT(t)
	s, c := start(t)
	create(t, c, cloud.Resource{Key: cloud.Key{Type: typeBucket, Region: region, ID: "ours"}})
	t.Setenv("AWS_ENDPOINT_URL", s.URL())
	t.Setenv("AWS_CA_BUNDLE", "")
	t.Setenv("AWS_REGION", region)
	t.Setenv("AWS_ACCESS_KEY_ID", BaseAccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", BaseSecretKey)
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", t.TempDir()+"/none")
	t.Setenv("NO_PROXY", "127.0.0.1")
	cfg, err := config.LoadDefaultConfig(t.Context())
	g.Expect(err).NotTo(HaveOccurred())
	_, err = s3.NewFromConfig(cfg).HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: new("ours")})
	g.Expect(err).NotTo(HaveOccurred())
}
