package ack

import (
	"errors"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// What ACK never asks for, AWS refuses all the same.
func TestAmendCluster(t *testing.T) {
	cases := map[string]struct {
		from, to, nodes string
		wantCode        string
		wantMessage     string
	}{
		"the same":              {from: "1.34", to: "1.34", nodes: "1.31"},
		"the next minor":        {from: "1.34", to: "1.35", nodes: "1.34"},
		"nodes two minors back": {from: "1.34", to: "1.35", nodes: "1.33"},
		"nodes further back": {
			from: "1.34", to: "1.35", nodes: "1.32", wantCode: "InvalidRequestException",
			wantMessage: "Nodegroups system must be updated to match cluster version 1.34 before updating cluster version",
		},
		"two minors at once": {
			from: "1.33", to: "1.35", nodes: "1.33", wantCode: "InvalidParameterException",
			wantMessage: "Unsupported Kubernetes minor version update from 1.33 to 1.35",
		},
		"back": {
			from: "1.34", to: "1.33", nodes: "1.33", wantCode: "InvalidParameterException",
			wantMessage: "Unsupported Kubernetes minor version update from 1.34 to 1.33",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g, a := NewWithT(t), account{Cloud: cloud.New(cloud.Options{})}
			g.Expect(a.Create(cloud.Resource{
				Key:  cloud.Key{Type: "eks/nodegroup", Region: "eu-west-1", ID: "prod/system"},
				Data: map[string]string{"cluster": "prod", "version": tc.nodes},
			})).To(Succeed())
			key := cloud.Key{Type: "eks/cluster", Region: "eu-west-1", ID: "prod"}
			err := amendCluster(a, cloud.Resource{Key: key, Data: map[string]string{"version": tc.from}},
				cloud.Resource{Key: key, Data: map[string]string{"version": tc.to}})
			if tc.wantCode == "" {
				g.Expect(err).NotTo(HaveOccurred())
				return
			}
			refusal, _ := errors.AsType[*cloud.Error](err)
			g.Expect(refusal).To(Equal(&cloud.Error{Code: tc.wantCode, Message: tc.wantMessage}))
		})
	}
}

func TestOneUpdateAtATime(t *testing.T) {
	g, a := NewWithT(t), account{Cloud: cloud.New(cloud.Options{})}
	key := cloud.Key{Type: "eks/cluster", Region: "eu-west-1", ID: "prod"}
	g.Expect(a.Create(cloud.Resource{Key: key, State: "UPDATING", Data: map[string]string{updateID: "u1"}})).To(Succeed())
	p := &pass{reconciler: &reconciler{lifecycle: &lifecycle{account: a}, kind: cluster}}
	g.Expect(p.admitUpdate(clusterStages[0], cloud.Resource{}, key)).To(MatchError(
		"ResourceInUseException: Cannot LoggingUpdate because cluster prod currently has update u1 in progress"))
}

func TestOneMinorUp(t *testing.T) {
	cases := map[string]struct{ wanted, observed, want, wantError string }{
		"unset":    {observed: "1.34"},
		"the same": {wanted: "1.34", observed: "1.34", want: "1.34"},
		"the next": {wanted: "1.35", observed: "1.34", want: "1.35"},
		"beyond":   {wanted: "1.37", observed: "1.34", want: "1.35"},
		"back":     {wanted: "1.33", observed: "1.34", wantError: "desired cluster version is less than the observed version: 1.33 < 1.34"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			desired := cloud.Resource{Data: map[string]string{"version": tc.wanted}}
			err := oneMinorUp(&desired, cloud.Resource{Data: map[string]string{"version": tc.observed}})
			if tc.wantError != "" {
				g.Expect(err).To(MatchError(tc.wantError))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(desired.Data["version"]).To(Equal(tc.want))
		})
	}
}
