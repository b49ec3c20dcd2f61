// Command kubectl is the unmodified Kubernetes command-line client, built from
// its Go module for machines that cannot download a release.
package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
)

func main() { os.Exit(cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand())) }
