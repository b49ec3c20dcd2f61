package gossipring

import (
	"errors"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/controllers/internal/delivery"
)

// What may have been done counts for as long as anybody waits, and when it may have been done much later, again.
func TestSinceWhenAWriteMayHaveLanded(t *testing.T) {
	g := NewWithT(t)
	a := settled("a", 2, "b.example").but(wants("c.example"))
	clusters := registry(t, errors.New("unexpected EOF"), "a", a)
	s := passOver(a).deliveringTo(clusters)
	unanswered := s.delivery.Write(t.Context(), []delivery.Write{{Target: s.target(a), Text: "c.example"}})[0]
	f, ring := newFailures(), client.ObjectKeyFromObject(s.ring)
	for _, tc := range []struct {
		after time.Duration
		err   error
		want  time.Duration // -1 is never
	}{
		{after: 0, err: errors.New("refused"), want: -1},
		{after: time.Minute, err: unanswered, want: time.Minute},
		{after: 2 * time.Minute, err: unanswered, want: time.Minute},
		{after: 3 * time.Minute, err: errors.New("refused"), want: time.Minute},
		{after: 12 * time.Minute, err: errors.New("refused"), want: time.Minute},
		{after: 13 * time.Minute, err: unanswered, want: 13 * time.Minute},
	} {
		f.note(ring, "a", tc.err, start.Add(tc.after), defaultConvergeTimeout)
		last, failing := f.of(ring, "a")
		g.Expect(failing).To(BeTrue())
		g.Expect(last.at).To(Equal(start.Add(tc.after)))
		if tc.want < 0 {
			g.Expect(last.lost).To(BeZero())
			continue
		}
		g.Expect(last.lost).To(Equal(start.Add(tc.want)))
	}
	f.note(ring, "a", nil, start, defaultConvergeTimeout)
	_, failing := f.of(ring, "a")
	g.Expect(failing).To(BeFalse())
}
