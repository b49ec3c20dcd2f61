package e2e

import (
	"maps"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"
	. "github.com/onsi/gomega"
)

// notExercised are the permissions that are needed and that no spec can need, with the reason.
var notExercised = map[string]string{
	"portolan: ReadCertificates acm:ListTagsForCertificate": "tags are read when AWS has a certificate for the domain already: in the specs of the lost management cluster, on a bed of their own",
	"portolan-manager: ActInTheAccount sts:TagSession":      "credentials of EKS Pod Identity carry session tags, the bed's do not",
}

// AWS allowed what config/iam allows and nothing else. That has to be enough for every spec,
// and all specs together have to need all of it. It is a report because a suite can have
// one AfterSuite only.
var _ = ReportAfterSuite("IAM permissions", func(report Report) {
	if world == nil {
		return // nothing ran
	}
	Expect(world.DeniedCalls()).To(BeEmpty(), "calls that the shipped policies do not allow")
	if !report.SuiteSucceeded || len(report.SpecReports.WithState(types.SpecStateSkipped|types.SpecStatePending)) > 0 {
		return // not all specs ran
	}
	Expect(world.UnusedPermissions()).To(ConsistOf(slices.Collect(maps.Keys(notExercised))),
		"permissions that the shipped policies grant and no spec needed")
})
