package ack

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// kinds is everything that the simulated controllers manage.
var kinds = []*kind{
	vpc, subnet, internetGateway, routeTable, elasticIP, natGateway, securityGroup,
	role,
	cluster, nodegroup, addon, accessEntry, podIdentityAssociation,
	bucket, certificate, recordSet,
}

// kind says what one ACK kind asks of AWS and what it reports. The engine does the rest.
type kind struct {
	service, name string
	awsType       string
	global        bool

	// idField is the status field with the ID that AWS assigns, which begins with
	// idPrefix. Kinds without one are identified by what nameOf reads in the spec.
	idField, idPrefix string
	newID             func(account) string // for IDs of another form
	nameOf            func(request) string
	// adoptionField is the key of the ID in the adoption fields; idField if empty.
	adoptionField string
	// scope is what precedes the ID that AWS assigns in the account, such as the cluster.
	scope func(spec fields) string
	// find looks for an ID that is not recorded; nil for kinds of which AWS may have several alike.
	find func(request) string

	states    states
	duration  string // what creation is sampled as; awsType if empty
	deletion  deletion
	terminal  []string // error codes that only a change of the spec can cure
	mutable   []string // facts that an update may change
	defaulted []string // facts that stay as AWS chose them while the spec leaves them out
	preDelete []string // facts that are synced once more before deletion
	renewed   []string // facts that every update draws anew
	frozen    []string // facts that ACK compares although no update changes them
	stages    []stage  // how updates are split that AWS carries out in its own time
	inUse     string   // AWS's word for a dependency violation where it has another

	// arn is nil for kinds whose ARN ACK does not report.
	arn func(a account, r cloud.Resource) string
	// describe says what the spec asks for. It knows nothing of the account.
	describe func(request) cloud.Resource
	// admit makes AWS's own checks and adds the facts that only AWS knows.
	admit func(account, *cloud.Resource) error
	// provision runs while the resource is being created; its facts are added when it is ready.
	provision func(context.Context, account, cloud.Resource) (map[string]string, error)
	// develop replaces what happens between creation and readiness. It also takes up
	// what an earlier simulator left unfinished.
	develop func(context.Context, *kind, account, cloud.Resource)
	// approach is what ACK asks for on the way to the spec, where that is not the spec itself.
	approach func(desired *cloud.Resource, latest cloud.Resource) error
	// amend makes AWS's checks of an update, besides those of admit.
	amend func(a account, was, desired cloud.Resource) error
	// settings are facts about an update that ACK takes from annotations.
	settings func(annotations map[string]string) map[string]string
	// rollout returns when an update has reached everything that it changes, or why it
	// could not. Without one an update takes the time that was drawn for it.
	rollout func(context.Context, account, cloud.Resource) error
	// leaves are the facts that ACK leaves to others, as annotations say.
	leaves func(annotations map[string]string) []string
	// settled runs when a resource has become ready.
	settled func(account, cloud.Resource)
	// release makes AWS's checks before deletion.
	release func(account, cloud.Resource) error
	// teardown runs right before a deleted resource is gone.
	teardown func(account, cloud.Resource)

	status func(account, cloud.Resource) map[string]any
	// answers are the spec fields that ACK takes from AWS when the user left them
	// out: from the answer to the creation, and by late initialisation.
	answers      func(cloud.Resource) map[string]any
	initialises  bool   // whether some of the answers are late initialisation
	afterCreate  string // a retry, and no failure, that ACK reports after creation
	whilePending string // a Recoverable condition that ACK sets while creation goes on

	failureIsTerminal bool
	// syncsEarly kinds are synced, and updated, while AWS still works on them.
	syncsEarly bool
	// updatesSettle are updates that AWS carries out like creations.
	updatesSettle bool
	// impatience is the short interval at which ACK hopes in vain to update what is not ready.
	impatience time.Duration
}

// states are AWS's words. A kind without creating exists at once when the call
// returns; failed is where a creation ends that could not be finished; degraded
// is a creation that waits for something else. Kinds with updating go by stages.
type states struct{ creating, ready, updating, deleting, failed, degraded string }

// deletion is how ACK and AWS share the end of a resource.
type deletion int

const (
	// immediate deletions are over when the call returns.
	immediate deletion = iota
	// abandoned deletions go on in AWS, while ACK already lets the custom resource go.
	abandoned
	// awaited deletions keep the custom resource until AWS is done.
	awaited
)

// account is the AWS account with the machinery behind it.
type account struct {
	*cloud.Cloud
	clusters ClusterStarter
	records  Records
	faults   *faults
	resyncs  map[string]time.Duration
	// owner is the account number that ACK reports.
	owner string
}

// request is what a resource is described from.
type request struct {
	account
	spec   fields
	region string
}

func (k *kind) gvk() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: k.service + ".services.k8s.aws", Version: "v1alpha1", Kind: k.name}
}

func (k *kind) object() *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(k.gvk())
	return object
}

func (k *kind) finalizer() string { return "finalizers." + k.gvk().Group + "/" + k.name }

func (k *kind) key(region, id string) cloud.Key {
	if k.global {
		region = ""
	}
	return cloud.Key{Type: k.awsType, Region: region, ID: id}
}

// inProgress reports whether AWS still works on the resource.
func (k *kind) inProgress(state string) bool {
	return state != "" && (state == k.states.creating || state == k.states.deleting)
}

// blocked reports whether ACK leaves the resource alone for now.
func (k *kind) blocked(state string) bool {
	return k.inProgress(state) && (!k.syncsEarly || state != k.states.creating)
}

// unfinished reports whether something still has to happen to the resource by itself.
func (k *kind) unfinished(state string) bool {
	return k.inProgress(state) || state != "" && (state == k.states.degraded || state == k.states.updating)
}

// changes returns the facts in which desired differs from latest, or nil.
func (k *kind) changes(desired, latest cloud.Resource) map[string]string {
	changed := map[string]string{}
	for _, fact := range k.mutable {
		value := desired.Data[fact]
		if value == latest.Data[fact] || value == "" && slices.Contains(k.defaulted, fact) {
			continue
		}
		changed[fact] = value
	}
	if len(changed) == 0 && maps.Equal(desired.Tags, latest.Tags) {
		return nil
	}
	return changed
}

// resource is what every describe starts from: identity, tags and facts.
func (r request) resource(data map[string]string, parents ...cloud.Key) cloud.Resource {
	return cloud.Resource{Key: cloud.Key{Region: r.region}, Tags: r.spec.tags(), Data: data, Parents: parents}
}

// parent is the key of another kind's resource in the same region.
func (r request) parent(awsType, id string) cloud.Key {
	return cloud.Key{Type: awsType, Region: r.region, ID: id}
}

func (r request) parents(awsType string, ids []string) []cloud.Key {
	keys := make([]cloud.Key, len(ids))
	for i, id := range ids {
		keys[i] = r.parent(awsType, id)
	}
	return keys
}

func (k *kind) assignID(a account) string {
	if k.newID != nil {
		return k.newID(a)
	}
	return a.NewID(k.idPrefix)
}

// sampled is what creation is sampled as.
func (k *kind) sampled() string {
	if k.duration != "" {
		return k.duration
	}
	return k.awsType
}

// named identifies a resource by a field of the spec.
func named(field string) func(request) string {
	return func(r request) string { return r.spec.text(field) }
}

// roleKey finds the role in its ARN, whose path is no part of the name.
func roleKey(arn string) cloud.Key {
	return cloud.Key{Type: "iam/role", ID: arn[strings.LastIndex(arn, "/")+1:]}
}
