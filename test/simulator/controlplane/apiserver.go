package controlplane

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/portolan-dev/portolan/test/simulator/process"
)

// Config says how an API server differs from the others of a bed.
type Config struct {
	// Name separates its data in etcd, its files and its log from the others'.
	Name string
	// Dir receives <Name>.log and a folder <Name> with certificates and configuration.
	Dir string
	// TokenWebhook is the URL that reviews bearer tokens, if any.
	TokenWebhook string
	// EgressSocket is the Unix socket of an HTTP CONNECT proxy for traffic to
	// pods, nodes and services, if any.
	EgressSocket string
	// AuditLog is the file that receives the metadata of every request, one JSON
	// event per line, if set. A watch makes two: when it starts and when it ends.
	AuditLog string
}

// APIServer is a running kube-apiserver with RBAC.
type APIServer struct {
	process  *process.Process
	endpoint string
	identity *identity
}

// StartAPIServer returns when the API server is ready, RBAC bootstrapped and the
// namespace default in place.
//
// Admission is the default without ServiceAccount: no controller makes the
// accounts that it wants for pods.
func StartAPIServer(ctx context.Context, bin Binaries, etcd *Etcd, cfg Config) (*APIServer, error) {
	files, id, err := prepare(cfg)
	if err != nil {
		return nil, fmt.Errorf("preparing API server %s: %w", cfg.Name, err)
	}
	admin, err := adminClient(id)
	if err != nil {
		return nil, fmt.Errorf("preparing API server %s: %w", cfg.Name, err)
	}
	defer admin.CloseIdleConnections()

	running, port, err := launch(ctx, server{
		path:      bin.APIServer,
		log:       filepath.Join(cfg.Dir, cfg.Name+".log"),
		arguments: func(port int) []string { return apiServerArguments(cfg, files, etcd.URL(), port) },
		ready:     func(ctx context.Context, port int) error { return isServing(ctx, admin, endpointAt(port)) },
	})
	if err != nil {
		return nil, fmt.Errorf("starting API server %s: %w", cfg.Name, err)
	}
	return &APIServer{process: running, endpoint: endpointAt(port), identity: id}, nil
}

func prepare(cfg Config) (files, *identity, error) {
	f := files{dir: filepath.Join(cfg.Dir, cfg.Name)}
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return f, nil, err
	}
	id, err := newIdentity()
	if err != nil {
		return f, nil, err
	}
	return f, id, f.write(cfg, id)
}

func endpointAt(port int) string { return "https://127.0.0.1:" + strconv.Itoa(port) }

// Config returns the administrator's client configuration, without rate limits.
func (s *APIServer) Config() *rest.Config {
	return &rest.Config{
		Host: s.endpoint,
		TLSClientConfig: rest.TLSClientConfig{
			CAData:   s.identity.ca,
			CertData: s.identity.admin.certificate,
			KeyData:  s.identity.admin.key,
		},
		QPS:   -1,
		Burst: -1,
	}
}

// Endpoint is the URL of the API server.
func (s *APIServer) Endpoint() string { return s.endpoint }

// CA returns the PEM certificate that signs the API server's own.
func (s *APIServer) CA() []byte { return s.identity.ca }

// Done is closed when the API server has ended, for whatever reason.
func (s *APIServer) Done() <-chan struct{} { return s.process.Done() }

// Stop ends the API server and returns when it is gone. Its data stays in etcd.
func (s *APIServer) Stop() { s.process.Stop() }

// Freeze lets the API server answer nobody, on connections that stay open, until Thaw.
func (s *APIServer) Freeze() error { return s.signal(unix.SIGSTOP) }

// Thaw ends what Freeze began.
func (s *APIServer) Thaw() error { return s.signal(unix.SIGCONT) }

func (s *APIServer) signal(signal unix.Signal) error {
	if err := unix.Kill(s.process.PID(), signal); err != nil {
		return fmt.Errorf("sending %s to the API server at %s: %w", unix.SignalName(signal), s.endpoint, err)
	}
	return nil
}

// Kubeconfig returns a kubeconfig file for the bearer token, or for the
// administrator when the token is empty.
func (s *APIServer) Kubeconfig(token string) []byte {
	user := &clientcmdapi.AuthInfo{Token: token}
	if token == "" {
		user.ClientCertificateData, user.ClientKeyData = s.identity.admin.certificate, s.identity.admin.key
	}
	return kubeconfig(&clientcmdapi.Cluster{Server: s.endpoint, CertificateAuthorityData: s.identity.ca}, user)
}

func kubeconfig(cluster *clientcmdapi.Cluster, user *clientcmdapi.AuthInfo) []byte {
	const name = "portolan"
	content, err := clientcmd.Write(clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{name: cluster},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{name: user},
		Contexts:       map[string]*clientcmdapi.Context{name: {Cluster: name, AuthInfo: name}},
		CurrentContext: name,
	})
	if err != nil {
		panic(fmt.Sprintf("encoding a kubeconfig of strings: %v", err))
	}
	return content
}

// adminClient is not made by client-go, which caches transports for good and
// with them the connections of every API server that ever ran.
func adminClient(id *identity) (*http.Client, error) {
	pair, err := tls.X509KeyPair(id.admin.certificate, id.admin.key)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(id.ca)
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, Certificates: []tls.Certificate{pair}},
	}}, nil
}

// isServing cannot mistake another API server for ours: each has its own CA.
func isServing(ctx context.Context, admin *http.Client, endpoint string) error {
	for _, path := range []string{"/readyz", "/api/v1/namespaces/default"} {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint+path, http.NoBody)
		if err != nil {
			return err
		}
		response, err := admin.Do(request)
		if err != nil {
			return err
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answered %s", path, response.Status)
		}
	}
	return nil
}
