package ack_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/controllers/internal/testenv"
)

func TestACK(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "ACK")
}

var env *testenv.Env

var _ = BeforeSuite(func() { env = testenv.Start() })
