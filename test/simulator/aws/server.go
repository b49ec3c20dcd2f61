package aws

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

const (
	maxBody       = 1 << 20
	stopGrace     = time.Second
	headerTimeout = 10 * time.Second
)

// Server is the HTTP endpoint of all simulated services.
type Server struct {
	cloud       *cloud.Cloud
	credentials *credentials
	departed    *departed
	requests    atomic.Uint64
	fault       atomic.Pointer[fault]
	settings    settings
	throttles   throttles
	// grouping keeps calls from making two endpoint groups where AWS has one.
	grouping sync.Mutex
	// copying keeps a replica from being in sync with a version that is replaced meanwhile.
	copying sync.Mutex

	url      string
	http     *http.Server
	stop     sync.Once
	stopped  chan struct{}
	pending  sync.WaitGroup
	unfollow func()
}

type fault func(cloud.Call) *cloud.Error

// Start serves the account on a free loopback port until Stop.
func Start(c *cloud.Cloud) (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening for AWS calls: %w", err)
	}
	s := &Server{
		cloud:       c,
		credentials: newCredentials(c.Account()),
		departed:    newDeparted(c.Scale(departedFor)),
		url:         "http://" + listener.Addr().String(),
		stopped:     make(chan struct{}),
	}
	s.unfollow = c.Subscribe(s.departed.follow)
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: headerTimeout}
	s.pending.Go(func() { _ = s.http.Serve(listener) }) // ends with ErrServerClosed
	return s, nil
}

// URL is the endpoint for AWS_ENDPOINT_URL.
func (s *Server) URL() string { return s.url }

// Stop ends the server and everything it still had in progress. It may be called more than once.
func (s *Server) Stop() {
	s.stop.Do(func() {
		s.unfollow()
		close(s.stopped)
		ctx, cancel := context.WithTimeout(context.Background(), stopGrace)
		defer cancel()
		if s.http.Shutdown(ctx) != nil {
			_ = s.http.Close()
		}
		s.pending.Wait()
	})
}

// Fail consults hook before each call; an error that it returns is the answer.
// The call has no code yet. A nil hook ends the faults.
func (s *Server) Fail(hook func(cloud.Call) *cloud.Error) {
	if hook == nil {
		s.fault.Store(nil)
		return
	}
	f := fault(hook)
	s.fault.Store(&f)
}

// ServeHTTP answers one API call and records it.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	c, svc, err := s.receive(r)
	w.Header().Set("X-Amzn-Requestid", c.requestID)
	var result any
	if err == nil {
		result, err = s.answer(c, svc)
	}
	refused := refusal(err)
	s.cloud.Record(c.entry(refused))
	if refused != nil {
		svc.protocol.refuse(w, c, refused)
		return
	}
	svc.protocol.reply(w, c, result)
}

func (s *Server) answer(c *call, svc service) (any, error) {
	identity, err := s.credentials.resolve(c.accessKey, c.sessionToken)
	if err != nil {
		return nil, svc.reject(err)
	}
	c.identity = identity
	if !s.answersIn(svc, c.region) {
		return nil, svc.reject(errUnknownKey)
	}
	wanted, known := svc.operations[c.operation]
	if known && wanted.on != nil {
		c.subject = wanted.on(s, c)
	}
	if f := s.fault.Load(); f != nil {
		if refused := (*f)(c.entry(nil)); refused != nil {
			return nil, refused
		}
	}
	if !known {
		return nil, &cloud.Error{
			Code:    svc.unknownOperation,
			Message: fmt.Sprintf("The action %s is not valid for this web service.", c.operation),
		}
	}
	if err := s.throttles.spend(c, svc, time.Now()); err != nil {
		return nil, err
	}
	if err := s.authorize(c, svc, wanted); err != nil {
		return nil, err
	}
	return wanted.handle(s, c)
}

// answersIn is false where the API has no endpoint and in regions that the account has not
// opted in to, whose endpoints do not know its credentials.
func (s *Server) answersIn(svc service, region string) bool {
	if svc.home != "" {
		return region == svc.home
	}
	return svc.global || s.settings.optInOf(region) != notOptedIn
}

// after runs do once the delay has passed, unless the server stops first.
func (s *Server) after(delay time.Duration, do func()) {
	s.pending.Go(func() {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-s.stopped:
		case <-timer.C:
			do()
		}
	})
}

func refusal(err error) *cloud.Error {
	if err == nil {
		return nil
	}
	if refused, ok := errors.AsType[*cloud.Error](err); ok {
		return refused
	}
	return &cloud.Error{Code: codeInternal, Message: err.Error()}
}
