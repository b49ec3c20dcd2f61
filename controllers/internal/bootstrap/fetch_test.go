package bootstrap_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/bootstrap"
)

var small = map[string]string{"templates/a.yaml": object("Service", "s")}

func TestFetchingOnce(t *testing.T) {
	g := NewWithT(t)
	b := newBed(t, bootstrap.Options{})
	item := b.publish("c", "1.0.0", small)
	release := b.held()

	var regions sync.WaitGroup
	for range 10 {
		regions.Go(func() {
			_, err := b.render(t, item)
			g.Expect(err).NotTo(HaveOccurred())
		})
	}
	g.Eventually(func() int { return b.requests("/index.yaml") }).Should(Equal(1))
	release()
	regions.Wait()
	_, err := b.render(t, item)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(b.requests("/index.yaml")).To(Equal(1))
	g.Expect(b.requests("/c-1.0.0.tgz")).To(Equal(1))
}

func TestFetchingGoesOnWithoutTheCaller(t *testing.T) {
	g := NewWithT(t)
	b := newBed(t, bootstrap.Options{})
	item := b.publish("c", "1.0.0", small)
	release := b.held()
	ctx, cancel := context.WithCancelCause(t.Context())
	failed := make(chan error)
	go func() {
		_, err := b.Render(ctx, item, nil, variables)
		failed <- err
	}()
	g.Eventually(func() int { return b.requests("/index.yaml") }).Should(Equal(1))
	gone := errors.New("the region is gone")
	cancel(gone)
	g.Expect(<-failed).To(MatchError(gone))

	release()
	_, err := b.render(t, item)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(b.requests("/index.yaml")).To(Equal(1), "the first fetch was not in vain")
}

func TestCacheIsBounded(t *testing.T) {
	for name, tc := range map[string]struct {
		options      bootstrap.Options
		wantA, wantB int
	}{
		"by entries":              {options: bootstrap.Options{CacheEntries: 2}, wantA: 1, wantB: 2},
		"by bytes":                {options: bootstrap.Options{CacheBytes: 600}, wantA: 1, wantB: 2},
		"not below its bounds":    {options: bootstrap.Options{CacheEntries: 3}, wantA: 1, wantB: 1},
		"so small that none fits": {options: bootstrap.Options{CacheBytes: 10}, wantA: 2, wantB: 2},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			bed := newBed(t, tc.options)
			a, b, c := bed.publish("a", "1.0.0", small), bed.publish("b", "1.0.0", small), bed.publish("c", "1.0.0", small)
			for _, item := range []v1alpha1.BootstrapItem{a, b, a, c, b} { // c takes the place of b, which was not used for longest
				_, err := bed.render(t, item)
				g.Expect(err).NotTo(HaveOccurred())
			}
			g.Expect(bed.requests("/a-1.0.0.tgz")).To(Equal(tc.wantA))
			g.Expect(bed.requests("/b-1.0.0.tgz")).To(Equal(tc.wantB))
		})
	}
}

