package plan

import "github.com/portolan-dev/portolan/api/v1alpha1"

// ConfigFiles are the files that a revision has to have for an application in a region; none
// where the Environment names none. The error says which template cannot be expanded.
func ConfigFiles(env *v1alpha1.Environment, region v1alpha1.AWSRegion, application string) ([]string, error) {
	if env.Spec.ArgoCD.Repository == nil {
		return nil, nil
	}
	templates := env.Spec.ArgoCD.Repository.ConfigFiles
	paths := make([]string, 0, len(templates))
	for _, template := range templates {
		path, err := Expand(template, Variables{"environment": env.Name, "region": string(region), "application": application})
		if err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}
