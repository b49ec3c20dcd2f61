package regional

import (
	"encoding/base64"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

func fromSecret(name, key string, optional bool) *corev1.EnvVarSource {
	return &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
		LocalObjectReference: corev1.LocalObjectReference{Name: name}, Key: key, Optional: &optional,
	}}
}

func fromConfigMap(name, key string, optional bool) *corev1.EnvVarSource {
	return &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{
		LocalObjectReference: corev1.LocalObjectReference{Name: name}, Key: key, Optional: &optional,
	}}
}

func fromField(path string) *corev1.EnvVarSource {
	return &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}
}

func TestEnvironment(t *testing.T) {
	cases := map[string]struct {
		env         []corev1.EnvVar
		want        map[string]string
		wantMissing string
	}{
		"nothing":               {want: map[string]string{}},
		"a literal":             {env: []corev1.EnvVar{{Name: "A", Value: "1"}}, want: map[string]string{"A": "1"}},
		"the first of one name": {env: []corev1.EnvVar{{Name: "A", Value: "1"}, {Name: "A", Value: "2"}}, want: map[string]string{"A": "1"}},
		"a secret's key":        {env: []corev1.EnvVar{{Name: "A", ValueFrom: fromSecret("held", "key", false)}}, want: map[string]string{"A": "secret value"}},
		"a config map's key":    {env: []corev1.EnvVar{{Name: "A", ValueFrom: fromConfigMap("held", "seeds", false)}}, want: map[string]string{"A": "a,b"}},
		"a field":               {env: []corev1.EnvVar{{Name: "A", ValueFrom: fromField("status.podIP")}}, want: map[string]string{"A": "10.0.0.4"}},
		"no secret":             {env: []corev1.EnvVar{{Name: "A", ValueFrom: fromSecret("gone", "key", false)}}, wantMissing: `secret "gone" not found`},
		"no key in the secret":  {env: []corev1.EnvVar{{Name: "A", ValueFrom: fromSecret("held", "gone", false)}}, wantMissing: "couldn't find key gone in Secret api/held"},
		"no config map":         {env: []corev1.EnvVar{{Name: "A", ValueFrom: fromConfigMap("gone", "key", false)}}, wantMissing: `configmap "gone" not found`},
		"no key in it":          {env: []corev1.EnvVar{{Name: "A", ValueFrom: fromConfigMap("held", "gone", false)}}, wantMissing: "couldn't find key gone in ConfigMap api/held"},
		"a foreign secret":      {env: []corev1.EnvVar{{Name: "A", ValueFrom: fromSecret("foreign", "key", false)}}, wantMissing: `secret "foreign" not found`},
		"another field":         {env: []corev1.EnvVar{{Name: "A", ValueFrom: fromField("spec.hostname")}}, wantMissing: "source of environment variable A is not simulated"},
		"what is optional": {
			env: []corev1.EnvVar{
				{Name: "A", ValueFrom: fromSecret("gone", "key", true)}, {Name: "B", ValueFrom: fromSecret("held", "gone", true)},
				{Name: "C", ValueFrom: fromConfigMap("gone", "key", true)}, {Name: "D", ValueFrom: fromConfigMap("held", "gone", true)},
			},
			want: map[string]string{},
		},
	}
	r := &Region{client: fake.NewClientBuilder().WithObjects(
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "api", Name: "held"}, Data: map[string][]byte{"key": []byte("secret value")}},
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "elsewhere", Name: "foreign"}},
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "api", Name: "held"}, Data: map[string]string{"seeds": "a,b"}},
	).Build()}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			pod := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "api", Name: "pod"}, Status: corev1.PodStatus{PodIP: "10.0.0.4"}}
			pod.Spec.Containers = []corev1.Container{{}, {Env: tc.env}}
			got, err := r.environment(t.Context(), pod)
			what, err := missing(err)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(what).To(Equal(tc.wantMissing))
			g.Expect(got).To(Equal(tc.want))
			for _, variable := range tc.env {
				g.Expect(declares(pod, variable.Name)).To(BeTrue())
			}
			g.Expect(declares(pod, "Z")).To(BeFalse())
		})
	}
}

func TestKeyOf(t *testing.T) {
	const raw = "0123456789abcdef0123456789abcdef" // also base64, of 24 bytes
	cases := map[string]struct {
		variables map[string]string
		want      string
		wantError string
	}{
		"as it is":          {variables: map[string]string{keyVariable: raw}, want: raw},
		"16 bytes":          {variables: map[string]string{keyVariable: raw[:16]}, want: raw[:16]},
		"in base64":         {variables: map[string]string{keyVariable: base64.StdEncoding.EncodeToString([]byte(raw))}, want: raw},
		"with a line's end": {variables: map[string]string{keyVariable: base64.StdEncoding.EncodeToString([]byte(raw)) + "\n"}, want: raw},
		"too short":         {variables: map[string]string{keyVariable: "short"}, wantError: "key size"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			key, err := keyOf(tc.variables, "unkey-api")
			if tc.wantError != "" {
				g.Expect(err).To(MatchError(ContainSubstring(tc.wantError)))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(string(key)).To(Equal(tc.want))
		})
	}
	t.Run("without one, the ring's", func(t *testing.T) {
		g := NewWithT(t)
		one, err := keyOf(nil, "unkey-api")
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(keyOf(map[string]string{keyVariable: ""}, "unkey-api")).To(Equal(one))
		g.Expect(keyOf(nil, "frontline")).To(And(HaveLen(32), Not(Equal(one))))
	})
}
