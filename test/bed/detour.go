package bed

import (
	"fmt"

	"k8s.io/client-go/tools/clientcmd"
)

// Detour leads the operator to its two worlds by other addresses, behind which somebody
// sees, and may lose, what it asks of them. The zero Detour leads it there directly.
type Detour struct {
	// Kubernetes stands for the URL of the management API server.
	Kubernetes string
	// CA is the PEM certificate that signs the one of Kubernetes.
	CA []byte
	// AWS stands for the endpoint of every service but STS: a token for a regional
	// cluster is a signed request, and good for the host that it was signed for only.
	AWS string
}

// redirect changes a kubeconfig.
func (d Detour) redirect(kubeconfig string) error {
	if d.Kubernetes == "" {
		return nil
	}
	config, err := clientcmd.LoadFromFile(kubeconfig)
	if err != nil {
		return fmt.Errorf("reading a kubeconfig: %w", err)
	}
	for _, cluster := range config.Clusters {
		cluster.Server, cluster.CertificateAuthorityData = d.Kubernetes, d.CA
	}
	if err := clientcmd.WriteToFile(*config, kubeconfig); err != nil {
		return fmt.Errorf("writing a kubeconfig: %w", err)
	}
	return nil
}

func (d Detour) aws(direct string) string {
	if d.AWS == "" {
		return direct
	}
	return d.AWS
}
