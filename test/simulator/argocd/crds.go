package argocd

import (
	"embed"
	"fmt"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

//go:embed crds/*.yaml
var crdFiles embed.FS

// CRDs returns the definitions of Application and ApplicationSet, which must be
// installed in the management cluster before Start.
func CRDs() []*apiextensionsv1.CustomResourceDefinition {
	var crds []*apiextensionsv1.CustomResourceDefinition
	for _, name := range []string{"application", "applicationset"} {
		crds = append(crds, embeddedCRD("crds/"+name+".yaml"))
	}
	return crds
}

// embeddedCRD panics because a broken file is compiled in: no caller can mend it.
func embeddedCRD(file string) *apiextensionsv1.CustomResourceDefinition {
	content, err := crdFiles.ReadFile(file)
	if err != nil {
		panic(fmt.Sprintf("reading embedded %s: %v", file, err))
	}
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.UnmarshalStrict(content, crd); err != nil {
		panic(fmt.Sprintf("parsing embedded %s: %v", file, err))
	}
	return crd
}