func TestRefusedRepositories(t *testing.T) {
	for name, tc := range map[string]struct {
		edit    func(b *bed, item *v1alpha1.BootstrapItem)
		options bootstrap.Options
		want    []string
	}{
		"no such version": {
			edit: func(b *bed, item *v1alpha1.BootstrapItem) {
				for _, version := range []string{"1.9.0", "1.10.0", "2.0.0-rc.1"} {
					b.publish("c", version, small)
				}
				item.Helm.Version = "1.0.1"
			},
			want: []string{"has no version 1.0.1 of chart c: use another, the newest are 2.0.0-rc.1, 1.10.0, 1.9.0"},
		},
		"no version that is only similar": {
			edit: func(_ *bed, item *v1alpha1.BootstrapItem) { item.Helm.Version = "1.0.0+build" },
			want: []string{"has no version 1.0.0+build of chart c", "the newest are 1.0.0"},
		},
		"no such chart": {
			edit: func(_ *bed, item *v1alpha1.BootstrapItem) { item.Helm.Chart = "d" },
			want: []string{"has no chart d: check its name and the repository"},
		},
		"no repository": {
			edit: func(b *bed, item *v1alpha1.BootstrapItem) { item.Helm.Repository = b.URL + "/elsewhere" },
			want: []string{"/elsewhere/index.yaml answers 404 Not Found: check the address"},
		},
		"a private one": {
			edit: func(b *bed, _ *v1alpha1.BootstrapItem) { b.fail("/index.yaml", http.StatusUnauthorized) },
			want: []string{"/index.yaml answers 401 Unauthorized: it has to be readable without credentials"},
		},
		"a broken one": {
			edit: func(b *bed, _ *v1alpha1.BootstrapItem) { b.fail("/c-1.0.0.tgz", http.StatusBadGateway) },
			want: []string{"/c-1.0.0.tgz answers 502 Bad Gateway"},
		},
		"one whose index is a page": {
			edit: func(b *bed, _ *v1alpha1.BootstrapItem) { b.put("/index.yaml", "<html>: <p>: x") },
			want: []string{"/index.yaml is no index of a chart repository"},
		},
		"one with half an index": {
			edit: func(b *bed, _ *v1alpha1.BootstrapItem) { b.put("/index.yaml", "entries: {c: [null, {urls: [x]}]}") },
			want: []string{"has no chart c"},
		},
		"one without addresses": {
			edit: func(b *bed, _ *v1alpha1.BootstrapItem) {
				b.put("/index.yaml", "entries: {c: [{name: c, version: 1.0.0}]}")
			},
			want: []string{"lists chart c 1.0.0 without an address"},
		},
		"an archive that was replaced": {
			edit: func(b *bed, _ *v1alpha1.BootstrapItem) { b.put("/c-1.0.0.tgz", "other") },
			want: []string{"/c-1.0.0.tgz has SHA-256 " + sum([]byte("other")), "its repository's index says "},
		},
		"an archive that is none": {
			edit: func(b *bed, _ *v1alpha1.BootstrapItem) {
				b.put("/c-1.0.0.tgz", "other")
				b.put("/index.yaml", "entries: {c: [{name: c, version: 1.0.0, urls: [c-1.0.0.tgz]}]}")
			},
			want: []string{"chart c 1.0.0 cannot be loaded"},
		},
		"nothing listens": {
			edit: func(b *bed, _ *v1alpha1.BootstrapItem) { b.Close() },
			want: []string{"/index.yaml cannot be fetched: connection refused; check the address"},
		},
		"an answer that takes too long": {
			edit:    func(b *bed, _ *v1alpha1.BootstrapItem) { b.held() },
			options: bootstrap.Options{Timeout: 50 * time.Millisecond},
			want:    []string{"/index.yaml cannot be fetched: context deadline exceeded"},
		},
		"an answer that is too large": {
			edit:    func(b *bed, _ *v1alpha1.BootstrapItem) { b.put("/index.yaml", strings.Repeat("#", 2001)) },
			options: bootstrap.Options{MaxBytes: 2000},
			want:    []string{"/index.yaml is larger than Portolan accepts"},
		},
		"no address": {
			edit: func(_ *bed, item *v1alpha1.BootstrapItem) { item.Helm.Repository = "http://a b" },
			want: []string{"invalid character"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			b := newBed(t, tc.options)
			item := b.publish("c", "1.0.0", small)
			tc.edit(b, &item)
			_, err := b.render(t, item)
			g.Expect(err).To(HaveOccurred())
			for _, part := range tc.want {
				g.Expect(err).To(MatchError(ContainSubstring(part)))
			}
		})
	}
}

func TestAFailureIsNotKept(t *testing.T) {
	g := NewWithT(t)
	b := newBed(t, bootstrap.Options{})
	item := b.publish("c", "1.0.0", small)
	b.fail("/c-1.0.0.tgz", http.StatusServiceUnavailable)
	_, err := b.render(t, item)
	g.Expect(err).To(MatchError(ContainSubstring("503")))
	b.fail("/c-1.0.0.tgz", 0)
	_, err = b.render(t, item)
	g.Expect(err).NotTo(HaveOccurred())
}

func TestPasswordsAreNotShown(t *testing.T) {
	g := NewWithT(t)
	b := newBed(t, bootstrap.Options{})
	item := b.publish("c", "1.0.0", small)
	item.Helm.Repository = strings.Replace(b.URL, "http://", "http://user:hunter2@", 1)
	item.Helm.Version = "3.0.0"
	_, err := b.render(t, item)
	g.Expect(err).To(MatchError(ContainSubstring("has no version 3.0.0")))
	g.Expect(err.Error()).NotTo(ContainSubstring("hunter2"))
	b.fail("/index.yaml", http.StatusForbidden)
	_, err = b.render(t, item)
	g.Expect(err).To(MatchError(ContainSubstring("403")))
	g.Expect(err.Error()).NotTo(ContainSubstring("hunter2"))
}

func TestVersionsWithAndWithoutV(t *testing.T) {
	g := NewWithT(t)
	b := newBed(t, bootstrap.Options{})
	item := b.publish("c", "1.0.0", small)
	item.Helm.Version = "v1.0.0"
	rendered, err := b.render(t, item)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(names(rendered)).To(ContainElement("Service s"))
}
