package ack_test

import (
	"fmt"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/portolan-dev/portolan/test/simulator/ack"
	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

func (b *bed) zone() string {
	b.t.Helper()
	id, err := ack.AddHostedZone(b.cloud, "example.com")
	b.Expect(err).NotTo(HaveOccurred())
	return id
}

func cname(zone, name, target string) string {
	return fmt.Sprintf(`{hostedZoneID: %s, name: %s, recordType: CNAME, ttl: 300, resourceRecords: [{value: %s}]}`, zone, name, target)
}

func TestHostedZones(t *testing.T) {
	g, c := NewWithT(t), cloud.New(cloud.Options{})
	id, err := ack.AddHostedZone(c, "example.com.")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(id).To(MatchRegexp("^Z[0-9A-F]+$"))
	zone, found := c.Get(cloud.Key{Type: "route53/hostedzone", ID: id})
	g.Expect(found).To(BeTrue())
	g.Expect(zone.Data).To(HaveKeyWithValue("name", "example.com"))
	g.Expect(ack.AddHostedZone(c, "")).Error().To(MatchError(ContainSubstring("needs a name")))
}

func TestRecordIsPublishedOnceInSync(t *testing.T) {
	b := newBedAt(t, slow)
	zone := b.zone()
	record := b.apply("RecordSet", "api", cname(zone, "api.r1", "lb.example.net"))
	b.Eventually(b.refresh(record)).Should(And(
		haveField("PENDING", "status", "status"), haveACKField(MatchRegexp("^/change/C"), "status", "id"),
		haveCondition("ACK.ResourceSynced", "False", "RecordSet is in 'PENDING' status")))
	b.Expect(b.dns.Names()).To(BeEmpty())
	b.Expect(b.synced(record)).To(haveField("INSYNC", "status", "status"))
	b.Eventually(b.dns.Names).Should(HaveKeyWithValue("api.r1.example.com.", "lb.example.net"))
	first := text(record, "status", "id")

	b.edit(record, `{resourceRecords: [{value: other.example.net}]}`)
	b.Eventually(b.refresh(record)).Should(haveField("PENDING", "status", "status"))
	b.Expect(record).To(haveACKField(Not(Equal(first)), "status", "id"))
	b.synced(record)
	b.Eventually(b.dns.Names).Should(HaveKeyWithValue("api.r1.example.com.", "other.example.net"))

	b.delete(record)
	b.gone(record)
	b.Expect(b.dns.Names()).To(BeEmpty())
	b.Expect(b.stored("route53/recordset")()).To(BeEmpty())
}

func TestExistingRecordIsTerminalUnlessAdopted(t *testing.T) {
	b := newBed(t)
	zone := b.zone()
	first := b.synced(b.apply("RecordSet", "first", cname(zone, "api", "a.example.net"), "services.k8s.aws/deletion-policy", "retain"))
	second := b.apply("RecordSet", "second", cname(zone, "api.example.com.", "b.example.net"))
	b.Eventually(b.refresh(second)).Should(haveCondition("ACK.Terminal", "True", "Resource already exists"))

	b.delete(first) // two that manage one record would write it in turns
	b.gone(first)
	third := b.apply("RecordSet", "third", cname(zone, "api.example.com.", "c.example.net"), "services.k8s.aws/adoption-policy", "adopt-or-create")
	b.synced(third)
	b.Eventually(b.dns.Names).Should(HaveKeyWithValue("api.example.com.", "c.example.net"))
	b.Expect(b.stored("route53/recordset")()).To(HaveLen(1))
}

func TestRefusedRecords(t *testing.T) {
	b := newBed(t)
	zone := b.zone()
	b.synced(b.apply("RecordSet", "address", `{hostedZoneID: `+zone+`, name: taken, recordType: A, ttl: 60, resourceRecords: [{value: 192.0.2.1}]}`))
	cases := map[string]struct{ spec, want string }{
		"a zone that does not exist": {cname("Z0", "api", "a.example.net"), "NoSuchHostedZone"},
		"a name of another zone":     {cname(zone, "api.example.org.", "a.example.net"), "InvalidChangeBatch"},
		"an alias of the apex":       {cname(zone, "example.com.", "a.example.net"), "InvalidChangeBatch"},
		"an alias beside an address": {cname(zone, "taken", "a.example.net"), "InvalidChangeBatch"},
		"neither values nor target":  {`{hostedZoneID: ` + zone + `, name: api, recordType: A}`, "InvalidInput"},
		"no lifetime":                {`{hostedZoneID: ` + zone + `, name: api, recordType: A, resourceRecords: [{value: 192.0.2.1}]}`, "InvalidInput"},
	}
	number := 0
	for name, tc := range cases {
		number++
		t.Run(name, func(*testing.T) {
			record := b.apply("RecordSet", fmt.Sprintf("refused-%d", number), tc.spec)
			b.Eventually(b.refresh(record)).Should(haveCondition("ACK.Terminal", "True", ContainSubstring(tc.want)))
		})
	}
}

// validations are the validation records that ACK reports, by domain.
func validations(cr *unstructured.Unstructured) map[string]map[string]any {
	found := map[string]map[string]any{}
	list, _, _ := unstructured.NestedSlice(cr.Object, "status", "domainValidations")
	for _, item := range list {
		entry, _ := item.(map[string]any)
		name, _ := entry["domainName"].(string)
		found[name], _ = entry["resourceRecord"].(map[string]any)
	}
	return found
}

func TestCertificateIsIssuedOnceItsRecordsAreInSync(t *testing.T) {
	b := newBed(t)
	zone := b.zone()
	certificate := b.synced(b.apply("Certificate", "r1",
		`{domainName: r1.example.com, subjectAlternativeNames: [r1.example.com, "*.r1.example.com", other.example.com]}`))
	b.Expect(certificate).To(And(
		haveField("PENDING_VALIDATION", "status", "status"),
		haveField(MatchRegexp("^arn:aws:acm:"+region+":"+b.cloud.Account()+":certificate/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"),
			"status", "ackResourceMetadata", "arn"),
		haveACKField("RSA_2048", "spec", "keyAlgorithm")))
	records := validations(certificate)
	b.Expect(records).To(And(HaveLen(3), HaveKeyWithValue("r1.example.com", records["*.r1.example.com"])))
	b.Expect(records["other.example.com"]["name"]).NotTo(Equal(records["r1.example.com"]["name"]))

	publish := func(name, domain, target string) {
		record := records[domain]
		b.Expect(record).To(HaveKeyWithValue("type_", "CNAME"))
		if target == "" {
			target, _ = record["value"].(string)
		}
		b.synced(b.apply("RecordSet", name, cname(zone, fmt.Sprint(record["name"]), target)))
	}
	publish("first", "r1.example.com", "")
	publish("wrong", "other.example.com", "elsewhere.example.net.")
	b.Consistently(b.refresh(certificate), "300ms").Should(haveField("PENDING_VALIDATION", "status", "status"))

	wrong := b.object("RecordSet", "wrong")
	b.edit(wrong, fmt.Sprintf(`{resourceRecords: [{value: %q}]}`, records["other.example.com"]["value"]))
	b.Eventually(b.refresh(certificate)).Should(And(
		haveField("ISSUED", "status", "status"), haveCondition("ACK.ResourceSynced", "True", "Resource synced successfully"),
		haveField(ContainElement(HaveKeyWithValue("validationStatus", "SUCCESS")), "status", "domainValidations")))
	b.Expect(b.samples("acm/certificate/update")()).To(BeZero())
	b.delete(certificate)
	b.gone(certificate)
	b.Expect(b.stored("acm/certificate")()).To(BeEmpty())
}

func TestCertificateWhoseNamesLackItsDomainIsUpdatedForEver(t *testing.T) {
	b := newBed(t)
	b.synced(b.apply("Certificate", "r1", `{domainName: r1.example.com, subjectAlternativeNames: ["*.r1.example.com"]}`))
	b.Eventually(b.samples("acm/certificate/update")).Should(BeNumerically(">", 3))
	b.Expect(b.stored("acm/certificate")()).To(ConsistOf(HaveField("Data", HaveKeyWithValue("names", "r1.example.com,*.r1.example.com"))))
}

func TestCertificateInUseStays(t *testing.T) {
	b := newBed(t)
	certificate := b.synced(b.apply("Certificate", "r1", `{domainName: r1.example.com}`))
	key := b.stored("acm/certificate")()[0].Key
	listener := cloud.Key{Type: "elbv2/listener", Region: region, ID: "l"}
	b.Expect(b.cloud.Create(cloud.Resource{Key: listener, Parents: []cloud.Key{key}})).To(Succeed())
	b.delete(certificate)
	b.Eventually(b.refresh(certificate)).Should(haveCondition("ACK.Recoverable", "True", ContainSubstring("ResourceInUseException")))
	b.Expect(b.cloud.Delete(listener)).To(Succeed())
	b.gone(certificate)
}

func TestCertificateWaitsOnAfterARestart(t *testing.T) {
	b := newBed(t)
	zone := b.zone()
	certificate := b.synced(b.apply("Certificate", "r1", `{domainName: r1.example.com}`))
	b.running.Stop()
	b.start()
	record := validations(certificate)["r1.example.com"]
	b.synced(b.apply("RecordSet", "r1", cname(zone, fmt.Sprint(record["name"]), fmt.Sprint(record["value"]))))
	b.Eventually(b.refresh(certificate)).Should(haveField("ISSUED", "status", "status"))
}
