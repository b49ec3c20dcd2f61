// Command argocd is the unmodified Argo CD without its API server and user interface: the
// ApplicationSet controller, the application controller and the repository server, built from
// their Go module because releases are container images. Like upstream's binary it is the one
// whose name it is called by, or that ARGOCD_BINARY_NAME says.
package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	applicationcontroller "github.com/argoproj/argo-cd/v3/cmd/argocd-application-controller/commands"
	applicationset "github.com/argoproj/argo-cd/v3/cmd/argocd-applicationset-controller/commands"
	gitaskpass "github.com/argoproj/argo-cd/v3/cmd/argocd-git-ask-pass/commands"
	k8sauth "github.com/argoproj/argo-cd/v3/cmd/argocd-k8s-auth/commands"
	reposerver "github.com/argoproj/argo-cd/v3/cmd/argocd-repo-server/commands"
)

func main() {
	name := cmp.Or(os.Getenv("ARGOCD_BINARY_NAME"), filepath.Base(os.Args[0]))
	commands := map[string]func() *cobra.Command{
		"argocd-application-controller":    applicationcontroller.NewCommand,
		"argocd-applicationset-controller": applicationset.NewCommand,
		"argocd-git-ask-pass":              gitaskpass.NewCommand,
		"argocd-k8s-auth":                  k8sauth.NewCommand,
		"argocd-repo-server":               reposerver.NewCommand,
	}
	command := commands[name]
	if command == nil {
		fmt.Fprintf(os.Stderr, "%s is no part of this Argo CD\n", name)
		os.Exit(1)
	}
	if err := command().Execute(); err != nil {
		os.Exit(1)
	}
}
