package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
)

// operator is Portolan's user at the management cluster.
const operator = "system:serviceaccount:portolan-system:portolan-controller-manager"

// request is what the benchmark reads of an event in the API server's audit log.
type request struct {
	Stage string `json:"stage"`
	Verb  string `json:"verb"`
	User  struct {
		Username string `json:"username"`
	} `json:"user"`
	ObjectRef struct {
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
	} `json:"objectRef"`
}

var (
	writeVerbs = []string{"create", "update", "patch", "delete", "deletecollection"}
	readVerbs  = []string{"get", "list"} // a watch costs nothing while nothing happens
)

// requests counts what the operator asked for, by verb and resource.
type requests struct{ writes, reads map[string]int }

func sum(counts map[string]int) int {
	all := 0
	for _, n := range counts {
		all += n
	}
	return all
}

// countRequests reads an audit log.
func countRequests(log io.Reader) (requests, error) {
	counts := requests{writes: map[string]int{}, reads: map[string]int{}}
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r request
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return counts, fmt.Errorf("parsing the audit log: %w", err)
		}
		if r.Stage != "ResponseComplete" || r.User.Username != operator {
			continue
		}
		what := r.Verb + " " + r.ObjectRef.Resource
		if r.ObjectRef.Subresource != "" {
			what += "/" + r.ObjectRef.Subresource
		}
		switch {
		case slices.Contains(writeVerbs, r.Verb):
			counts.writes[what]++
		case slices.Contains(readVerbs, r.Verb):
			counts.reads[what]++
		}
	}
	if err := lines.Err(); err != nil {
		return counts, fmt.Errorf("reading the audit log: %w", err)
	}
	return counts, nil
}

// auditSince counts what was written to an audit log between two of its sizes.
func auditSince(path string, from, to int64) (requests, error) {
	file, err := os.Open(path)
	if err != nil {
		return requests{}, fmt.Errorf("opening the audit log: %w", err)
	}
	defer func() { _ = file.Close() }()
	return countRequests(io.NewSectionReader(file, from, to-from))
}

// sizeOf is how long a file is. The API server writes whole lines.
func sizeOf(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, fmt.Errorf("looking at the audit log: %w", err)
	}
	return info.Size(), nil
}
