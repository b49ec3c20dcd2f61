package promotion_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/controllers/internal/testenv"
)

func TestPromotion(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Promotion")
}

var env *testenv.Env

var _ = BeforeSuite(func() { env = testenv.Start() })
