#!/usr/bin/env bash
# Runs the tests of the given packages with the race detector and in random order.
# Never from the cache: the go command does not see the binaries that suites start.
set -euo pipefail

listed=$(go list -f '{{.ImportPath}} {{.TestImports}} {{.XTestImports}}' "$@")
# Only packages with a Ginkgo suite understand Ginkgo's flags.
suites=$(awk '/github.com\/onsi\/ginkgo\/v2/ {print $1}' <<<"$listed")
others=$(awk '!/github.com\/onsi\/ginkgo\/v2/ {print $1}' <<<"$listed")

# Import paths hold no spaces: the lists are split on purpose.
# shellcheck disable=SC2086
run() {
  go test -race -shuffle=on -count=1 -timeout=60m "$@"
}
status=0
if [[ -n $others ]]; then
  run $others || status=$?
fi
if [[ -n $suites ]]; then
  run $suites --ginkgo.randomize-all || status=$?
fi
exit "$status"
