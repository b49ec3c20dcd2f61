package argocd

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/gitrepo"
)

// Keys of Argo CD's repository Secrets (docs/operator-manual/declarative-setup.md).
const (
	repositoryURL           = "url"
	repositoryUsername      = "username"
	repositoryPassword      = "password"
	repositorySSHPrivateKey = "sshPrivateKey"
)

// Values of LabelSecretType on Secrets with credentials: of one repository, and of all below a URL.
const (
	secretTypeRepository   = "repository"
	secretTypeRepositories = "repo-creds"
)

// Repository reads the credentials that Argo CD uses itself. They go nowhere but to the repository
// that they are for, whoever names them together with another, and a password to GitHub's API if
// the repository is there. The repository of an error has none.
func (c *Clusters) Repository(ctx context.Context, url string, credentials *v1alpha1.LocalReference) (gitrepo.Repository, error) {
	repository := gitrepo.Repository{URL: url}
	if credentials == nil {
		return repository, nil
	}
	secret := &corev1.Secret{}
	key := types.NamespacedName{Namespace: c.Namespace, Name: credentials.Name}
	if err := c.Live.Get(ctx, key, secret); err != nil {
		return repository, fmt.Errorf("reading the repository's credentials: %w", err)
	}
	theirs, ours := string(secret.Data[repositoryURL]), false
	switch secret.Labels[LabelSecretType] {
	case secretTypeRepository:
		ours = repository.Is(theirs)
	case secretTypeRepositories:
		ours = repository.Within(theirs)
	default:
		return repository, fmt.Errorf("the Secret %s is not labelled %s: %s, so it is not read", key, LabelSecretType, secretTypeRepository)
	}
	if !ours { // the message has nothing of theirs: there may be a password in it
		return repository, fmt.Errorf("the Secret %s is not for %s, so it is not sent there: "+
			"its url has to be that of the repository or, labelled %s, one above it", key, repository, secretTypeRepositories)
	}
	repository.Auth = gitrepo.Auth{
		Username: string(secret.Data[repositoryUsername]), Password: string(secret.Data[repositoryPassword]),
		SSHPrivateKey: string(secret.Data[repositorySSHPrivateKey]),
	}
	return repository, nil
}
