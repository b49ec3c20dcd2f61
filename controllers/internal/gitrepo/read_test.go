package gitrepo

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	clocktesting "k8s.io/utils/clock/testing"
)

func TestRead(t *testing.T) {
	for name, settings := range servers {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			d := newDepot(t, settings...)
			files, err := newEditor().Read(t.Context(), d.branch(), []string{
				"values.yaml", "./helm/api/eu.yaml", "helm/api.yaml", "run.sh", "link.yaml", "helm/api", "vendor/other", "no", "no/such", "values.yaml/x", "../x", "",
			}, 0)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(files).To(HaveLen(4))
			for file, want := range map[string]string{"values.yaml": "seeds: a # why\n", "./helm/api/eu.yaml": "seeds: ''\n", "helm/api.yaml": "", "run.sh": "#!/bin/sh\n"} {
				g.Expect(string(files[file])).To(Equal(want))
			}
		})
	}
}

func TestReadRemembers(t *testing.T) {
	g := NewWithT(t)
	d := newDepot(t, likeGitHub...)
	clk := clocktesting.NewFakeClock(start)
	e := NewEditor(clk)
	read := func(maxAge time.Duration, paths ...string) string {
		files, err := e.Read(t.Context(), d.branch(), paths, maxAge)
		g.Expect(err).NotTo(HaveOccurred())
		text := string(files[paths[0]])
		for _, content := range files {
			for i := range content {
				content[i] = '?' // whoever gets a file may change it
			}
		}
		return text
	}
	const theirs = "theirs\n"
	g.Expect(read(time.Minute, "values.yaml", "no")).To(Equal("seeds: a # why\n"))
	g.Expect([]int32{d.looks.Load(), d.packs.Load()}).To(Equal([]int32{2, 2}))
	d.commit("values.yaml", theirs)
	clk.Step(time.Minute - 1)
	g.Expect(read(time.Minute, "values.yaml")).To(Equal("seeds: a # why\n"))
	g.Expect(d.looks.Load()).To(BeEquivalentTo(2))
	clk.Step(1)
	g.Expect(read(time.Minute, "values.yaml")).To(Equal(theirs))
	g.Expect([]int32{d.looks.Load(), d.packs.Load()}).To(Equal([]int32{4, 4}))
	g.Expect(read(0, "values.yaml")).To(Equal(theirs))
	g.Expect([]int32{d.looks.Load(), d.packs.Load()}).To(Equal([]int32{5, 4})) // the same head
	g.Expect(read(time.Minute, "helm/api/eu.yaml")).To(Equal("seeds: ''\n"))
	g.Expect([]int32{d.looks.Load(), d.packs.Load()}).To(Equal([]int32{7, 6})) // another file
	g.Expect(read(time.Minute, "values.yaml", "helm/api/eu.yaml", "no")).To(Equal(theirs))
	g.Expect(d.looks.Load()).To(BeEquivalentTo(7)) // both are known

	_, changed, err := e.Commit(t.Context(), d.branch(), "ours", []Change{plus("values.yaml", "ours"), to("no", "now")})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(changed).To(BeTrue())
	looks := d.looks.Load()
	g.Expect(read(time.Minute, "values.yaml")).To(Equal("theirs\nours"))
	g.Expect(read(time.Minute, "no")).To(Equal("now"))
	g.Expect(read(time.Minute, "helm/api/eu.yaml")).To(Equal("seeds: ''\n"))
	g.Expect(d.looks.Load()).To(Equal(looks))

	other := d.branch()
	other.Auth.Password = "another's"
	_, err = e.Read(t.Context(), other, []string{"values.yaml"}, time.Hour)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(d.looks.Load()).To(BeNumerically(">", looks)) // nothing is told to who has not shown the credentials
}

func TestReadersShareALook(t *testing.T) {
	g := NewWithT(t)
	d := newDepot(t)
	arrived, hold := make(chan struct{}, 100), make(chan struct{})
	d.around(func(git http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			arrived <- struct{}{}
			<-hold
			git.ServeHTTP(w, r)
		})
	})
	e := newEditor()
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() {
		_, err := e.Read(ctx, d.branch(), []string{"values.yaml", "no"}, time.Hour)
		first <- err
	}()
	<-arrived
	cancel()
	var err error
	g.Eventually(first).Should(Receive(&err))
	g.Expect(err).To(MatchError(context.Canceled)) // and the look goes on for the others
	var readers sync.WaitGroup
	for range 20 {
		readers.Go(func() {
			files, err := e.Read(t.Context(), d.branch(), []string{"no", "values.yaml"}, time.Hour)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(files).To(HaveKey("values.yaml"))
		})
	}
	close(hold)
	readers.Wait()
	g.Expect(d.looks.Load()).To(BeEquivalentTo(1))
	g.Expect(d.packs.Load()).To(BeEquivalentTo(1))
}

func TestReadFetchesNoMoreThanItNeeds(t *testing.T) {
	g := NewWithT(t)
	d := newDepot(t, likeGitHub...)
	content := make([]byte, 1<<20)
	_, _ = rand.Read(content) // it never fails
	d.commit("large", string(content))
	e := newEditor()
	e.limits.packBytes = int64(len(content))
	_, err := e.Read(t.Context(), d.branch(), []string{"values.yaml"}, 0)
	g.Expect(err).NotTo(HaveOccurred())
	_, err = e.Read(t.Context(), d.branch(), []string{"large"}, 0)
	g.Expect(err).To(MatchError(ErrUnreachable))
	g.Expect(err).To(MatchError(ContainSubstring("larger than 1 MiB")))
	_, changed, err := e.Commit(t.Context(), d.branch(), "ours", []Change{to("values.yaml", "x")})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(changed).To(BeTrue())
	g.Expect(d.git("cat-file", "-s", "main:large")).To(Equal(fmt.Sprint(len(content))))
}

func TestHeadsForgetTheOldest(t *testing.T) {
	g := NewWithT(t)
	hs := &heads{}
	of := func(i int) *head {
		return hs.of(Branch{Name: fmt.Sprint(i)}, start.Add(time.Duration(i)*time.Second))
	}
	busy := of(0)
	g.Expect(busy.take(t.Context())).To(Succeed())
	second := of(1)
	for i := range keptHeads {
		of(i + 2)
	}
	g.Expect(hs.known).To(HaveLen(keptHeads))
	g.Expect(of(0)).To(BeIdenticalTo(busy))
	g.Expect(of(1)).NotTo(BeIdenticalTo(second))
}
