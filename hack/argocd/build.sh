#!/usr/bin/env bash
# Puts Argo CD into a folder, a link for each of its programs, its CRDs, and the helm that it runs:
#
#   hack/argocd/build.sh [folder]     (default: bin/argocd-<version> of the repository)
#
# Builds it from the Go module beside this file. Does nothing when it is there already.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export GOTOOLCHAIN=local

# The version of helm in Argo CD's image: its hack/tool-versions.sh.
helm=helm.sh/helm/v3/cmd/helm@v3.18.4
module=github.com/argoproj/argo-cd/v3
version=$(awk -v module="$module" '$1 == module { print $2; exit }' "$here/go.mod")
out=${1:-$here/../../bin/argocd-$version}
mkdir -p "$out"
out=$(cd "$out" && pwd)

checksum() {
	if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi
}
stamp="$version $(cat "$here"/{go.mod,go.sum,main.go,build.sh} | checksum | cut -d' ' -f1)"
if [[ -f $out/.stamp && $(<"$out/.stamp") == "$stamp" && -x $out/argocd && -x $out/helm ]]; then
	exit 0
fi

# Always the same folder: the go command caches what it builds by the folder.
work=$out/.build
trap 'rm -rf "$work"' EXIT
rm -rf "$work"
mkdir "$work"

# loopback copies the sources, to change the one address that no flag changes: the
# application controller shows its metrics to every network that the machine is in.
loopback() {
	local source file=controller/appcontroller.go
	source=$(cd "$here" && go mod download "$module" && go list -m -f '{{.Dir}}' "$module")
	cp -R "$source" "$work/source"
	chmod -R u+w "$work/source"
	grep -qF '"0.0.0.0:%d", metricsPort' "$source/$file"
	sed 's/"0\.0\.0\.0:%d", metricsPort/"127.0.0.1:%d", metricsPort/' "$source/$file" >"$work/source/$file"
	cp "$here/go.mod" "$here/go.sum" "$work"
	(cd "$here" && go mod edit -replace "$module=$work/source" "$work/go.mod")
}

echo "building Argo CD $version and helm from Go modules (takes minutes the first time)"
loopback
(cd "$here" && go build -buildvcs=false -modfile="$work/go.mod" \
	-ldflags "-s -w -X $module/common.version=${version#v}" -o "$work/argocd" .)
GOBIN=$work go install -buildvcs=false -ldflags "-s -w" "$helm"

mkdir -p "$out/crds"
cp "$work"/source/manifests/crds/*-crd.yaml "$out/crds"
# Moved: a program that is running cannot be written to.
mv -f "$work/argocd" "$work/helm" "$out"
for program in application-controller applicationset-controller git-ask-pass k8s-auth repo-server; do
	ln -sf argocd "$out/argocd-$program"
done
echo "$stamp" >"$out/.stamp"
echo "Argo CD $version is in $out after $SECONDS s"
