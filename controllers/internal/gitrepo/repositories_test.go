package gitrepo

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	clocktesting "k8s.io/utils/clock/testing"
)

const nowhere = "0123456789abcdef0123456789abcdef01234567"

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newRepositories() *Repositories { return New(clocktesting.NewFakePassiveClock(start)) }

func TestMissing(t *testing.T) {
	o := standard(t)
	ways := map[string]struct {
		repository   func(t *testing.T) Repository
		seesDangling bool
	}{
		"in place": {
			repository:   func(*testing.T) Repository { return Repository{URL: "file://" + o.bare()} },
			seesDangling: true,
		},
		"in place, of a working copy": {
			repository:   func(*testing.T) Repository { return Repository{URL: "file://" + o.dir} },
			seesDangling: true,
		},
		"from a server that serves branches only": {
			repository: func(t *testing.T) Repository { return serve(t, smart(o)).repository() },
		},
		"from git as it is": {
			repository: func(t *testing.T) Repository { return serve(t, original(t, o)).repository() },
		},
		"from git as GitHub has it": {
			repository: func(t *testing.T) Repository { return serve(t, original(t, o, likeGitHub...)).repository() },
		},
		"from git that serves everything": {
			repository: func(t *testing.T) Repository {
				return serve(t, original(t, o, "uploadpack.allowAnySHA1InWant=true")).repository()
			},
			seesDangling: true,
		},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			repository := way.repository(t)
			expectMissing(t, repository, o.commits)
			_, err := newRepositories().Missing(t.Context(), repository, o.commits["dangling"], []string{"dangling.yaml"})
			if way.seesDangling {
				NewWithT(t).Expect(err).NotTo(HaveOccurred())
			} else {
				NewWithT(t).Expect(err).To(MatchError(ErrUnknownRevision))
			}
		})
	}
}

func expectMissing(t *testing.T, repository Repository, commits map[string]string) {
	cases := map[string]struct {
		commit    string
		paths     []string
		want      []string
		wantError error
	}{
		"all files exist": {
			commit: commits["tip"],
			paths:  []string{"values.yaml", "helm/api/production001/eu-west-1.yaml", "helm/api/production001/us-east-1.yaml"},
		},
		"a file came later": {
			commit: commits["old"],
			paths:  []string{"helm/api/production001/eu-west-1.yaml", "values.yaml"},
			want:   []string{"helm/api/production001/eu-west-1.yaml"},
		},
		"in the order asked": {
			commit: commits["tip"],
			paths:  []string{"z.yaml", "values.yaml", "a/b.yaml", "values.yaml/c.yaml"},
			want:   []string{"z.yaml", "a/b.yaml", "values.yaml/c.yaml"},
		},
		"a folder is no file": {commit: commits["tip"], paths: []string{"helm/api"}, want: []string{"helm/api"}},
		"other spellings": {
			commit: strings.ToUpper(commits["tip"]),
			paths:  []string{"/values.yaml", "./values.yaml", "helm/../values.yaml", "../values.yaml", ""},
			want:   []string{"../values.yaml", ""},
		},
		"nothing asked":     {commit: commits["tip"]},
		"an unknown commit": {commit: nowhere, paths: []string{"values.yaml"}, wantError: ErrUnknownRevision},
		"a branch":          {commit: "main", paths: []string{"values.yaml"}, wantError: ErrUnknownRevision},
		"a short hash":      {commit: commits["tip"][:12], wantError: ErrUnknownRevision},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			missing, err := newRepositories().Missing(t.Context(), repository, tc.commit, tc.paths)
			if tc.wantError != nil {
				g.Expect(err).To(MatchError(tc.wantError))
				g.Expect(err).To(MatchError(ContainSubstring(repository.String())))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(missing).To(Equal(tc.want))
		})
	}
}

