// Command kube-apiserver is the unmodified Kubernetes API server, built from its
// Go module for machines that cannot download a release.
package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() { os.Exit(cli.Run(app.NewAPIServerCommand())) }
