package cloud

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	. "github.com/onsi/gomega"
)

var (
	vpc    = Key{Type: "ec2/vpc", Region: "eu-west-1", ID: "vpc-0a"}
	subnet = Key{Type: "ec2/subnet", Region: "eu-west-1", ID: "subnet-0a"}
	nat    = Key{Type: "ec2/natgateway", Region: "eu-west-1", ID: "nat-0a"}
)

func code(err error) string {
	if refused, ok := errors.AsType[*Error](err); ok {
		return refused.Code
	}
	return ""
}

func network(t *testing.T) *Cloud {
	t.Helper()
	g, c := NewWithT(t), New(Options{})
	g.Expect(c.Create(Resource{Key: vpc, State: "available"})).To(Succeed())
	g.Expect(c.Create(Resource{Key: subnet, Parents: []Key{vpc}})).To(Succeed())
	g.Expect(c.Create(Resource{Key: nat, Parents: []Key{vpc, subnet}})).To(Succeed())
	return c
}

func TestRefusals(t *testing.T) {
	missing := Key{Type: "ec2/vpc", Region: "eu-west-1", ID: "vpc-gone"}
	cases := map[string]struct {
		do          func(*Cloud) error
		wantCode    string
		wantMessage string
	}{
		"a second resource of the same key": {
			do:          func(c *Cloud) error { return c.Create(Resource{Key: vpc}) },
			wantCode:    CodeAlreadyExists,
			wantMessage: "ec2/vpc vpc-0a in eu-west-1 already exists",
		},
		"a parent that does not exist": {
			do: func(c *Cloud) error {
				return c.Create(Resource{Key: Key{Type: "iam/role", ID: "r"}, Parents: []Key{missing}})
			},
			wantCode:    CodeInvalidParent,
			wantMessage: "iam/role r needs ec2/vpc vpc-gone in eu-west-1, which does not exist",
		},
		"deleting what others hang on": {
			do:          func(c *Cloud) error { return c.Delete(vpc) },
			wantCode:    CodeDependencyViolation,
			wantMessage: "vpc-0a has dependencies and cannot be deleted: ec2/natgateway nat-0a, ec2/subnet subnet-0a",
		},
		"deleting what is not there": {
			do:          func(c *Cloud) error { return c.Delete(missing) },
			wantCode:    CodeNotFound,
			wantMessage: "ec2/vpc vpc-gone in eu-west-1 does not exist",
		},
		"updating what is not there": {
			do:          func(c *Cloud) error { return c.Update(missing, func(*Resource) {}) },
			wantCode:    CodeNotFound,
			wantMessage: "ec2/vpc vpc-gone in eu-west-1 does not exist",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			err := tc.do(network(t))
			g.Expect(code(err)).To(Equal(tc.wantCode))
			g.Expect(err).To(MatchError(tc.wantCode + ": " + tc.wantMessage))
		})
	}
}

func TestTeardownInOrder(t *testing.T) {
	g, c := NewWithT(t), network(t)
	for _, key := range []Key{nat, subnet, vpc} {
		g.Expect(c.Delete(key)).To(Succeed())
	}
	g.Expect(c.List(nil)).To(BeEmpty())
	g.Expect(c.children).To(BeEmpty())
}

func TestUpdateMovesParents(t *testing.T) {
	g, c := NewWithT(t), network(t)
	g.Expect(c.Update(nat, func(r *Resource) { r.Parents = []Key{vpc}; r.Key = subnet })).To(Succeed())
	moved, ok := c.Get(nat)
	g.Expect(ok).To(BeTrue())
	g.Expect(moved.Key).To(Equal(nat))
	g.Expect(c.Delete(subnet)).To(Succeed())
}

func TestCopiesAreIndependent(t *testing.T) {
	g, c := NewWithT(t), New(Options{})
	made := Resource{Key: vpc, Data: map[string]string{"cidr": "10.0.0.0/16"}, Tags: map[string]string{"a": "b"}}
	g.Expect(c.Create(made)).To(Succeed())
	made.Data["cidr"] = "changed"

	var kept *Resource
	g.Expect(c.Update(vpc, func(r *Resource) { kept = r })).To(Succeed())
	kept.Data["cidr"] = "changed"
	c.List(nil)[0].Tags["a"] = "changed"
	got, _ := c.Get(vpc)
	got.Data["cidr"] = "changed"

	got, _ = c.Get(vpc)
	g.Expect(got.Data).To(HaveKeyWithValue("cidr", "10.0.0.0/16"))
	g.Expect(got.Tags).To(HaveKeyWithValue("a", "b"))
	g.Expect(got.CreatedAt).NotTo(BeZero())
}

func TestListIsSortedAndFiltered(t *testing.T) {
	g, c := NewWithT(t), network(t)
	var keys []Key
	for _, r := range c.List(func(r Resource) bool { return r.Key != subnet }) {
		keys = append(keys, r.Key)
	}
	g.Expect(keys).To(Equal([]Key{nat, vpc}))
}

func TestSubscribersSeeChangesInOrder(t *testing.T) {
	g, c := NewWithT(t), New(Options{})
	var seen []string
	unsubscribe := c.Subscribe(func(e Event) {
		seen = append(seen, fmt.Sprintf("%s %s %s", e.Type, e.Resource.ID, e.Resource.State))
		if e.Type == Created { // reentrant, as a simulated controller would be
			g.Expect(c.Update(e.Resource.Key, func(r *Resource) { r.State = "available" })).To(Succeed())
		}
	})
	g.Expect(c.Create(Resource{Key: vpc, State: "pending"})).To(Succeed())
	g.Expect(c.Delete(vpc)).To(Succeed())
	unsubscribe()
	g.Expect(c.Create(Resource{Key: vpc})).To(Succeed())
	g.Expect(seen).To(Equal([]string{"Created vpc-0a pending", "Updated vpc-0a available", "Deleted vpc-0a available"}))
}

func TestConcurrentChangesAreAllDelivered(t *testing.T) {
	const writers = 50
	g, c := NewWithT(t), New(Options{})
	var mu sync.Mutex
	delivered := 0
	c.Subscribe(func(Event) {
		mu.Lock()
		defer mu.Unlock()
		delivered++
	})
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() { _ = c.Create(Resource{Key: Key{Type: "ec2/vpc", ID: fmt.Sprint(i)}}) })
	}
	wg.Wait()
	g.Eventually(func() int { mu.Lock(); defer mu.Unlock(); return delivered }).Should(Equal(writers))
}
