package ack

import (
	"sync"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// Call is something that a controller is about to ask of AWS.
type Call struct {
	// Kind is the kind of the custom resource, for example VPC.
	Kind string
	// Operation is Create, Read, Update or Delete.
	Operation string
	// Region is the AWS region of the custom resource.
	Region string
	// Name is the custom resource's.
	Name string
}

// Fail lets answer refuse calls: throttling, exhausted quotas, missing permissions.
// It is asked before every call; nil lets the call through. A nil answer ends it.
func (c *Controllers) Fail(answer func(Call) *cloud.Error) {
	f := c.lifecycle.faults
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = answer
}

// LoseCreate lets the next creation of kind happen in AWS while the controller
// crashes before it has noted the ID. What has no name of its own is then
// created again: aws-controllers-k8s/community#2062.
func (c *Controllers) LoseCreate(kind string) {
	f := c.lifecycle.faults
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lose[kind]++
}

// BreakNext lets the next creation of kind end in the kind's failed state with
// that code and message. Kinds that exist at once cannot fail so.
func (c *Controllers) BreakNext(kind, code, message string) {
	f := c.lifecycle.faults
	f.mu.Lock()
	defer f.mu.Unlock()
	f.broken[kind] = append(f.broken[kind], cloud.Error{Code: code, Message: message})
}

// faults are the failures that a test asked for.
type faults struct {
	mu     sync.Mutex
	answer func(Call) *cloud.Error
	lose   map[string]int
	broken map[string][]cloud.Error
}

func newFaults() *faults {
	return &faults{lose: map[string]int{}, broken: map[string][]cloud.Error{}}
}

// refuse asks outside the lock, so that an answer may set other faults.
func (f *faults) refuse(call Call) *cloud.Error {
	f.mu.Lock()
	answer := f.answer
	f.mu.Unlock()
	if answer == nil {
		return nil
	}
	return answer(call)
}

func (f *faults) loses(kind string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lose[kind] == 0 {
		return false
	}
	f.lose[kind]--
	return true
}

// doom notes in the facts of a new resource that its creation will fail.
func (f *faults) doom(kind string, data map[string]string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if waiting := f.broken[kind]; len(waiting) > 0 {
		data[doomCode], data[doomMessage] = waiting[0].Code, waiting[0].Message
		f.broken[kind] = waiting[1:]
	}
}

// Facts about a creation that is going to fail. They are kept with the resource
// so that a restart does not save it.
const (
	doomCode    = "doomCode"
	doomMessage = "doomMessage"
)

func doomOf(r cloud.Resource) error {
	if r.Data[doomCode] == "" {
		return nil
	}
	return &cloud.Error{Code: r.Data[doomCode], Message: r.Data[doomMessage]}
}
