package regional

import (
	"context"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

const hostnameAnnotation = "external-dns.alpha.kubernetes.io/hostname"

// records are the CNAME targets that ExternalDNS registered, by name.
type records map[string]string

func (r *Region) reconcileExternalDNS(ctx context.Context, wait *countdowns) error {
	services := &corev1.ServiceList{}
	if err := r.client.List(ctx, services); err != nil {
		return err
	}
	wanted := wantedRecords(services.Items)
	for name := range r.records {
		if _, ok := wanted[name]; !ok {
			r.options.DNS.Remove(name)
			delete(r.records, name)
		}
	}
	for name, target := range wanted {
		published := r.records[name] == target
		if !published && wait.over(name+" to "+target, r.sampled("dns/record")) {
			r.options.DNS.SetCNAME(name, target)
			r.records[name] = target
		}
	}
	return nil
}

// wantedRecords come from Services that ask for a name and have a load balancer.
func wantedRecords(services []corev1.Service) records {
	wanted := records{}
	for _, service := range services {
		ingress := service.Status.LoadBalancer.Ingress
		if len(ingress) == 0 {
			continue
		}
		for name := range strings.SplitSeq(service.Annotations[hostnameAnnotation], ",") {
			if name = strings.TrimSpace(name); name != "" {
				wanted[name] = ingress[0].Hostname
			}
		}
	}
	return wanted
}
