package regional

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

func TestAdmit(t *testing.T) {
	agent := cloud.Resource{Key: cloud.Key{Type: addonType, Region: "us-east-1", ID: "production/" + identityAgent}}
	association := func(id, namespace, account, effectiveAt string) cloud.Resource {
		return cloud.Resource{
			Key:  cloud.Key{Type: associationType, Region: "us-east-1", ID: id},
			Data: map[string]string{"namespace": namespace, "serviceAccount": account, "effectiveAt": effectiveAt},
		}
	}
	ours := association("production/a-1", "networking", "external-dns", "")
	elsewhere := ours
	elsewhere.Region = "us-west-2"
	at := func(d time.Duration) string { return epoch.Add(d).Format(time.RFC3339Nano) }
	cases := map[string]struct {
		held    []cloud.Resource
		account string
		want    bool
	}{
		"no association":                  {held: []cloud.Resource{agent}, account: "external-dns"},
		"no agent":                        {held: []cloud.Resource{ours}, account: "external-dns"},
		"both":                            {held: []cloud.Resource{agent, ours}, account: "external-dns", want: true},
		"another account":                 {held: []cloud.Resource{agent, ours}, account: "external-secrets"},
		"another namespace":               {held: []cloud.Resource{agent, association("production/a-1", "api", "external-dns", "")}, account: "external-dns"},
		"another cluster":                 {held: []cloud.Resource{agent, association("production-2/a-1", "networking", "external-dns", "")}, account: "external-dns"},
		"another region":                  {held: []cloud.Resource{agent, elsewhere}, account: "external-dns"},
		"effective this moment":           {held: []cloud.Resource{agent, association("production/a-1", "networking", "external-dns", at(0))}, account: "external-dns", want: true},
		"effective in a moment":           {held: []cloud.Resource{agent, association("production/a-1", "networking", "external-dns", at(1))}, account: "external-dns"},
		"effective at an unreadable time": {held: []cloud.Resource{agent, association("production/a-1", "networking", "external-dns", "soon")}, account: "external-dns"},
		"the default account":             {held: []cloud.Resource{agent, association("production/a-1", "networking", "default", "")}, want: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			c := cloud.New(cloud.Options{})
			for _, held := range tc.held {
				g.Expect(c.Create(held)).To(Succeed())
			}
			r := &Region{options: Options{Name: "production", AWSRegion: "us-east-1", Cloud: c}}
			own := corev1.EnvVar{Name: credentialVariables[0].Name, Value: "its own"}
			pod := &corev1.Pod{}
			pod.Namespace = "networking"
			pod.Spec.ServiceAccountName = tc.account
			pod.Spec.InitContainers = []corev1.Container{{}}
			pod.Spec.Containers = []corev1.Container{{}, {Env: []corev1.EnvVar{own}}}
			r.admit(pod, epoch)

			none, all, rest := []corev1.EnvVar(nil), credentialVariables, []corev1.EnvVar{own, credentialVariables[1]}
			if !tc.want {
				all, rest = none, []corev1.EnvVar{own}
			}
			g.Expect(pod.Spec.InitContainers[0].Env).To(Equal(all))
			g.Expect(pod.Spec.Containers[0].Env).To(Equal(all))
			g.Expect(pod.Spec.Containers[1].Env).To(Equal(rest))
			g.Expect(pod.Spec.ServiceAccountName).NotTo(BeEmpty())
		})
	}
}

func TestWithRefusal(t *testing.T) {
	g := NewWithT(t)
	available := appsv1.DeploymentCondition{Type: appsv1.DeploymentAvailable, Status: corev1.ConditionTrue}
	g.Expect(withRefusal([]appsv1.DeploymentCondition{available}, "")).To(HaveExactElements(available))
	first := withRefusal([]appsv1.DeploymentCondition{available}, "no account a")
	g.Expect(first).To(HaveExactElements(available, HaveField("Message", "no account a")))
	g.Expect(withRefusal(first, "no account a")).To(Equal(first))
	second := withRefusal(first, "no account b")
	g.Expect(second[1].Message).To(Equal("no account b"))
	g.Expect(second[1].LastTransitionTime).To(Equal(first[1].LastTransitionTime))
	g.Expect(withRefusal(second, "")).To(HaveExactElements(available))
}
