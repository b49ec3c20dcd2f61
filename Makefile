# Tools are built from their modules by the Go that is installed: no prebuilt tool, no other toolchain.
export GOTOOLCHAIN := local
# envtest and the rehearsal bed start the control planes of this folder.
export KUBEBUILDER_ASSETS := $(CURDIR)/bin/k8s
# The real ACK schemas, where they are at hand, are stricter than our views of them.
ACK_CRDS ?= $(abspath $(wildcard ../shared/ack-crds))
export ACK_CRDS

CONTROLLER_GEN_VERSION := v0.23.0
CRD_REF_DOCS_VERSION   := v0.3.0
GOLANGCI_LINT_VERSION  := v2.15.0

# The version is part of the name: a new version is built, the same one is not built again.
CONTROLLER_GEN := bin/controller-gen-$(CONTROLLER_GEN_VERSION)
CRD_REF_DOCS   := bin/crd-ref-docs-$(CRD_REF_DOCS_VERSION)
GOLANGCI_LINT  := bin/golangci-lint-$(GOLANGCI_LINT_VERSION)

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
# The go command is parallel already, and end-to-end tests want the machine to themselves.
.NOTPARALLEL:

.PHONY: help
help: ## Show this help.
	@awk 'BEGIN {FS = ":.*## "} \
		/^##@ / {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z0-9-]+:.*## / {printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Try it

.PHONY: demo
demo: build k8s ## Bring up a simulated fleet on this machine; ARGS=--exit ends by itself.
	@bin/demo $(ARGS)

##@ Develop

.PHONY: generate
generate: $(CONTROLLER_GEN) ## Generate the DeepCopy methods.
	$(CONTROLLER_GEN) object:headerFile=hack/boilerplate.go.txt paths=./api/... paths=./controllers/internal/ack/... paths=./controllers/internal/argocd/...

.PHONY: manifests
manifests: $(CONTROLLER_GEN) ## Generate CRDs and RBAC from the markers, and what Argo CD needs to judge the kinds.
	rm -f config/crd/bases/*.yaml test/simulator/ack/crds/*.yaml
	$(CONTROLLER_GEN) crd paths=./api/... output:crd:dir=config/crd/bases
	$(CONTROLLER_GEN) rbac:roleName=manager-role paths=./controllers/... output:rbac:dir=config/rbac
	$(CONTROLLER_GEN) crd paths=./controllers/internal/ack/... output:crd:dir=test/simulator/ack/crds
	hack/argocd-cm.sh

.PHONY: docs
docs: $(CRD_REF_DOCS) ## Generate the API reference.
	@mkdir -p docs/reference
	$(CRD_REF_DOCS) --source-path=api/v1alpha1 --config=hack/crd-ref-docs.yaml --log-level=ERROR --renderer=markdown --output-path=docs/reference/api.md

.PHONY: fmt
fmt: $(GOLANGCI_LINT) ## Format the code and sort its imports.
	$(GOLANGCI_LINT) fmt

.PHONY: vet
vet: ## Run go vet.
	go vet ./...

.PHONY: lint
lint: $(GOLANGCI_LINT) ## Check style and architecture.
	$(GOLANGCI_LINT) run

.PHONY: verify
verify: $(CONTROLLER_GEN) $(CRD_REF_DOCS) ## Regenerate everything and fail if that changes a file.
	@hack/verify.sh

.PHONY: presubmit
presubmit: lint verify test ## Run what CI runs.

##@ Test

.PHONY: test
test: test-unit e2e faults ## Run all tests: unit, reconcilers, end to end, crashes.

.PHONY: test-unit
test-unit: bin/manager k8s ## Run all tests but the end-to-end ones.
	@hack/test.sh $$(go list ./... | grep -vE '/test/(e2e|faults|argocd)$$')

.PHONY: e2e
e2e: bin/manager k8s ## Run the end-to-end tests against the real binary.
	@hack/test.sh ./test/e2e/...

.PHONY: faults
faults: bin/manager k8s ## Kill the real binary before and after each of its writes.
	@GOFLAGS="$$GOFLAGS -v" hack/test.sh ./test/faults/...

.PHONY: e2e-argocd
e2e-argocd: bin/manager k8s ## Run the end-to-end tests against the real Argo CD, which is built once; needs redis-server.
	@hack/argocd/build.sh
	@hack/test.sh ./test/argocd/...

.PHONY: bench
bench: build k8s ## Measure bring-ups and what they ask of AWS; ARGS=--regions=10.
	@bin/bench $(ARGS)

.PHONY: bench-rings
bench-rings: k8s ## Measure how fast seeds spread in large rings; ARGS=--members=50.
	@go test ./controllers/gossipring -run='^$$' -bench='^BenchmarkRings$$' -benchtime=1x -count=1 -timeout=40m -args $(ARGS)

.PHONY: bench-promotion
bench-promotion: ## Measure Portolan's own work in a rollout to 200 regions.
	@go test ./controllers/promotion -run='^$$' -bench='^BenchmarkScale$$' -benchtime=10x -count=1 -args $(ARGS)

##@ Build

.PHONY: build
build: bin/manager bin/demo bin/bench ## Build the operator, the demo and the benchmark.

.PHONY: k8s
k8s: ## Build the API server and etcd of the tests and the demo (minutes, once).
	@hack/controlplane/build.sh bin/k8s

.PHONY: clean
clean: ## Remove everything built.
	rm -rf bin

# The go command knows best what has changed.
.PHONY: bin/manager bin/demo bin/bench
bin/manager:
	go build -o $@ .
bin/demo:
	go build -o $@ ./test/demo
bin/bench:
	go build -o $@ ./test/bench

# install-tool builds a command of a module: $(1) is its package, $(2) the version.
# bin/<name> is a link to the pinned version.
define install-tool
@echo "Building $(notdir $(1)) $(2) (once)"
@GOBIN=$(CURDIR)/bin/.new go install $(1)@$(2)
@mv bin/.new/$(notdir $(1)) $@
@ln -sf $(notdir $@) bin/$(notdir $(1))
@rm -rf bin/.new
endef

$(CONTROLLER_GEN):
	$(call install-tool,sigs.k8s.io/controller-tools/cmd/controller-gen,$(CONTROLLER_GEN_VERSION))

$(CRD_REF_DOCS):
	$(call install-tool,github.com/elastic/crd-ref-docs,$(CRD_REF_DOCS_VERSION))

$(GOLANGCI_LINT):
	$(call install-tool,github.com/golangci/golangci-lint/v2/cmd/golangci-lint,$(GOLANGCI_LINT_VERSION))
