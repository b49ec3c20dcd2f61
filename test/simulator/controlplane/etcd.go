package controlplane

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"github.com/portolan-dev/portolan/test/simulator/process"
)

// Etcd is the store behind the API servers of one bed.
type Etcd struct {
	process *process.Process
	url     string
}

// StartEtcd starts etcd with its data and log in dir. It trades durability for
// speed: nothing reads the data after a crash.
func StartEtcd(ctx context.Context, bin Binaries, dir string) (*Etcd, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("starting etcd: %w", err)
	}
	name := "portolan-" + rand.Text()
	running, port, err := launch(ctx, server{
		path:      bin.Etcd,
		log:       filepath.Join(dir, "etcd.log"),
		arguments: func(port int) []string { return etcdArguments(name, dir, port) },
		ready:     func(ctx context.Context, port int) error { return isMember(ctx, etcdURL(port), name) },
	})
	if err != nil {
		return nil, fmt.Errorf("starting %w", err)
	}
	return &Etcd{process: running, url: etcdURL(port)}, nil
}

func etcdURL(port int) string { return "http://127.0.0.1:" + strconv.Itoa(port) }

func etcdArguments(name, dir string, port int) []string {
	return []string{
		"--name=" + name,
		"--data-dir=" + filepath.Join(dir, "etcd"),
		"--listen-client-urls=" + etcdURL(port),
		"--advertise-client-urls=" + etcdURL(port),
		"--listen-peer-urls=http://127.0.0.1:0",
		"--unsafe-no-fsync",
		"--quota-backend-bytes=8589934592",
		"--log-level=warn",
	}
}

// URL is where clients reach etcd.
func (e *Etcd) URL() string { return e.url }

// Stop ends etcd and returns when it is gone.
func (e *Etcd) Stop() { e.process.Stop() }

// Forget deletes everything that the API server of that name has stored, so that
// the next one of the same name starts empty. Call it after its Stop.
func (e *Etcd) Forget(ctx context.Context, name string) error {
	keys := map[string][]byte{
		"key":       []byte(prefixOf(name) + "/"),
		"range_end": []byte(prefixOf(name) + "0"), // '0' follows '/'
	}
	if err := call(ctx, e.url+"/v3/kv/deleterange", keys, nil); err != nil {
		return fmt.Errorf("deleting what %s stored: %w", name, err)
	}
	return nil
}

// isMember fails unless an etcd of that name has elected itself leader.
func isMember(ctx context.Context, url, name string) error {
	var list struct{ Members []struct{ Name string } }
	if err := call(ctx, url+"/v3/cluster/member/list", struct{}{}, &list); err != nil {
		return err
	}
	for _, member := range list.Members {
		if member.Name == name {
			return nil
		}
	}
	return fmt.Errorf("another etcd answers at %s", url)
}

// call uses the JSON gateway of etcd: two calls do not justify its client.
func call(ctx context.Context, url string, request, response any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(post)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("etcd answered %s", answer.Status)
	}
	if response == nil {
		return nil
	}
	return json.NewDecoder(answer.Body).Decode(response)
}
