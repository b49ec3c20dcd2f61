package gitrepo

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	. "github.com/onsi/gomega"
	clocktesting "k8s.io/utils/clock/testing"
)

func TestFaultOf(t *testing.T) {
	for name, tc := range map[string]struct{ content, want string }{
		"nothing":                 {},
		"a comment":               {content: "# nothing yet\n"},
		"values":                  {content: "seeds: [a, b]\nreplicas: 3\n"},
		"JSON":                    {content: `{"a": ["b", null]}`},
		"documents":               {content: "---\na: b\n---\n- c\n...\n"},
		"a tag that is unknown":   {content: "a: !Ref b\n"},
		"a key twice":             {content: "a: 1\na: 2\n"},
		"an alias":                {content: "a: &x [1]\nb: *x\nc: {<<: *x}\n"},
		"an alias of itself":      {content: "a: &x [*x]\n"},
		"UTF-16":                  {content: "\xff\xfea\x00:\x00 \x00b\x00"},
		"a value without a colon": {content: "a: b\nc: d\npassword\ne: f\n", want: "line 3: could not find expected ':'"},
		"a later document":        {content: "a: b\n---\nc: [\n", want: "line 3: did not find expected node content"},
		"a list without an end":   {content: "a: [b\nc: d\n", want: "line 1: did not find expected ',' or ']'"},
		"two colons":              {content: "a: b: c\n", want: "mapping values are not allowed in this context"},
		"a conflict of a merge":   {content: "a: 1\n<<<<<<< HEAD\nb: 2\n=======\n", want: "line 2: could not find expected ':'"},
		"a template":              {content: "a: {{ .Values.a }}\nb: c\n{{- if .x }}\n", want: "line 3: could not find expected ':'"},
		"a tab":                   {content: "a:\n\tb: c\n", want: "line 2: found character that cannot start any token"},
		"an anchor that is not":   {content: "a: *secret-name\n", want: "unknown anchor referenced"},
		"no text":                 {content: "\x00GITCRYPT\x00\x01", want: "control characters are not allowed"},
		"no UTF-8":                {content: "a: \xff\xff\n", want: "invalid leading UTF-8 octet"},
		"too many levels":         {content: strings.Repeat("[", 20_000), want: "exceeded max depth of 10000"},
		"references without end":  {content: "a: &a [x]\n" + billion(20)},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(faultOf([]byte(tc.content))).To(Equal(tc.want))
		})
	}
}

// billion refers to each list ten times from the next.
func billion(levels int) string {
	text := &strings.Builder{}
	for i := range levels {
		fmt.Fprintf(text, "%c: &%c [%s]\n", 'b'+i, 'b'+i, strings.Repeat(fmt.Sprintf("*%c, ", 'a'+i), 10))
	}
	return text.String()
}

func FuzzFaultOf(f *testing.F) {
	f.Add([]byte("a: &x [*x]\n---\n? - b\n: |\n  c\n"))
	f.Add([]byte("a: {{ b }}\n\t'c"))
	f.Fuzz(func(t *testing.T, content []byte) {
		NewWithT(t).Expect(faultOf(content)).NotTo(ContainSubstring("\n"))
	})
}

// crooked has files of which some are no YAML, in a commit that is not the branch's last.
func crooked(t *testing.T, settings ...string) (c *chronicle, commit string) {
	t.Helper()
	c = newChronicle(t, settings...)
	c.imports("crooked", "main", []entry{
		{"100644", "apps/eu.yaml", "a: b\nc: d\npassword\n"}, {"100755", "apps/us.yml", "a: [\n"}, {"100644", "apps/tokyo.yaml", "a: b\n"},
		{"100644", "apps/text.txt", "a: [\n"}, {"120000", "apps/link.yaml", "a: [\n"}, {"160000", "apps/module.yaml", nowhere},
		{"100644", "apps/folder.yaml/a", "a: [\n"}, {"100644", "apps/large.yaml", "a: [\n" + strings.Repeat("#", parsedBytes)},
	})
	commit = c.git("rev-parse", "main")
	c.imports("straight", "main", []entry{{"100644", "apps/eu.yaml", "a: b\n"}})
	return c, commit
}

var crookedPaths = []string{
	"apps/us.yml", "./apps/eu.yaml", "apps/tokyo.yaml", "apps/text.txt", "apps/link.yaml", "apps/module.yaml",
	"apps/folder.yaml", "apps/large.yaml", "apps/none.yaml", "../x.yaml", "/apps/eu.yaml",
}

