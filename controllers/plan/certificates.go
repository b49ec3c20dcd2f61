package plan

import (
	"slices"
	"strings"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// maxDomain is ACM's limit for the first name of a certificate (ACM User Guide, "Request a public
// certificate"); further names may be as long as DNS allows.
const maxDomain = 64

// certificates returns the profile's certificates.
func certificates(p v1alpha1.Profile, env *v1alpha1.Environment, v Variables) ([]Certificate, error) {
	var all []Certificate
	for _, c := range p.Certificates {
		certificate, err := certificateFor(c, p.Name, env, v)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(all, func(other Certificate) bool { return other.Suffix == certificate.Suffix }) {
			return nil, finding(v1alpha1.ReasonInvalidProfile, "profile %s lists the certificate %s twice, the second time as %q: remove one of them", p.Name, certificate.Domain, c.Domain)
		}
		all = append(all, certificate)
	}
	return all, nil
}

func certificateFor(c v1alpha1.Certificate, profile string, env *v1alpha1.Environment, v Variables) (Certificate, error) {
	certificate := Certificate{Validations: map[string]string{}}
	for _, template := range append([]string{c.Domain}, c.AlternativeNames...) {
		name, err := Expand(template, v)
		if err != nil {
			return Certificate{}, err
		}
		base := strings.TrimPrefix(name, "*.")
		if len(base) > 253 || !domainLabels.MatchString(base) {
			return Certificate{}, finding(v1alpha1.ReasonInvalidTemplate, "%q of profile %s gives %q, which is no domain in lower case", excerpt(template), profile, excerpt(name))
		}
		if _, ok := Zone(env, base); !ok {
			return Certificate{}, finding(v1alpha1.ReasonInvalidProfile,
				"profile %s wants a certificate for %s, which lies in none of the environment's zones: add its zone to spec.dns.zones of Environment %s", profile, name, env.Name)
		}
		if !slices.Contains(certificate.Names, name) {
			certificate.Names = append(certificate.Names, name)
		}
		certificate.Validations["validation-"+sanitised(base)] = base
	}
	certificate.Domain = certificate.Names[0]
	if len(certificate.Domain) > maxDomain {
		return Certificate{}, finding(v1alpha1.ReasonInvalidTemplate,
			"the certificate %s of profile %s is longer than %d characters, ACM's limit for the first name: begin with a shorter one and list this one in alternativeNames", certificate.Domain, profile, maxDomain)
	}
	certificate.Suffix = "certificate-" + sanitised(certificate.Domain)
	return certificate, nil
}

// Zone returns the environment's zone that a name lies in: of several, the one nearest to it.
func Zone(env *v1alpha1.Environment, name string) (v1alpha1.DNSZone, bool) {
	var nearest v1alpha1.DNSZone
	for _, z := range env.Spec.DNS.Zones {
		if (name == z.Name || strings.HasSuffix(name, "."+z.Name)) && len(z.Name) > len(nearest.Name) {
			nearest = z
		}
	}
	return nearest, nearest.Name != ""
}
