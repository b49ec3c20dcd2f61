// Package argocd simulates the part of Argo CD that Portolan depends on: the
// ApplicationSet controller with its clusters generator, and the Application
// controller.
//
// Both are level-triggered controllers on a real API server. The Application
// controller applies real manifests to real destination clusters, and keeps the
// orderings that make an Application's status hard to read: sync.revision moves
// before anything is synced, a finished operation leaves the old sync and health
// behind until the next comparison, health says nothing about what cannot be
// rendered, times have second precision, and the refresh annotation disappears
// only with a comparison that saw it. HoldAnnotation makes an Application stay in such a moment.
//
// Sources are never fetched. The last element of spec.source.path names one of
// the charts embedded in this package; every revision holds the same charts. Value
// files are ignored: a chart's AWS region is the region label of the cluster Secret.
// Namespaces are made by the sync option CreateNamespace=true and never deleted, since
// nothing in a simulated cluster finishes the deletion of a namespace.
package argocd
