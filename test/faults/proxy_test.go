package faults

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"

	"github.com/portolan-dev/portolan/test/bed"
)

// serve puts a proxy before each world of the operator.
func (r *reaper) serve() error {
	kubernetes, err := r.proxy(r.bed.Config.Host, r.bed.Config.CAData, kubeWrite)
	if err != nil {
		return err
	}
	cloud, err := r.proxy(r.bed.AWS.URL(), nil, awsWrite)
	if err != nil {
		return err
	}
	kubernetes.StartTLS()
	cloud.Start()
	r.detour = bed.Detour{
		Kubernetes: kubernetes.URL,
		CA:         pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: kubernetes.Certificate().Raw}),
		AWS:        cloud.URL,
	}
	return nil
}

// proxy shows the writes among the requests to an address to the reaper.
func (r *reaper) proxy(to string, ca []byte, changes func(*http.Request, []byte) (write, bool)) (*httptest.Server, error) {
	world, err := forwarder(to, ca)
	if err != nil {
		return nil, err
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := takeBody(request)
		if err != nil {
			panic(http.ErrAbortHandler) // whoever asks has gone
		}
		if change, ok := changes(request, body); ok {
			r.meet(w, request, change, world)
		} else {
			world.ServeHTTP(w, request)
		}
	}))
	server.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, lifeKey{}, r.life.Load())
	}
	server.Config.ErrorLog = nobody
	r.proxies = append(r.proxies, server)
	return server, nil
}

// lifeKey is under which a connection knows which life of the operator's opened it.
type lifeKey struct{}

func lifeOf(ctx context.Context) int64 {
	life, _ := ctx.Value(lifeKey{}).(int64)
	return life
}

func forwarder(to string, ca []byte) (http.Handler, error) {
	target, err := url.Parse(to)
	if err != nil {
		return nil, fmt.Errorf("reading the address of a world: %w", err)
	}
	transport := &http.Transport{ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 100}
	if ca != nil {
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(ca)
		transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	}
	return &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(target)
			p.Out.Host = p.In.Host // it is signed
		},
		Transport:     transport,
		FlushInterval: -1, // watches
		ErrorHandler:  func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ErrorLog:      nobody,
	}, nil
}

// nobody reads of connections that end with the operator.
var nobody = log.New(io.Discard, "", 0)
