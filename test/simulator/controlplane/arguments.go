package controlplane

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

const (
	issuer = "https://kubernetes.default.svc"
	// serviceRange is the one that EKS chooses for a VPC in 10.0.0.0/8.
	serviceRange = "172.20.0.0/16"
	// tokenCache is short: an access entry that goes has to show at once.
	tokenCache = "1s"
)

const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
`

const egressSelection = `apiVersion: apiserver.k8s.io/v1beta1
kind: EgressSelectorConfiguration
egressSelections:
- name: cluster
  connection:
    proxyProtocol: HTTPConnect
    transport:
      uds:
        udsName: %q
`

// files knows where the files of one API server are.
type files struct{ dir string }

func (f files) at(name string) string { return filepath.Join(f.dir, name) }

func (f files) ca() string                 { return f.at("ca.crt") }
func (f files) servingCertificate() string { return f.at("serving.crt") }
func (f files) servingKey() string         { return f.at("serving.key") }
func (f files) serviceAccountKey() string  { return f.at("service-account.key") }
func (f files) tokenWebhook() string       { return f.at("token-webhook.yaml") }
func (f files) egress() string             { return f.at("egress.yaml") }
func (f files) auditPolicy() string        { return f.at("audit-policy.yaml") }

func (f files) write(cfg Config, id *identity) error {
	webhook := kubeconfig(&clientcmdapi.Cluster{Server: cfg.TokenWebhook}, &clientcmdapi.AuthInfo{})
	contents := map[string][]byte{
		f.ca():                 id.ca,
		f.servingCertificate(): id.serving.certificate,
		f.servingKey():         id.serving.key,
		f.serviceAccountKey():  id.serviceAccount,
		f.tokenWebhook():       webhook,
		f.egress():             fmt.Appendf(nil, egressSelection, cfg.EgressSocket),
		f.auditPolicy():        []byte(auditPolicy),
	}
	for path, content := range contents {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func prefixOf(name string) string { return "/registry-" + name }

func apiServerArguments(cfg Config, f files, etcd string, port int) []string {
	arguments := []string{
		"--etcd-servers=" + etcd,
		"--etcd-prefix=" + prefixOf(cfg.Name),
		"--bind-address=127.0.0.1",
		"--secure-port=" + strconv.Itoa(port),
		// Nobody finds the API server through its Endpoints, whose reconciler
		// would refuse a loopback address; one has to be advertised all the same.
		"--endpoint-reconciler-type=none",
		"--advertise-address=192.0.2.1",
		"--tls-cert-file=" + f.servingCertificate(),
		"--tls-private-key-file=" + f.servingKey(),
		"--client-ca-file=" + f.ca(),
		"--service-cluster-ip-range=" + serviceRange,
		"--service-account-issuer=" + issuer,
		"--service-account-key-file=" + f.serviceAccountKey(),
		"--service-account-signing-key-file=" + f.serviceAccountKey(),
		"--api-audiences=" + issuer,
		"--authorization-mode=RBAC",
		"--disable-admission-plugins=ServiceAccount",
	}
	if cfg.TokenWebhook != "" {
		arguments = append(arguments,
			"--authentication-token-webhook-config-file="+f.tokenWebhook(),
			"--authentication-token-webhook-version=v1",
			"--authentication-token-webhook-cache-ttl="+tokenCache,
		)
	}
	if cfg.EgressSocket != "" {
		arguments = append(arguments, "--egress-selector-config-file="+f.egress())
	}
	if cfg.AuditLog != "" {
		arguments = append(arguments,
			"--audit-policy-file="+f.auditPolicy(),
			"--audit-log-path="+cfg.AuditLog,
			"--audit-log-maxsize=0", // rotation would hide requests from whoever counts them
		)
	}
	return arguments
}
