package git

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/storage/memory"
)

// offeredToPushers leaves out deltas against objects that are not in the pack.
var offeredToPushers = []capability.Capability{capability.ReportStatus, capability.OFSDelta, capability.DeleteRefs, "no-thin"}

// What git's receive-pack says of a reference that it does not change.
const (
	unchanged      = "failed to update ref"
	notForward     = "non-fast-forward"
	hookDeclined   = "protected branch hook declined"
	notDeleted     = "deletion prohibited"
	notAName       = "funny refname"
	missingObjects = "missing necessary objects"
)

// pushRules say what becomes of pushes.
type pushRules struct {
	denied    bool
	protected []string
	before    func()
	silent    bool
}

// DenyPushes answers pushes as one who may read and not write, until it is told otherwise.
func (r *Repository) DenyPushes(denied bool) {
	r.change(func(rules *pushRules) { rules.denied = denied })
}

// Protect refuses pushes to these branches and to no others.
func (r *Repository) Protect(names ...string) {
	r.change(func(rules *pushRules) { rules.protected = names })
}

// BeforePush is called with each push whose objects have arrived and that has changed
// nothing yet; what it commits is a conflict for the pusher. nil ends that.
func (r *Repository) BeforePush(f func()) {
	r.change(func(rules *pushRules) { rules.before = f })
}

// LosePushAnswers breaks the connection when a push has been dealt with, until it is told otherwise.
func (r *Repository) LosePushAnswers(lose bool) {
	r.change(func(rules *pushRules) { rules.silent = lose })
}

func (r *Repository) change(f func(*pushRules)) {
	r.serving.Lock()
	defer r.serving.Unlock()
	f(&r.pushing)
}

func (r *Repository) rules() pushRules {
	r.serving.Lock()
	defer r.serving.Unlock()
	return r.pushing
}

func (r *Repository) servePush(w http.ResponseWriter, request *http.Request) {
	rules := r.rules()
	if rules.denied {
		http.Error(w, "this service is not for you", http.StatusForbidden)
		return
	}
	report, err := r.receive(request, rules)
	switch {
	case errors.Is(err, packp.ErrEmpty): // git's client asks for credentials this way
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	case rules.silent:
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/x-git-receive-pack-result")
	if report != nil {
		_ = report.Encode(w) // a caller that has gone needs no answer
	}
}

// receive keeps nothing of a push that it refuses.
func (r *Repository) receive(request *http.Request, rules pushRules) (*packp.ReportStatus, error) {
	body, err := bodyOf(request)
	if err != nil {
		return nil, err
	}
	asked := packp.NewReferenceUpdateRequest()
	if err := decode(asked, body); err != nil {
		return nil, err
	}
	report := packp.NewReportStatus()
	report.UnpackStatus = "ok"
	arrived := memory.NewStorage()
	if slices.ContainsFunc(asked.Commands, func(c *packp.Command) bool { return c.Action() != packp.Delete }) {
		if err := packfile.UpdateObjectStorage(arrived, asked.Packfile); err != nil && !errors.Is(err, packfile.ErrEmptyPackfile) {
			report.UnpackStatus = "unpacker error"
		}
	}
	if rules.before != nil {
		rules.before()
	}
	r.writing.Lock()
	defer r.writing.Unlock()
	for _, command := range asked.Commands {
		status := report.UnpackStatus
		if status == "ok" {
			status = r.update(command, arrived, rules)
		}
		report.CommandStatuses = append(report.CommandStatuses, &packp.CommandStatus{ReferenceName: command.Name, Status: status})
	}
	return report, nil
}

// decode takes a request of nothing for one: go-git fails over the flush.
func decode(asked *packp.ReferenceUpdateRequest, body io.Reader) error {
	start := make([]byte, len("0000"))
	if _, err := io.ReadFull(body, start); err != nil {
		return fmt.Errorf("reading the request: %w", err)
	}
	if string(start) == "0000" {
		return packp.ErrEmpty
	}
	return asked.Decode(io.MultiReader(bytes.NewReader(start), body))
}

// update moves a branch forward, or says why not.
func (r *Repository) update(command *packp.Command, arrived *memory.Storage, rules pushRules) (status string) {
	var tip plumbing.Hash
	if reference, err := r.git.Reference(command.Name, true); err == nil {
		tip = reference.Hash()
	}
	objects := overlay{upper: arrived, lower: r.git.Storer}
	switch {
	case !command.Name.IsBranch():
		return notAName
	case slices.Contains(rules.protected, command.Name.Short()):
		return hookDeclined
	case command.Action() == packp.Delete:
		return notDeleted
	case objects.complete(command.New) != nil:
		return missingObjects
	case tip != command.Old:
		return unchanged
	case !tip.IsZero() && !objects.descends(command.New, tip):
		return notForward
	}
	for _, arrivedObject := range arrived.Objects {
		if _, err := r.git.Storer.SetEncodedObject(arrivedObject); err != nil {
			return unchanged
		}
	}
	if err := r.git.Storer.SetReference(plumbing.NewHashReference(command.Name, command.New)); err != nil {
		return unchanged
	}
	return "ok"
}