func expectCrooked(t *testing.T, repository Repository, commit string) {
	t.Helper()
	g := NewWithT(t)
	repositories := newRepositories()
	malformed, err := repositories.Malformed(t.Context(), repository, strings.ToUpper(commit), crookedPaths)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(malformed).To(Equal([]Malformed{
		{Path: "apps/us.yml", Why: "line 1: did not find expected node content"},
		{Path: "./apps/eu.yaml", Why: "line 3: could not find expected ':'"}, {Path: "/apps/eu.yaml", Why: "line 3: could not find expected ':'"},
	}))
	g.Expect(malformed[0].String()).To(Equal("apps/us.yml, which is no YAML (line 1: did not find expected node content)"))

	_, err = repositories.Malformed(t.Context(), repository, nowhere, crookedPaths)
	g.Expect(err).To(MatchError(ErrUnknownRevision))
	g.Expect(err).To(MatchError(ContainSubstring(repository.String())))
	_, err = repositories.Malformed(t.Context(), repository, "main", crookedPaths)
	g.Expect(err).To(MatchError(ErrUnknownRevision))
}

func TestMalformed(t *testing.T) {
	for name, settings := range map[string][]string{
		"as it is": nil, "as GitHub has it": likeGitHub, "that serves no single files": {"uploadpack.allowFilter=true", "uploadpack.allowTipSHA1InWant=true"},
		"that always serves all files": {"uploadpack.allowReachableSHA1InWant=true"}, "that filters branches only": {"uploadpack.allowFilter=true"},
	} {
		t.Run("from git "+name, func(t *testing.T) {
			c, commit := crooked(t, settings...)
			expectCrooked(t, c.branch().Repository, commit)
			malformed, err := newRepositories().Malformed(t.Context(), c.branch().Repository, c.git("rev-parse", "main"), []string{"apps/eu.yaml"})
			NewWithT(t).Expect(malformed, err).To(BeEmpty())
		})
	}
	t.Run("in place", func(t *testing.T) {
		c, commit := crooked(t)
		expectCrooked(t, Repository{URL: "file://" + c.dir}, commit)
	})
	t.Run("from a server that serves branches only", func(t *testing.T) {
		o := newOrigin(t)
		o.write("a.yaml", []byte("a: [\n"))
		o.commit("crooked")
		o.commit("tip", "a.yaml")
		malformed, err := newRepositories().Malformed(t.Context(), serve(t, smart(o)).repository(), o.commits["crooked"], []string{"a.yaml"})
		NewWithT(t).Expect(malformed, err).To(HaveLen(1))
	})
}

func TestMalformedFetchesNoMoreThanItNeeds(t *testing.T) {
	g := NewWithT(t)
	c, _ := crooked(t, likeGitHub...)
	content := make([]byte, 1<<20)
	_, _ = rand.Read(content) // it never fails
	c.commit("large.yaml", string(content))
	tip := c.git("rev-parse", "main")
	repositories := newRepositories()
	repositories.limits.packBytes = int64(len(content))
	ask := func(paths ...string) error {
		_, err := repositories.Malformed(t.Context(), c.branch().Repository, tip, paths)
		return err
	}
	g.Expect(ask("apps/eu.yaml", "apps/us.yml")).To(Succeed())
	g.Expect(c.packs.Load()).To(BeEquivalentTo(2)) // folders, and two files
	g.Expect(ask("apps/us.yml", "run.sh")).To(Succeed())
	g.Expect(c.packs.Load()).To(BeEquivalentTo(2), "what is known is not asked for again")
	g.Expect(ask("apps/none.yaml", "apps/us.yml")).To(Succeed())
	g.Expect(c.packs.Load()).To(BeEquivalentTo(3), "a file that does not exist has no contents")
	g.Expect(ask("large.yaml")).To(MatchError(ContainSubstring("larger than 1 MiB")))
	g.Expect(ask("large.yaml")).To(MatchError(ErrUnreachable))
	g.Expect(c.packs.Load()).To(BeEquivalentTo(7), "a failure is not remembered")
}

func TestMalformedRemembersWhatIsUnknown(t *testing.T) {
	g := NewWithT(t)
	c, _ := crooked(t, likeGitHub...)
	clock := clocktesting.NewFakePassiveClock(start)
	repositories := New(clock)
	for _, ask := range []func() error{
		func() error {
			_, err := repositories.Malformed(t.Context(), c.branch().Repository, nowhere, []string{"a.yaml"})
			return err
		},
		func() error {
			_, err := repositories.Missing(t.Context(), c.branch().Repository, nowhere, []string{"a.yaml"})
			return err
		},
	} {
		clock.SetTime(clock.Now().Add(unknownFor))
		packs := c.packs.Load()
		g.Expect(ask()).To(MatchError(ErrUnknownRevision))
		_, err := repositories.Malformed(t.Context(), c.branch().Repository, nowhere, []string{"b.yaml"})
		g.Expect(err).To(MatchError(ErrUnknownRevision))
		g.Expect(c.packs.Load()).To(Equal(packs + 1))
	}
}

