package github

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Bounds on what GitHub says of a pull request, in bytes, whoever answers in its name.
const (
	maxTitle  = 1024
	maxName   = 256
	maxLabels = 20
)

// ask makes one query of all the numbers. Those without a pull request are left out.
func (p *PullRequests) ask(ctx context.Context, at place, numbers []int32) (map[int32]*PullRequest, error) {
	body, err := json.Marshal(map[string]any{
		"query": query(numbers), "variables": map[string]string{"owner": at.owner, "name": at.name},
	})
	if err != nil {
		return nil, fmt.Errorf("encoding the query: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, at.api, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("making a request: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+at.token)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "portolan")
	response, err := p.http.Do(request)
	if err != nil {
		return nil, unanswered(ctx, err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, longest+1))
	switch {
	case err != nil:
		return nil, unanswered(ctx, err)
	case response.StatusCode != http.StatusOK:
		return nil, p.refused(response)
	case len(answer) > longest:
		return nil, errors.New("the answer has more than 1 MiB")
	}
	return p.read(response, answer, numbers)
}

// query asks for each pull request under a name of its own
// (https://docs.github.com/en/graphql/reference/objects#pullrequest).
func query(numbers []int32) string {
	var b strings.Builder
	b.WriteString("query($owner: String!, $name: String!) { repository(owner: $owner, name: $name) {")
	for _, number := range numbers {
		fmt.Fprintf(&b, " %s: pullRequest(number: %d) { title author { login } labels(first: %d) { nodes { name } } mergeCommit { oid } }",
			alias(number), number, maxLabels)
	}
	b.WriteString(" } }")
	return b.String()
}

func alias(number int32) string { return fmt.Sprintf("p%d", number) }

// reply is what the query gives. What there is none of is null, with an error beside it.
type reply struct {
	Data struct {
		Repository map[string]*struct {
			Title  string `json:"title"`
			Author *struct {
				Login string `json:"login"`
			} `json:"author"`
			Labels *struct {
				Nodes []struct {
					Name string `json:"name"`
				} `json:"nodes"`
			} `json:"labels"`
			MergeCommit *struct {
				OID string `json:"oid"`
			} `json:"mergeCommit"`
		} `json:"repository"`
	} `json:"data"`
	Errors []struct {
		Type string `json:"type"`
	} `json:"errors"`
}

func (p *PullRequests) read(response *http.Response, body []byte, numbers []int32) (map[int32]*PullRequest, error) {
	var r reply
	if err := json.Unmarshal(body, &r); err != nil {
		return nil, errors.New("the answer is not GitHub's")
	}
	for _, e := range r.Errors {
		// Any other error is about more than a number that belongs to nothing, or to an issue.
		if e.Type != "NOT_FOUND" || r.Data.Repository == nil {
			return nil, &refusal{fmt.Sprintf("it answers with %.40q", e.Type), p.wait(response.Header)}
		}
	}
	if r.Data.Repository == nil {
		return nil, errors.New("the answer is not GitHub's")
	}
	found := map[int32]*PullRequest{}
	for _, number := range numbers {
		got := r.Data.Repository[alias(number)]
		if got == nil {
			continue
		}
		pr := &PullRequest{Title: clip(got.Title, maxTitle)}
		if got.Author != nil {
			pr.Author = clip(got.Author.Login, maxName)
		}
		if got.Labels != nil {
			for _, label := range got.Labels.Nodes[:min(len(got.Labels.Nodes), maxLabels)] {
				pr.Labels = append(pr.Labels, clip(label.Name, maxName))
			}
		}
		if got.MergeCommit != nil {
			pr.Commit = clip(got.MergeCommit.OID, maxName)
		}
		found[number] = pr
	}
	return found, nil
}

// clip keeps nothing of what it cuts off.
func clip(text string, length int) string {
	return strings.ToValidUTF8(strings.Clone(text[:min(len(text), length)]), "\uFFFD")
}

// refusal is an error of GitHub's own.
type refusal struct {
	text string
	wait time.Duration
}

func (r *refusal) Error() string { return r.text }

// Bounds on how long GitHub is left alone after an error.
const (
	shortPause = time.Minute
	longPause  = time.Hour
)

func pauseOf(err error) time.Duration {
	if r, is := errors.AsType[*refusal](err); is {
		return min(max(r.wait, shortPause), longPause)
	}
	return shortPause
}

// refused does not repeat what the answer says, as anybody may have written it.
func (p *PullRequests) refused(response *http.Response) error {
	return &refusal{fmt.Sprintf("it answers with %d %s", response.StatusCode, http.StatusText(response.StatusCode)), p.wait(response.Header)}
}

// wait is how long GitHub asks to be left alone
// (https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api).
func (p *PullRequests) wait(header http.Header) time.Duration {
	seconds, err := strconv.ParseInt(header.Get("Retry-After"), 10, 64)
	if err != nil && header.Get("X-RateLimit-Remaining") == "0" {
		seconds, err = strconv.ParseInt(header.Get("X-RateLimit-Reset"), 10, 64)
		seconds -= p.clock.Now().Unix()
	}
	if err != nil {
		return 0
	}
	const bound = int64(longPause / time.Second) // what is much longer is no Duration
	return time.Duration(min(max(seconds, 0), bound)) * time.Second
}

// unanswered says why there is no answer, without the ports of whoever asked.
func unanswered(ctx context.Context, err error) error {
	if failure, is := errors.AsType[*url.Error](err); is {
		err = failure.Err
	}
	timeout, is := errors.AsType[net.Error](err)
	if ctx.Err() != nil || is && timeout.Timeout() {
		return fmt.Errorf("no answer within %s", patience)
	}
	if failure, is := errors.AsType[*net.OpError](err); is {
		err = failure.Err
	}
	return fmt.Errorf("no answer: %w", err)
}
