package argocd

import (
	"context"
	"errors"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/gitrepo"
)

// ErrNoURL means that neither a branch nor its Environment says in which repository it is.
var ErrNoURL = errors.New("it names no url, and the Environment has no spec.argocd.repository: set one of them")

// Branch is where Portolan commits to: in a repository of its own, or in that of the Environment
// with its credentials. Errors: ErrNoURL, and those of Repository. env may be nil.
func (c *Clusters) Branch(ctx context.Context, env *v1alpha1.Environment, at v1alpha1.GitBranch) (gitrepo.Branch, error) {
	url, credentials := at.URL, at.CredentialsSecretRef
	if url == "" {
		if env == nil || env.Spec.ArgoCD.Repository == nil {
			return gitrepo.Branch{}, ErrNoURL
		}
		url = env.Spec.ArgoCD.Repository.URL
		if credentials == nil {
			credentials = env.Spec.ArgoCD.Repository.CredentialsSecretRef
		}
	}
	repository, err := c.Repository(ctx, url, credentials)
	if err != nil {
		return gitrepo.Branch{}, err
	}
	return gitrepo.Branch{Repository: repository, Name: at.Branch}, nil
}