func TestMissingInAnEmptyRepository(t *testing.T) {
	o := newOrigin(t)
	for name, repository := range map[string]Repository{
		"in place": {URL: "file://" + o.bare()},
		"from git": serve(t, original(t, o)).repository(),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newRepositories().Missing(t.Context(), repository, nowhere, nil)
			NewWithT(t).Expect(err).To(MatchError(ErrUnknownRevision))
		})
	}
}

func TestCommitFarBack(t *testing.T) {
	g := NewWithT(t)
	o := newOrigin(t)
	o.commit("first", "first.yaml")
	for i := range headsDepth {
		o.commit(fmt.Sprint(i), fmt.Sprint(i))
	}
	s := serve(t, original(t, o))
	repositories := newRepositories()
	g.Expect(repositories.Missing(t.Context(), s.repository(), o.commits["first"], []string{"first.yaml", "0"})).To(Equal([]string{"0"}))
	g.Expect(s.packs.Load()).To(BeEquivalentTo(2)) // fifty commits, then all
	g.Expect(repositories.Missing(t.Context(), s.repository(), o.commits["1"], []string{"2"})).To(Equal([]string{"2"}))
	g.Expect(s.packs.Load()).To(BeEquivalentTo(3)) // within fifty
}

func TestFetchesNoMoreThanItNeeds(t *testing.T) {
	g := NewWithT(t)
	o := newOrigin(t)
	content := make([]byte, 1<<20)
	_, _ = rand.Read(content) // it never fails
	o.write("large", content)
	o.commit("old", "values.yaml")
	o.commit("tip")
	s := serve(t, original(t, o, likeGitHub...))
	repositories := newRepositories()
	repositories.limits.packBytes = int64(len(content))

	g.Expect(repositories.Missing(t.Context(), s.repository(), o.commits["old"], []string{"values.yaml", "large"})).To(BeEmpty())
	g.Expect(s.packs.Load()).To(BeEquivalentTo(1))
	_, err := repositories.Missing(t.Context(), s.repository(), nowhere, nil)
	g.Expect(err).To(MatchError(ErrUnknownRevision))
	g.Expect(s.packs.Load()).To(BeEquivalentTo(2)) // git said that it has no such commit
}

func TestRemembers(t *testing.T) {
	g := NewWithT(t)
	o := standard(t)
	s := serve(t, smart(o))
	clock := clocktesting.NewFakePassiveClock(start)
	repositories := New(clock)
	ask := func(commit string, paths ...string) error {
		_, err := repositories.Missing(t.Context(), s.repository(), commit, paths)
		return err
	}
	g.Expect(ask(o.commits["tip"], "values.yaml")).To(Succeed())
	g.Expect(ask(o.commits["tip"], "other.yaml")).To(Succeed())
	g.Expect(s.packs.Load()).To(BeEquivalentTo(1))

	g.Expect(ask(nowhere)).To(MatchError(ErrUnknownRevision))
	g.Expect(ask(nowhere)).To(MatchError(ErrUnknownRevision))
	g.Expect(s.packs.Load()).To(BeEquivalentTo(2))
	clock.SetTime(start.Add(unknownFor))
	g.Expect(ask(nowhere)).To(MatchError(ErrUnknownRevision))
	g.Expect(s.packs.Load()).To(BeEquivalentTo(3))

	other := s.repository()
	other.Auth.Password = "another's"
	_, err := repositories.Missing(t.Context(), other, o.commits["tip"], nil)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(s.packs.Load()).To(BeEquivalentTo(4)) // nothing is told to who has not shown the credentials
}

func TestFindsWhatWasPushedAfterwards(t *testing.T) {
	g := NewWithT(t)
	o := standard(t)
	s := serve(t, smart(o))
	clock := clocktesting.NewFakePassiveClock(start)
	repositories := New(clock)
	_, err := repositories.Missing(t.Context(), s.repository(), o.commits["dangling"], nil)
	g.Expect(err).To(MatchError(ErrUnknownRevision))
	o.rewind("dangling")
	clock.SetTime(start.Add(unknownFor))
	g.Expect(repositories.Missing(t.Context(), s.repository(), o.commits["dangling"], []string{"dangling.yaml"})).To(BeEmpty())
}

