package e2e

import (
	"maps"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// notExercised are permissions that Portolan or ACK can need and no spec makes them need, with the reason.
var notExercised = map[string]string{}

// AWS allowed what config/iam allows and nothing else. That has to be enough for every spec,
// and all of them together have to need all of it.
//
// It is a report because a suite has one AfterSuite only.
var _ = ReportAfterSuite("IAM permissions", func(report Report) {
	if world == nil {
		return // nothing ran
	}
	for _, u := range world.DeniedCalls() { println("DENIED", u) }
	Expect(world.DeniedCalls()).To(BeEmpty(), "calls that the shipped policies do not allow")

	println("UNUSED"); for _, u := range world.UnusedPermissions() { println("  ", u) }
	suite := report.SuiteConfig
	if !report.SuiteSucceeded || len(suite.FocusStrings) > 0 || len(suite.FocusFiles) > 0 || len(suite.SkipStrings) > 0 {
		return // not all specs ran
	}
	Expect(world.UnusedPermissions()).To(ConsistOf(slices.Collect(maps.Keys(notExercised))),
		"permissions that the shipped policies grant and no spec needed")
})
