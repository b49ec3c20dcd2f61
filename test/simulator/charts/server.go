package charts

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// manifest is the path of the one file of plain manifests.
const manifest = "/manifests/baseline.yaml"

// Server is a chart repository that also serves a file of manifests. It is safe for
// concurrent use.
type Server struct {
	served   map[string][]byte
	address  string
	server   *http.Server
	serving  sync.WaitGroup
	stop     sync.Once
	requests atomic.Int64
}

// Start packs the charts and serves them on a free port of 127.0.0.1.
func Start() (*Server, error) {
	served, err := contents()
	if err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("binding the chart repository: %w", err)
	}
	s := &Server{served: served, address: listener.Addr().String()}
	s.server = &http.Server{Handler: http.HandlerFunc(s.serve), ReadHeaderTimeout: 10 * time.Second}
	s.serving.Go(func() { _ = s.server.Serve(listener) })
	return s, nil
}

// URL of the repository.
func (s *Server) URL() string { return "http://" + s.address }

// ManifestURL is where the file of manifests is served.
func (s *Server) ManifestURL() string { return s.URL() + manifest }

// ManifestSHA256 is the hex digest of the file of manifests.
func (s *Server) ManifestSHA256() string { return digest(s.served[manifest]) }

// Requests counts what was asked so far.
func (s *Server) Requests() int { return int(s.requests.Load()) }

// Stop ends the server and the connections to it. It may be called more than once.
func (s *Server) Stop() {
	s.stop.Do(func() {
		_ = s.server.Close()
		s.serving.Wait()
	})
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.requests.Add(1)
	content, ok := s.served[r.URL.Path]
	if !ok || r.Method != http.MethodGet {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(content)
}
