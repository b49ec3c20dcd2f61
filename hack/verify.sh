#!/usr/bin/env bash
# Regenerates everything and fails if that changes a file. It compares with the
# working tree, not with a commit, so that it also serves before a commit.
set -euo pipefail
cd "$(dirname "$0")/.."

before=$(mktemp -d)
trap 'rm -rf "$before"' EXIT

generated() {
  find api controllers -name 'zz_generated.*.go'
  find config/crd/bases config/rbac/role.yaml test/simulator/ack/crds docs/reference/api.md config/argocd/argocd-cm.yaml config/argocd/health -type f 2>/dev/null || true
}

while IFS= read -r file; do
  mkdir -p "$before/$(dirname "$file")"
  cp "$file" "$before/$file"
done < <(generated)

make generate manifests docs

status=0
while IFS= read -r file; do
  diff -uN "$before/$file" "$file" || status=1
done < <({ generated; cd "$before" && find . -type f | sed 's|^\./||'; } | sort -u)

if ((status)); then
  echo "The files above were out of date; they are regenerated now." >&2
fi
exit "$status"
