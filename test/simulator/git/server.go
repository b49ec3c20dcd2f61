package git

import (
	"bytes"
	"compress/gzip"
	"crypto/subtle"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"

	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
)

// servedAs is the repository's path on the server.
const servedAs = "/repository.git"

// offered are the capabilities on which GitHub's and this server agree.
var offered = []capability.Capability{
	capability.OFSDelta, capability.Sideband64k, capability.NoProgress, capability.Shallow, capability.Filter,
	capability.AllowTipSHA1InWant, capability.AllowReachableSHA1InWant,
}

// server is the repository's place on the loopback.
type server struct {
	http    *http.Server
	address string
	running sync.WaitGroup
}

type credentials struct{ username, password string }

// Serve offers the repository at HTTPURL until Stop.
func (r *Repository) Serve() error {
	r.serving.Lock()
	defer r.serving.Unlock()
	if r.server != nil {
		return errors.New("already serving")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := &server{http: &http.Server{Handler: r.handler()}, address: listener.Addr().String()}
	s.running.Go(func() { _ = s.http.Serve(listener) })
	r.server = s
	return nil
}

// HTTPURL is where the repository is served, "" while it is not.
func (r *Repository) HTTPURL() string {
	r.serving.Lock()
	defer r.serving.Unlock()
	if r.server == nil {
		return ""
	}
	return "http://" + r.server.address + servedAs
}

// Require makes the server ask for credentials from now on; an empty password opens it again.
func (r *Repository) Require(username, password string) {
	r.serving.Lock()
	defer r.serving.Unlock()
	r.wanted = credentials{username: username, password: password}
}

// Stop ends serving. The files stay.
func (r *Repository) Stop() {
	r.serving.Lock()
	s := r.server
	r.server = nil
	r.serving.Unlock()
	if s != nil {
		_ = s.http.Close()
		s.running.Wait()
	}
}

func (r *Repository) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+servedAs+"/info/refs", r.serveReferences)
	mux.HandleFunc("POST "+servedAs+"/git-upload-pack", r.serveObjects)
	mux.HandleFunc("POST "+servedAs+"/git-receive-pack", r.servePush)
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if !r.admits(request) {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "credentials are needed", http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, request)
	})
}

func (r *Repository) admits(request *http.Request) bool {
	r.serving.Lock()
	wanted := r.wanted
	r.serving.Unlock()
	username, password, _ := request.BasicAuth()
	same := subtle.ConstantTimeCompare([]byte(wanted.username+"\n"+wanted.password), []byte(username+"\n"+password)) == 1
	return wanted.password == "" || same
}

func (r *Repository) serveReferences(w http.ResponseWriter, request *http.Request) {
	service := request.URL.Query().Get("service")
	capabilities := map[string][]capability.Capability{"git-upload-pack": offered, "git-receive-pack": offeredToPushers}[service]
	if capabilities == nil || service == "git-receive-pack" && r.rules().denied {
		http.Error(w, "this service is not for you", http.StatusForbidden)
		return
	}
	answer := &bytes.Buffer{}
	if err := r.advertise(answer, service, capabilities); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/x-"+service+"-advertisement")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(answer.Bytes()) // a caller that has gone needs no answer
}

// advertise names the branches, and to readers which of them is the repository's HEAD.
func (r *Repository) advertise(w io.Writer, service string, capabilities []capability.Capability) error {
	refs := packp.NewAdvRefs()
	refs.Prefix = [][]byte{[]byte("# service=" + service), pktline.Flush}
	for _, c := range capabilities {
		if err := refs.Capabilities.Set(c); err != nil {
			return err
		}
	}
	repository, err := gogit.PlainOpen(r.dir)
	if err != nil {
		return err
	}
	heads, err := branches(repository)
	if err != nil {
		return err
	}
	for name, head := range heads {
		refs.References[name.String()] = head
	}
	if main, ok := heads[branch]; ok && service == "git-upload-pack" {
		refs.Head = &main
		if err := refs.Capabilities.Set(capability.SymRef, "HEAD:"+branch.String()); err != nil {
			return err
		}
	}
	return refs.Encode(w)
}

func (r *Repository) serveObjects(w http.ResponseWriter, request *http.Request) {
	w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
	if err := r.answer(w, request); err != nil {
		// As git does: the protocol has a line for what goes wrong.
		_ = (&pktline.ErrorLine{Text: "upload-pack: " + err.Error()}).Encode(w)
	}
}

func (r *Repository) answer(w io.Writer, request *http.Request) error {
	body, err := bodyOf(request)
	if err != nil {
		return err
	}
	asked, err := parseRequest(body)
	if err != nil {
		return err
	}
	// Readers of their own: go-git's storage keeps state while it reads.
	repository, err := gogit.PlainOpen(r.dir)
	if err != nil {
		return err
	}
	selected, err := asked.choose(repository)
	if err != nil {
		return err
	}
	return selected.send(w, repository.Storer, asked)
}

// bodyOf unpacks what git's own client packs.
func bodyOf(request *http.Request) (io.Reader, error) {
	if request.Header.Get("Content-Encoding") == "gzip" {
		return gzip.NewReader(request.Body)
	}
	return request.Body, nil
}