func TestConcurrentQuestionsShareAFetch(t *testing.T) {
	g := NewWithT(t)
	o := standard(t)
	s := serve(t, smart(o))
	repositories := newRepositories()
	errs := make([]error, 20)
	var asking sync.WaitGroup
	for i := range errs {
		asking.Go(func() {
			missing, err := repositories.Missing(t.Context(), s.repository(), o.commits["tip"], []string{"values.yaml", fmt.Sprint(i)})
			if err == nil && (len(missing) != 1 || missing[0] != fmt.Sprint(i)) {
				err = fmt.Errorf("%d got %v", i, missing)
			}
			errs[i] = err
		})
	}
	asking.Wait()
	g.Expect(errs).To(HaveEach(BeNil()))
	g.Expect(s.packs.Load()).To(BeEquivalentTo(1))
}

func TestOneWhoGivesUpDoesNotStopTheOthers(t *testing.T) {
	g := NewWithT(t)
	o := standard(t)
	s := serve(t, smart(o))
	s.hold = make(chan struct{})
	repositories := newRepositories()
	impatient, giveUp := context.WithCancel(t.Context())
	gaveUp, done := make(chan error), make(chan error)
	go func() {
		_, err := repositories.Missing(impatient, s.repository(), o.commits["tip"], nil)
		gaveUp <- err
	}()
	giveUp()
	g.Expect(<-gaveUp).To(MatchError(context.Canceled))
	go func() {
		_, err := repositories.Missing(t.Context(), s.repository(), o.commits["tip"], nil)
		done <- err
	}()
	close(s.hold)
	g.Expect(<-done).To(Succeed())
	g.Expect(s.packs.Load()).To(BeEquivalentTo(1))
}

func TestKeepsOnlyAnswersAboutLargeTrees(t *testing.T) {
	g := NewWithT(t)
	o := standard(t)
	s := serve(t, smart(o))
	repositories := newRepositories()
	repositories.limits.keptEntries = 3
	ask := func(paths ...string) []string {
		missing, err := repositories.Missing(t.Context(), s.repository(), o.commits["tip"], paths)
		g.Expect(err).NotTo(HaveOccurred())
		return missing
	}
	g.Expect(ask("values.yaml", "helm/api", "helm/no/file", "no/file", "../x")).To(Equal([]string{"helm/api", "helm/no/file", "no/file", "../x"}))
	g.Expect(ask("./values.yaml", "helm/api")).To(Equal([]string{"helm/api"}))
	g.Expect(s.packs.Load()).To(BeEquivalentTo(1))
	g.Expect(ask("helm/api/production001/us-east-1.yaml", "values.yaml")).To(BeEmpty())
	g.Expect(s.packs.Load()).To(BeEquivalentTo(2))
	g.Expect(ask("helm/no/file", "helm/api/production001/us-east-1.yaml")).To(Equal([]string{"helm/no/file"}))
	g.Expect(s.packs.Load()).To(BeEquivalentTo(2))
}

func TestRefusesEndlessAnswers(t *testing.T) {
	g := NewWithT(t)
	o := standard(t)
	repositories := newRepositories()
	repositories.limits.packBytes = 100
	_, err := repositories.Missing(t.Context(), serve(t, smart(o)).repository(), o.commits["tip"], nil)
	g.Expect(err).To(MatchError(ErrUnreachable))
	g.Expect(err).To(MatchError(ContainSubstring("larger than")))
}

func TestCancelledContext(t *testing.T) {
	g := NewWithT(t)
	s := serve(t, http.NotFoundHandler())
	s.hold = make(chan struct{})
	defer close(s.hold)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := newRepositories().Missing(ctx, s.repository(), nowhere, nil)
	g.Expect(err).To(MatchError(context.DeadlineExceeded))
}
