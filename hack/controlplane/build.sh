#!/usr/bin/env bash
# Puts etcd, kube-apiserver and, where there is no kubectl, kubectl into a folder:
#
#   hack/controlplane/build.sh [folder]     (default: bin/k8s of the repository)
#
# Downloads them with setup-envtest where that works, else builds them from the
# Go module beside this file. Does nothing when they are there already.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "${1:-$here/../../bin/k8s}"
out=$(cd "${1:-$here/../../bin/k8s}" && pwd)

setup_envtest=sigs.k8s.io/controller-runtime/tools/setup-envtest@v0.25.1
download_seconds=60

version=$(awk '$1 == "k8s.io/kubernetes" { print $2; exit }' "$here/go.mod")
IFS=. read -r major minor _ <<<"${version#v}"

checksum() {
	if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi
}
stamp="$version $(cat "$here/go.mod" "$here/go.sum" | checksum | cut -d' ' -f1)"

programs=(etcd kube-apiserver)
# The kubectl in the output folder does not count as the machine's own.
if ! PATH=$(tr ':' '\n' <<<"$PATH" | grep -vxF "$out" | paste -sd: -) command -v kubectl >/dev/null; then
	programs+=(kubectl)
fi

work=
job=
cleanup() {
	if [[ -n $job ]]; then kill "$job" 2>/dev/null || true; fi
	if [[ -n $work ]]; then chmod -R u+w "$work" && rm -rf "$work"; fi
}
trap cleanup EXIT

complete() {
	[[ -f $out/.stamp && $(<"$out/.stamp") == "$stamp" ]] || return 1
	local program
	for program in "${programs[@]}"; do
		[[ -x $out/$program ]] || return 1
	done
}

# install_program moves: a program that is running cannot be written to.
install_program() {
	mv -f "$1" "$out/$2"
}

# within runs a command for so many seconds at most; not every system has timeout(1).
within() {
	local seconds=$1
	shift
	"$@" &
	job=$!
	local waited=0
	while kill -0 "$job" 2>/dev/null; do
		if ((waited++ >= seconds)); then
			kill "$job" 2>/dev/null || true
			break
		fi
		sleep 1
	done
	local status=0
	wait "$job" || status=$?
	job=
	return "$status"
}

# download fails silently: without the network, building is the normal way.
download() {
	{
		GOFLAGS=-buildvcs=false GOBIN="$work" within "$download_seconds" go install "$setup_envtest" &&
			within "$download_seconds" "$work/setup-envtest" use "$major.$minor.x" --bin-dir "$work" --print path >"$work/path"
	} >/dev/null 2>&1 || return 1
	local program
	for program in "${programs[@]}"; do
		cp "$(<"$work/path")/$program" "$work/$program" 2>/dev/null || return 1
	done
}

patience() {
	if [[ $1 == kube-apiserver ]]; then echo " (takes minutes the first time)"; fi
}

build() {
	local package=k8s.io/component-base/version
	local flags="-s -w -X $package.gitVersion=$version -X $package.gitMajor=$major -X $package.gitMinor=$minor"
	local program
	for program in "${programs[@]}"; do
		local started=$SECONDS
		echo "building $program of Kubernetes $version from Go modules$(patience "$program")"
		(cd "$here" && go build -buildvcs=false -ldflags "$flags" -o "$work/$program" "./$program")
		echo "built $program in $((SECONDS - started)) s"
	done
}

if complete; then
	exit 0
fi
work=$(mktemp -d "$out/.build.XXXXXX")

echo "looking for a download of kube-apiserver and etcd $major.$minor"
if download; then
	echo "downloaded ${programs[*]} in $SECONDS s"
else
	build
fi
for program in "${programs[@]}"; do
	install_program "$work/$program" "$program"
done
echo "$stamp" >"$out/.stamp"
echo "control plane $version is in $out after $SECONDS s"
