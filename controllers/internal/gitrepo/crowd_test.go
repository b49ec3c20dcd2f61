package gitrepo

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	clocktesting "k8s.io/utils/clock/testing"
)

// slow holds back what the depot is asked until it may answer, and says when it was asked.
func slow(d *depot) (asked <-chan struct{}, answer func()) {
	arrived, hold := make(chan struct{}, 1000), make(chan struct{})
	d.around(func(git http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			arrived <- struct{}{}
			<-hold
			git.ServeHTTP(w, r)
		})
	})
	return arrived, sync.OnceFunc(func() { close(hold) })
}

func TestReadersOfDifferentFilesShareALook(t *testing.T) {
	const readers = 50
	g := NewWithT(t)
	d := newDepot(t, likeGitHub...)
	for i := range readers {
		d.commit(fmt.Sprintf("regions/%d.yaml", i), fmt.Sprint(i))
	}
	clk := clocktesting.NewFakeClock(start)
	e := NewEditor(clk)
	waiting := func() int {
		h := e.heads.of(d.branch(), clk.Now())
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.crowd == nil {
			return 0
		}
		return len(h.crowd.paths)
	}
	all := func() (looks int32) {
		asked, answer := slow(d)
		defer answer()
		before := d.looks.Load()
		var reading sync.WaitGroup
		read := func(i int) {
			path := fmt.Sprintf("regions/%d.yaml", i)
			reading.Go(func() {
				files, err := e.Read(t.Context(), d.branch(), []string{path}, time.Minute)
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(string(files[path])).To(Equal(fmt.Sprint(i)))
			})
		}
		read(0)
		<-asked
		for i := 1; i < readers; i++ {
			read(i)
		}
		g.Eventually(waiting).WithTimeout(10 * time.Second).Should(Equal(readers - 1))
		answer()
		reading.Wait()
		return d.looks.Load() - before
	}
	g.Expect(all()).To(BeEquivalentTo(4), "the folders and the file of the first, and then those of all others")
	clk.Step(time.Minute)
	g.Expect(all()).To(BeEquivalentTo(1), "nothing has changed")
	clk.Step(time.Minute)
	d.commit("regions/theirs.yaml", "")
	g.Expect(all()).To(BeEquivalentTo(2), "all files are known")
}

func TestAReaderWhoseTimeIsOverFindsTheRepositoryUnreachable(t *testing.T) {
	g := NewWithT(t)
	d := newDepot(t)
	_, answer := slow(d)
	defer answer()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err := newEditor().Read(ctx, d.branch(), []string{"values.yaml"}, 0)
	g.Expect(err).To(MatchError(ErrUnreachable))
}
