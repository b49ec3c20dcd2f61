package ack_test

import (
	"fmt"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

const bucketSpec = `{name: logs, createBucketConfiguration: {locationConstraint: eu-west-1}, versioning: {status: Enabled},
	publicAccessBlock: {blockPublicACLs: true, blockPublicPolicy: true, ignorePublicACLs: true, restrictPublicBuckets: true},
	tagging: {tagSet: [{key: owner, value: r1}]}}`

func TestBucketIsEmptiedBeforeItGoes(t *testing.T) {
	b := newBedAt(t, slow)
	cr := b.apply("Bucket", "logs", bucketSpec)
	b.Eventually(b.refresh(cr)).Should(haveCondition("ACK.Recoverable", "True", "Reconciling to sync additional fields"))
	bucket := b.synced(cr)
	b.Expect(bucket).To(And(
		haveField("arn:aws:s3:::logs", "status", "ackResourceMetadata", "arn"),
		haveACKField(ContainSubstring("logs"), "status", "location"),
		haveACKField("Disabled", "spec", "abac", "status")))
	key := cloud.Key{Type: "s3/bucket", Region: region, ID: "logs"}
	b.Expect(b.get("s3/bucket", region, "logs")()).To(And(
		HaveField("Tags", Equal(map[string]string{"owner": "r1"})),
		HaveField("Data", And(HaveKeyWithValue("versioning", "Enabled"), HaveKeyWithValue("publicAccessBlock", ContainSubstring(`"blockPublicACLs":true`))))))

	b.Expect(b.cloud.Update(key, func(r *cloud.Resource) { r.Data["objects"] = "3" })).To(Succeed())
	b.delete(bucket)
	b.Eventually(b.refresh(bucket)).Should(haveCondition("ACK.Recoverable", "True", ContainSubstring("BucketNotEmpty")))
	b.Expect(b.cloud.Update(key, func(r *cloud.Resource) { r.Data["objects"] = "0" })).To(Succeed())
	b.gone(bucket)
	b.Expect(b.stored("s3/bucket")()).To(BeEmpty())
}

func TestPublicAccessBlockThatIsLeftOutIsRemoved(t *testing.T) {
	b := newBed(t)
	bucket := b.synced(b.apply("Bucket", "logs", bucketSpec))
	b.edit(bucket, `{publicAccessBlock: null}`)
	b.Eventually(b.get("s3/bucket", region, "logs")).Should(HaveField("Data", HaveKeyWithValue("publicAccessBlock", "")))
}

func TestRefusedBuckets(t *testing.T) {
	b := newBed(t)
	elsewhere := cloud.Key{Type: "s3/bucket", Region: "us-east-1", ID: "taken"}
	b.Expect(b.cloud.Create(cloud.Resource{Key: elsewhere})).To(Succeed())
	at := `createBucketConfiguration: {locationConstraint: %s}`
	cases := map[string]struct{ spec, want, message string }{
		"a name that is taken":      {`{name: taken, ` + fmt.Sprintf(at, region) + `}`, "ACK.Recoverable", "BucketAlreadyOwnedByYou"},
		"no location":               {`{name: other}`, "ACK.Recoverable", "IllegalLocationConstraintException"},
		"another region's location": {`{name: other, ` + fmt.Sprintf(at, "eu-west-2") + `}`, "ACK.Recoverable", "IllegalLocationConstraintException"},
		"the location without name": {`{name: other, ` + fmt.Sprintf(at, "us-east-1") + `}`, "ACK.Terminal", "InvalidLocationConstraint"},
	}
	number := 0
	for name, tc := range cases {
		number++
		t.Run(name, func(*testing.T) {
			bucket := b.apply("Bucket", fmt.Sprintf("refused-%d", number), tc.spec)
			b.Eventually(b.refresh(bucket)).Should(haveCondition(tc.want, "True", ContainSubstring(tc.message)))
		})
	}
}
