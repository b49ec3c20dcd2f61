package aws

import (
	"strings"
	"testing"

	ga "github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator/types"
	. "github.com/onsi/gomega"
)

func TestUpdatingAGroupForgetsWhatIsNotSaidOfItsEndpoints(t *testing.T) {
	g := NewWithT(t)
	a := accelerate(t, never)
	addBalancer(t, a.cloud, region, "kept")
	kept, changed := endpointFor(region, "kept", 7), endpointFor(region, "a", 9)
	kept.ClientIPPreservationEnabled, changed.ClientIPPreservationEnabled = new(true), new(true)
	arn := a.group(t, kept, changed)
	update := func(endpoints ...types.EndpointConfiguration) {
		_, err := a.client.UpdateEndpointGroup(t.Context(), &ga.UpdateEndpointGroupInput{EndpointGroupArn: &arn, EndpointConfigurations: endpoints})
		g.Expect(err).NotTo(HaveOccurred())
	}
	type settings struct {
		weight   int32
		preserve bool
	}
	have := func() map[string]settings {
		got := map[string]settings{}
		for _, e := range a.describe(t, arn).EndpointDescriptions {
			got[lastPart(strings.TrimSuffix(*e.EndpointId, "/0123456789abcdef"))] = settings{*e.Weight, *e.ClientIPPreservationEnabled}
		}
		return got
	}
	*changed.Weight = 0
	update(kept, changed)
	g.Expect(have()).To(Equal(map[string]settings{"kept": {7, true}, "a": {0, true}}))
	update(types.EndpointConfiguration{EndpointId: kept.EndpointId}, changed)
	g.Expect(have()).To(Equal(map[string]settings{"kept": {defaultWeight, false}, "a": {0, true}}))
	update(changed)
	g.Expect(have()).To(Equal(map[string]settings{"a": {0, true}}), "what is left out is taken out")
}
