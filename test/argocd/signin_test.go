package argocd

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// sts is whom argocd-k8s-auth asks for the role that the cluster Secret names. It is built with
// aws-sdk-go v1, which has no setting for another endpoint.
const sts = "sts.amazonaws.com"

// openWayToAWS leads who asks STS to the bed, by a proxy that lets nobody go anywhere else. It
// returns the variables that tell Argo CD: for what is on the loopback, Go uses no proxy.
func openWayToAWS(dir string) []string {
	GinkgoHelper()
	target, err := url.Parse(world.AWS.URL())
	Expect(err).NotTo(HaveOccurred())
	certificate := certify(sts)
	aws := httptest.NewUnstartedServer(httputil.NewSingleHostReverseProxy(target))
	aws.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	aws.StartTLS()
	DeferCleanup(aws.Close)
	proxy := httptest.NewUnstartedServer(tunnel(aws.Listener.Addr().String()))
	proxy.Config.ErrorLog = log.New(io.Discard, "", 0)
	proxy.Start()
	DeferCleanup(proxy.Close)

	bundle := filepath.Join(dir, "aws.crt")
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})
	Expect(os.WriteFile(bundle, authority, 0o600)).To(Succeed())
	return []string{"HTTPS_PROXY=" + proxy.URL, "AWS_CA_BUNDLE=" + bundle}
}

// tunnel passes on what is meant for STS.
func tunnel(address string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || r.Host != sts+":443" {
			http.Error(w, "there is nothing but "+sts, http.StatusForbidden)
			return
		}
		server, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", address)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer func() { _ = server.Close() }()
		caller, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = caller.Close() }()
		if _, err := io.WriteString(caller, "HTTP/1.1 200 OK\r\n\r\n"); err != nil {
			return
		}
		go func() {
			_, _ = io.Copy(server, buffered)
			_ = server.Close()
		}()
		_, _ = io.Copy(caller, server) // ends when one of them does
	}
}

// certify makes a certificate for a host that is its own authority.
func certify(host string) tls.Certificate {
	GinkgoHelper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	Expect(err).NotTo(HaveOccurred())
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}
}
