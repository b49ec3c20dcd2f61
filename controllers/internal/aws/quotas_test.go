package aws

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/controllers/plan"
)

// quotasOf answers GetServiceQuota with the values by code; others are unknown.
func quotasOf(values map[string]float64) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		var asked struct{ ServiceCode, QuotaCode string }
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			http.Error(rw, err.Error(), http.StatusBadRequest)
			return
		}
		value, known := values[asked.ServiceCode+"/"+asked.QuotaCode]
		if !known {
			refuse(getQuota, 400, "NoSuchResourceException", "The request failed because the specified quota does not exist.")(rw, r)
			return
		}
		reply(200, fmt.Sprintf(`{"Quota":{"ServiceCode":%q,"QuotaCode":%q,"Value":%f}}`, asked.ServiceCode, asked.QuotaCode, value))(rw, r)
	}
}

func gateway(id, state, subnet string, zones ...string) string {
	var addresses strings.Builder
	for _, zone := range zones {
		addresses.WriteString("<item><availabilityZone>" + zone + "</availabilityZone></item>")
	}
	if subnet != "" {
		subnet = "<subnetId>" + subnet + "</subnetId>"
	}
	return "<item><natGatewayId>" + id + "</natGatewayId><state>" + state + "</state>" + subnet +
		"<natGatewayAddressSet>" + addresses.String() + "</natGatewayAddressSet></item>"
}

func gateways(next string, items ...string) http.HandlerFunc {
	return ec2Reply(describeNATs, "<natGatewaySet>"+strings.Join(items, "")+"</natGatewaySet>"+nextToken(next))
}

func subnets(zones map[string]string) http.HandlerFunc {
	var items strings.Builder
	for id, zone := range zones {
		items.WriteString("<item><subnetId>" + id + "</subnetId><availabilityZone>" + zone + "</availabilityZone></item>")
	}
	return ec2Reply(describeSubnets, "<subnetSet>"+items.String()+"</subnetSet>")
}

func TestQuotasTellLimitAndUse(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(getQuota, quotasOf(map[string]float64{
		"vpc/L-F678F1CE": 5, "ec2/L-0263D0A3": 10, "vpc/L-FE5A380F": 6, "eks/L-1194D53C": 100, "ec2/L-1216C47A": 256,
	}))
	w.on(describeVPCs, inTurn(
		ec2Reply(describeVPCs, "<vpcSet><item><vpcId>vpc-0</vpcId></item></vpcSet><nextToken>more</nextToken>"),
		ec2Reply(describeVPCs, "<vpcSet><item><vpcId>vpc-1</vpcId></item></vpcSet>")))
	w.on(describeAddresses, ec2Reply(describeAddresses, "<addressesSet><item><allocationId>eipalloc-0</allocationId></item></addressesSet>"))
	w.on(describeNATs, inTurn(
		gateways("more", gateway("nat-0", "available", "subnet-a"), gateway("nat-1", "pending", "subnet-b")),
		gateways("", gateway("nat-2", "available", "subnet-b2"), gateway("nat-3", "available", "", "eu-west-1b", "eu-west-1b", "eu-west-1c"))))
	w.on(describeSubnets, subnets(map[string]string{"subnet-a": "eu-west-1a", "subnet-b": "eu-west-1b", "subnet-b2": "eu-west-1b"}))
	w.on(listClusters, inTurn(reply(200, `{"clusters":["one","two"],"nextToken":"more"}`), reply(200, `{"clusters":["three"]}`)))

	g.Expect(s.Quotas(t.Context(), "", "eu-west-1")).To(Equal([]plan.Quota{
		{Name: plan.QuotaVPCs, Service: "vpc", Code: "L-F678F1CE", Limit: 5, Used: 2},
		{Name: plan.QuotaElasticIPs, Service: "ec2", Code: "L-0263D0A3", Limit: 10, Used: 1},
		{Name: plan.QuotaNATGateways, Service: "vpc", Code: "L-FE5A380F", Limit: 6, Used: 3},
		{Name: plan.QuotaClusters, Service: "eks", Code: "L-1194D53C", Limit: 100, Used: 3},
		{Name: plan.QuotaVCPUs, Service: "ec2", Code: "L-1216C47A", Limit: 256},
	}))
	g.Expect(filtersOf(w.requests(describeNATs)[0])).To(Equal([]string{"state=pending,available"}))
	g.Expect(filtersOf(w.requests(describeSubnets)[0])).To(Equal([]string{"subnet-id=subnet-a,subnet-b,subnet-b2"}))
	g.Expect(w.requests(listClusters)[1].form.Get("nextToken")).To(Equal("more"))
	for _, r := range w.requests(getQuota) {
		g.Expect(r.region).To(Equal("eu-west-1"))
	}
}

func TestQuotasThatTheServiceDoesNotKnowAreLeftOutAndNotCounted(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(getQuota, quotasOf(map[string]float64{"vpc/L-FE5A380F": 5, "ec2/L-1216C47A": 32}))
	w.on(describeNATs, gateways(""))
	g.Expect(s.Quotas(t.Context(), "", "eu-west-1")).To(Equal([]plan.Quota{
		{Name: plan.QuotaNATGateways, Service: "vpc", Code: "L-FE5A380F", Limit: 5},
		{Name: plan.QuotaVCPUs, Service: "ec2", Code: "L-1216C47A", Limit: 32},
	}))
	g.Expect(w.requests(describeSubnets)).To(BeEmpty(), "without NAT gateways, no zones to ask for")
}

func TestQuotasFailWithTheirCounts(t *testing.T) {
	counted := map[string]string{
		describeVPCs: "vpc/L-F678F1CE", describeAddresses: "ec2/L-0263D0A3", describeNATs: "vpc/L-FE5A380F",
		describeSubnets: "vpc/L-FE5A380F", listClusters: "eks/L-1194D53C",
	}
	for action, quota := range counted {
		t.Run(action, func(t *testing.T) {
			g := NewWithT(t)
			w := newWire(t)
			s, _ := newSessions(t, w.url)
			w.on(getQuota, quotasOf(map[string]float64{quota: 5}))
			w.on(describeNATs, gateways("", gateway("nat-0", "available", "subnet-a")))
			w.on(action, refuse(action, 403, "AccessDeniedException", "No."))
			quotas, err := s.Quotas(t.Context(), "", "eu-west-1")
			g.Expect(quotas).To(BeNil())
			g.Expect(err).To(MatchError(HavePrefix(action + ": ")))
			g.Expect(ClassOf(err)).To(Equal(AccessDenied))
		})
	}
}
