package delivery

import (
	"errors"
	"fmt"
	"io"
	"testing"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestWhichWritesMayHaveLanded(t *testing.T) {
	secrets := schema.GroupResource{Resource: "secrets"}
	for name, tc := range map[string]struct {
		err  error
		want bool
	}{
		"nothing is wrong":              {},
		"it is forbidden":               {err: apierrors.NewForbidden(secrets, "a", io.EOF)},
		"somebody else has changed it":  {err: apierrors.NewConflict(secrets, "a", io.EOF)},
		"a webhook or etcd has a fault": {err: apierrors.NewInternalError(io.EOF), want: true},
		"the API server takes long":     {err: apierrors.NewServerTimeout(secrets, "patch", 1), want: true},
		"the connection broke":          {err: io.ErrUnexpectedEOF, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			explained := tc.err
			if tc.err != nil {
				explained = errors.New("explained") // which may lose what it was
			}
			err := asked(tc.err, explained)
			g.Expect(MayHaveLanded(err)).To(Equal(tc.want))
			g.Expect(MayHaveLanded(fmt.Errorf("writing: %w", err))).To(Equal(tc.want))
			if explained == nil {
				g.Expect(err).NotTo(HaveOccurred())
				return
			}
			g.Expect(err).To(MatchError(explained))
			g.Expect(err).To(MatchError("explained"))
		})
	}
}
