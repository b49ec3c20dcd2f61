#!/usr/bin/env bash
# Writes what Argo CD needs to judge our kinds, from config/argocd/health/health.lua: a
# copy of it for each kind that has a CRD, and config/argocd/argocd-cm.yaml with all of them.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=config/argocd
# Within a CRD's names, kind stands four blanks deep.
kinds=$(awk '/^    kind: / {print $2}' config/crd/bases/*.yaml | sort)
[[ -n $kinds ]] || { echo "config/crd/bases has no CRDs" >&2; exit 1; }

{
  cat <<'HEADER'
# How Argo CD judges the health of Portolan's kinds. Written by hack/argocd-cm.sh.
#
#   kubectl apply --server-side --field-manager=portolan-health -f config/argocd/argocd-cm.yaml
#
# adds these keys to Argo CD's own ConfigMap and leaves its others alone. Where kustomize makes
# argocd-cm, use this file as a patch.
#
# resource.customizations.ignoreDifferences is not needed for any kind: Portolan never writes
# spec, nor a label or an annotation that git has. It writes status, which Argo CD does not compare
# (ignoreResourceStatusField: all is its default), and finalizers, which git does not name.
apiVersion: v1
kind: ConfigMap
metadata:
  name: argocd-cm
  namespace: argocd
  labels:
    app.kubernetes.io/part-of: argocd # Argo CD reads no ConfigMap without it
data:
HEADER
  for kind in $kinds; do
    mkdir -p "$folder/health/$kind"
    cp "$folder/health/health.lua" "$folder/health/$kind/health.lua"
    echo "  resource.customizations.health.portolan.dev_$kind: |"
    sed -e 's/^/    /' -e 's/ *$//' "$folder/health/$kind/health.lua"
  done
} > "$folder/argocd-cm.yaml.new"
mv "$folder/argocd-cm.yaml.new" "$folder/argocd-cm.yaml"
