package ack

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"

	ackv1alpha1 "github.com/aws-controllers-k8s/runtime/apis/core/v1alpha1"
)

// The policies of the annotation services.k8s.aws/adoption-policy.
const (
	adopt         = "adopt"
	adoptOrCreate = "adopt-or-create"
)

// errNotAdopted is what ACK retries, without a word in the status, when the
// resource to adopt does not exist, or exists no more.
var errNotAdopted = errors.New("adopted resource not found")

// adoptedMessage is no failure: ACK updates what it adopted in the next pass.
const adoptedMessage = "adopted resource, requeuing to check for updates"

// adoption is the policy that is still to be followed, "" if there is none.
func (p *pass) adoption() (string, error) {
	policy := p.cr.GetAnnotations()[ackv1alpha1.AnnotationAdoptionPolicy]
	switch {
	case policy == "" || p.adopted() || p.managed():
		return "", nil
	case policy != adopt && policy != adoptOrCreate:
		return "", fmt.Errorf("unrecognized adoption policy %s. Supported policies are %q and %q", policy, adopt, adoptOrCreate)
	}
	if _, err := p.adoptionFields(); err != nil && policy == adopt {
		return "", err
	}
	return policy, nil
}

func (p *pass) adopted() bool {
	return p.cr.GetAnnotations()[ackv1alpha1.AnnotationAdopted] == "true"
}

func (p *pass) adoptionFields() (map[string]string, error) {
	adoption := map[string]string{}
	text := p.cr.GetAnnotations()[ackv1alpha1.AnnotationAdoptionFields]
	if err := json.Unmarshal([]byte(text), &adoption); err != nil {
		return nil, fmt.Errorf("unmarshalling adoption-fields annotation: %w", err)
	}
	return adoption, nil
}

// request is what the custom resource asks for. While a resource is to be
// adopted, its name is taken from the annotation.
func (p *pass) request() request {
	spec := p.part("spec")
	if policy, err := p.adoption(); err == nil && policy == adopt {
		spec = maps.Clone(spec)
		identity, _ := p.adoptionFields() // adoption has read them
		for field, value := range identity {
			spec[field] = value
		}
	}
	return request{account: p.account, spec: spec, region: p.region}
}

// id is what the custom resource knows of its resource's identity, "" before creation. The
// adoption fields count only until the adoption: ACK looks at them no more once there is its
// finalizer or its mark (runtime v0.62.0, pkg/runtime/reconciler.go, Sync, needAdoption). An
// object that was restored with either, but without status, has therefore lost its resource.
func (p *pass) id() string {
	r := p.request()
	if p.kind.nameOf != nil {
		return p.kind.nameOf(r)
	}
	known := p.part("status").text(p.kind.idField)
	if policy, _ := p.adoption(); known == "" && policy != "" {
		identity, _ := p.adoptionFields() // none, or nothing that names a resource
		known = identity[p.kind.adoptionKey()]
	}
	if known == "" && p.looksUp() {
		known = p.kind.find(r)
	}
	return p.kind.fullID(r.spec, known)
}

// looksUp reports whether ACK searches AWS for a resource whose ID it does not know.
func (p *pass) looksUp() bool {
	return p.kind.find != nil && p.cr.GetAnnotations()[ackv1alpha1.AnnotationAdoptionPolicy] == adoptOrCreate
}

func (k *kind) adoptionKey() string {
	if k.adoptionField != "" {
		return k.adoptionField
	}
	return k.idField
}

// fullID is how the account knows an ID, or an ARN that ends with it.
func (k *kind) fullID(spec fields, known string) string {
	if known == "" {
		return ""
	}
	id := known[strings.LastIndex(known, "/")+1:]
	if k.scope != nil {
		return k.scope(spec) + id
	}
	return id
}