// held is a chronicle that does not answer until it is let go.
func held(t *testing.T) (c *chronicle, commit string, asked <-chan struct{}, letGo func()) {
	t.Helper()
	c, commit = crooked(t, likeGitHub...)
	arrivals, hold := make(chan struct{}, 100), make(chan struct{})
	c.around(func(git http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			arrivals <- struct{}{}
			<-hold
			git.ServeHTTP(w, r)
		})
	})
	return c, commit, arrivals, sync.OnceFunc(func() { close(hold) })
}

func TestManyAskAboutContentsAtOnce(t *testing.T) {
	g := NewWithT(t)
	c, commit, asked, letGo := held(t)
	defer letGo()
	repositories := newRepositories()
	var asking sync.WaitGroup
	errs := make([]error, 20)
	ask := func(i int) {
		malformed, err := repositories.Malformed(t.Context(), c.branch().Repository, commit, []string{"apps/eu.yaml", fmt.Sprintf("%d.yaml", i)})
		if err == nil && len(malformed) != 1 {
			err = fmt.Errorf("%d got %v", i, malformed)
		}
		errs[i] = err
	}
	asking.Go(func() { ask(0) })
	<-asked
	for i := 1; i < len(errs); i++ {
		asking.Go(func() { ask(i) })
	}
	q, err := c.branch().question(commit)
	g.Expect(err).NotTo(HaveOccurred())
	waiting := func() int {
		repositories.verdicts.mu.Lock()
		defer repositories.verdicts.mu.Unlock()
		if b := repositories.verdicts.waiting[q]; b != nil {
			return len(b.names)
		}
		return 0
	}
	g.Eventually(waiting).Should(Equal(2 * (len(errs) - 1)))
	letGo()
	asking.Wait()
	g.Expect(errs).To(HaveEach(BeNil()))
	g.Expect(c.packs.Load()).To(BeEquivalentTo(3), "folders and a file for the first, folders for all others")
	g.Expect(repositories.verdicts.waiting).To(BeEmpty())
	g.Expect(repositories.verdicts.reading).To(BeEmpty())
}

func TestOneWhoGivesUpDoesNotStopTheReading(t *testing.T) {
	g := NewWithT(t)
	c, commit, asked, letGo := held(t)
	defer letGo()
	repositories := newRepositories()
	impatient, giveUp := context.WithCancel(t.Context())
	gaveUp := make(chan error)
	go func() {
		_, err := repositories.Malformed(impatient, c.branch().Repository, commit, []string{"apps/eu.yaml"})
		gaveUp <- err
	}()
	<-asked
	giveUp()
	g.Expect(<-gaveUp).To(MatchError(context.Canceled))
	letGo()
	g.Expect(repositories.Malformed(t.Context(), c.branch().Repository, commit, []string{"apps/eu.yaml"})).To(HaveLen(1))
	g.Expect(c.packs.Load()).To(BeEquivalentTo(2))
}

func TestAFailureIsForAllWhoWaited(t *testing.T) {
	g := NewWithT(t)
	v := newVerdicts(10)
	started, fail := make(chan struct{}), make(chan struct{})
	reads := 0
	read := func(context.Context, []string) (map[string]string, error) {
		reads++
		close(started)
		<-fail
		return nil, ErrUnreachable
	}
	failed := make(chan error)
	about := func(name string) {
		_, err := v.about(t.Context(), question{}, []string{name}, read)
		failed <- err
	}
	go about("a")
	<-started
	go about("b")
	g.Eventually(func() bool {
		v.mu.Lock()
		defer v.mu.Unlock()
		return v.waiting[question{}] != nil
	}).Should(BeTrue())
	close(fail)
	g.Expect(<-failed).To(MatchError(ErrUnreachable))
	g.Expect(<-failed).To(MatchError(ErrUnreachable))
	g.Expect(reads).To(Equal(1))
	answer := func(context.Context, []string) (map[string]string, error) { return map[string]string{"a": "why"}, nil }
	g.Expect(v.about(t.Context(), question{}, []string{"a"}, answer)).To(HaveKeyWithValue("a", "why"))
}
