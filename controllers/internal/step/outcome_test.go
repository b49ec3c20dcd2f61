package step

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

func TestOutcomes(t *testing.T) {
	for name, tc := range map[string]struct {
		err          error
		wantStatus   metav1.ConditionStatus
		wantReason   string
		wantMessage  string
		wantWaiting  bool
		wantTerminal bool
		wantAfter    time.Duration
	}{
		"done": {
			wantStatus: metav1.ConditionTrue, wantReason: v1alpha1.ReasonSucceeded,
		},
		"not required": {
			err:        NotRequired("the profile lists no %s", "secrets"),
			wantStatus: metav1.ConditionTrue, wantReason: v1alpha1.ReasonNotRequired, wantMessage: "the profile lists no secrets",
		},
		"done until": {
			err:        DoneUntil(time.Minute),
			wantStatus: metav1.ConditionTrue, wantReason: v1alpha1.ReasonSucceeded, wantAfter: time.Minute,
		},
		"waiting": {
			err:        Wait("Creating", "VPC %s", "x"),
			wantStatus: metav1.ConditionUnknown, wantReason: "Creating", wantMessage: "VPC x", wantWaiting: true,
		},
		"polling": {
			err:        Poll(time.Second, "Replicating", "copying x"),
			wantStatus: metav1.ConditionUnknown, wantReason: "Replicating", wantMessage: "copying x", wantWaiting: true, wantAfter: time.Second,
		},
		"blocked": {
			err:        Blocked(v1alpha1.RegionPlanned),
			wantStatus: metav1.ConditionUnknown, wantReason: v1alpha1.ReasonBlocked, wantMessage: "waiting for Planned", wantWaiting: true,
		},
		"terminal": {
			err:        Terminal("NoCIDR", "no block"),
			wantStatus: metav1.ConditionFalse, wantReason: "NoCIDR", wantMessage: "no block", wantTerminal: true,
		},
		"stuck": {
			err:        Stuck(time.Minute, "NotOurs", "bucket %s is another's", "x"),
			wantStatus: metav1.ConditionFalse, wantReason: "NotOurs", wantMessage: "bucket x is another's", wantTerminal: true, wantAfter: time.Minute,
		},
		"stuck, but nobody knows until when": {
			err:        Stuck(0, "NotOurs", "bucket x is another's"),
			wantStatus: metav1.ConditionFalse, wantReason: "NotOurs", wantMessage: "bucket x is another's", wantTerminal: true,
		},
		"stuck, but something else is due sooner": {
			err:        Within(time.Second, fmt.Errorf("zone a: %w", Stuck(time.Minute, "NotOurs", "bucket x is another's"))),
			wantStatus: metav1.ConditionFalse, wantReason: "NotOurs", wantMessage: "zone a: bucket x is another's", wantTerminal: true, wantAfter: time.Second,
		},
		"polling, and something else is due later": {
			err:        Within(time.Minute, Poll(time.Second, "Replicating", "copying x")),
			wantStatus: metav1.ConditionUnknown, wantReason: "Replicating", wantMessage: "copying x", wantWaiting: true, wantAfter: time.Second,
		},
		"waiting, and something else is due": {
			err:        Within(time.Minute, Wait("Creating", "VPC %s", "x")),
			wantStatus: metav1.ConditionUnknown, wantReason: "Creating", wantMessage: "VPC x", wantWaiting: true, wantAfter: time.Minute,
		},
		"a failure, while something else is due": {
			err:        Within(time.Minute, errors.New("connection refused")),
			wantStatus: metav1.ConditionUnknown, wantReason: v1alpha1.ReasonRetrying, wantMessage: "connection refused",
		},
		"wrapped by the step": {
			err:        fmt.Errorf("zone a: %w", Wait("Creating", "subnet")),
			wantStatus: metav1.ConditionUnknown, wantReason: "Creating", wantMessage: "zone a: subnet", wantWaiting: true,
		},
		"a failure": {
			err:        errors.New("connection refused"),
			wantStatus: metav1.ConditionUnknown, wantReason: v1alpha1.ReasonRetrying, wantMessage: "connection refused",
		},
		"a cancelled context is a failure like any other": {
			err:        context.Canceled,
			wantStatus: metav1.ConditionUnknown, wantReason: v1alpha1.ReasonRetrying, wantMessage: "context canceled",
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(outcome("Planned", tc.err)).To(Equal(metav1.Condition{
				Type: "Planned", Status: tc.wantStatus, Reason: tc.wantReason, Message: tc.wantMessage,
			}))
			g.Expect(ReasonOf(tc.err)).To(Equal(tc.wantReason))
			g.Expect(IsWaiting(tc.err)).To(Equal(tc.wantWaiting))
			g.Expect(IsTerminal(tc.err)).To(Equal(tc.wantTerminal))
			g.Expect(PollAfter(tc.err)).To(Equal(tc.wantAfter))
		})
	}
}

func TestSignalsKeepTheirCause(t *testing.T) {
	cause := errors.New("refused")
	for name, err := range map[string]error{
		"wait": Wait("R", "asking: %w", cause), "poll": Poll(1, "R", "asking: %w", cause), "terminal": Terminal("R", "asking: %w", cause),
		"stuck": Stuck(1, "R", "asking: %w", cause),
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(err).To(MatchError(cause))
		})
	}
}

func TestLongMessagesAreCut(t *testing.T) {
	for name, tc := range map[string]struct {
		message string
		wantCut bool
	}{
		"of the greatest length":         {strings.Repeat("x", maxMessage), false},
		"longer":                         {strings.Repeat("x", maxMessage+1), true},
		"in the middle of a character":   {strings.Repeat("x", maxMessage-4) + "→→→", true},
		"nothing but wide characters":    {strings.Repeat("→", maxMessage), true},
		"wide characters, one byte over": {"x" + strings.Repeat("→", maxMessage), true},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			message := outcome("Planned", errors.New(tc.message)).Message
			if !tc.wantCut {
				g.Expect(message).To(Equal(tc.message))
				return
			}
			g.Expect(len(message)).To(BeNumerically("<=", maxMessage))
			g.Expect(len(message)).To(BeNumerically(">", maxMessage-2*utf8.UTFMax))
			g.Expect(message).To(HaveSuffix("…"))
			g.Expect(strings.HasPrefix(tc.message, strings.TrimSuffix(message, "…"))).To(BeTrue())
			// The API server would store another text, and every pass would write it again.
			g.Expect(utf8.ValidString(message)).To(BeTrue())
		})
	}
}
