package faults

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// side is a world that the operator writes to.
type side string

const (
	kube     side = "kube"
	aws      side = "AWS"
	regional side = "regional"
)

// write is a request that changes something.
type write struct {
	side side
	// target is the operation and what it is done to.
	target string
	// content tells writes to one target apart, if it is the same in each life of the operator.
	content string
}

// volatile is what differs between two attempts at one write.
var volatile = regexp.MustCompile(`"resourceVersion":"\d+"` +
	`|"(uid|ClientRequestToken|IdempotencyToken)":"[^"]*"` +
	`|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)

func hashed(body []byte) string {
	sum := sha256.Sum256(volatile.ReplaceAll(body, nil))
	return hex.EncodeToString(sum[:4])
}

// notState are paths of the Kubernetes API whose objects nobody acts on: leases, events
// and questions in the form of objects.
var notState = regexp.MustCompile(`^/apis/(coordination\.k8s\.io|events\.k8s\.io|authentication\.k8s\.io|authorization\.k8s\.io)/|/events(/|$)`)

// kubeWrite returns what a request to a Kubernetes API changes.
func kubeWrite(r *http.Request, body []byte) (write, bool) {
	if r.Method == http.MethodGet || r.Method == http.MethodHead || notState.MatchString(r.URL.Path) {
		return write{}, false
	}
	w := write{side: kube, target: r.Method + " " + r.URL.Path}
	if !strings.HasSuffix(r.URL.Path, "/status") { // a status is another in each life
		w.content = hashed(body)
	}
	return w, true
}

var reads = regexp.MustCompile(`^(Describe|List|Get|Head|Assume|Search)`)

// awsWrite returns what a call of AWS changes. Query and JSON services are posted to for
// everything and name the operation, the others mean what the method says.
func awsWrite(r *http.Request, body []byte) (write, bool) {
	operation := r.Method + " " + r.URL.Path
	read := r.Method == http.MethodGet || r.Method == http.MethodHead
	named := r.Header.Get("X-Amz-Target")
	if form, err := url.ParseQuery(string(body)); named == "" && err == nil {
		named = form.Get("Action")
	}
	if named != "" {
		operation = named[strings.LastIndex(named, ".")+1:]
		read = reads.MatchString(operation)
	}
	return write{side: aws, target: operation, content: hashed(body)}, !read
}

// takeBody reads a request's body and puts it back.
func takeBody(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(r.Body)
	_ = r.Body.Close()
	restoreBody(r, body)
	return body, err
}

func restoreBody(r *http.Request, body []byte) {
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
}
