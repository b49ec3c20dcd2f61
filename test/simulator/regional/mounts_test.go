package regional

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

func filesOf(pairs ...string) map[string][]byte {
	files := map[string][]byte{}
	for i := 0; i < len(pairs); i += 2 {
		files[pairs[i]] = []byte(pairs[i+1])
	}
	return files
}

// seenIn is what a process finds in a folder.
func seenIn(g Gomega, folder string) map[string][]byte {
	seen := map[string][]byte{}
	entries, err := os.ReadDir(folder)
	g.Expect(err).NotTo(HaveOccurred())
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), "..") {
			continue
		}
		target, err := filepath.EvalSymlinks(filepath.Join(folder, entry.Name()))
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(filepath.WalkDir(target, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				rest, _ := filepath.Rel(target, path)
				content, err := os.ReadFile(path)
				seen[filepath.Join(entry.Name(), rest)] = content
				return err
			}
			return err
		})).To(Succeed())
	}
	return seen
}

func TestWriteMount(t *testing.T) {
	g, folder := NewWithT(t), filepath.Join(t.TempDir(), "etc", "app")
	for _, files := range []map[string][]byte{
		filesOf("a", "1", "b", "2"), filesOf("a", "1", "b", "2"), filesOf("a", "3", "c", "2"), filesOf("deep/er/a", "1", "deep/b", "2"), {}, filesOf("a", "1"),
	} {
		g.Expect(writeMount(folder, files)).To(Succeed())
		g.Expect(seenIn(g, folder)).To(Equal(files))
	}
	g.Expect(filepath.Glob(filepath.Join(folder, "..*"))).To(HaveLen(2), "the link and what it leads to")
}

// Both files of a folder always belong together.
func TestWriteMountIsAtomic(t *testing.T) {
	g, folder := NewWithT(t), t.TempDir()
	versions := []map[string][]byte{filesOf("a", strings.Repeat("x", 1<<16)), filesOf("a", strings.Repeat("y", 1<<16))}
	g.Expect(writeMount(folder, versions[0])).To(Succeed())
	done := make(chan struct{})
	var reading sync.WaitGroup
	reading.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			content, err := os.ReadFile(filepath.Join(folder, "a"))
			if err == nil && string(content) != string(versions[0]["a"]) && string(content) != string(versions[1]["a"]) {
				t.Errorf("half a file: %d bytes", len(content))
				return
			}
		}
	})
	for i := range 200 {
		g.Expect(writeMount(folder, versions[i%2])).To(Succeed())
	}
	close(done)
	reading.Wait()
}

func TestVolumeFiles(t *testing.T) {
	meta := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: "api", Name: name} }
	stored := []client.Object{
		&corev1.ConfigMap{ObjectMeta: meta("settings"), Data: map[string]string{"a": "1", "b": "2"}, BinaryData: filesOf("c", "3")},
		&corev1.Secret{ObjectMeta: meta("keys"), Data: filesOf("gossip", "key")},
	}
	configMap := func(name string, optional bool, items ...corev1.KeyToPath) corev1.VolumeSource {
		return corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: name}, Optional: &optional, Items: items,
		}}
	}
	secret := func(name string, optional bool, items ...corev1.KeyToPath) corev1.VolumeSource {
		return corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: name, Optional: &optional, Items: items}}
	}
	item := func(key, path string) corev1.KeyToPath { return corev1.KeyToPath{Key: key, Path: path} }
	cases := map[string]struct {
		source      corev1.VolumeSource
		want        map[string][]byte
		wantMissing string
	}{
		"a ConfigMap":                    {source: configMap("settings", false), want: filesOf("a", "1", "b", "2", "c", "3")},
		"some of it":                     {source: configMap("settings", false, item("b", "x/y")), want: filesOf("x/y", "2")},
		"a key that it lacks":            {source: configMap("settings", false, item("z", "z")), wantMissing: "references non-existent config key: z"},
		"a key that it may lack":         {source: configMap("settings", true, item("z", "z"), item("a", "a")), want: filesOf("a", "1")},
		"a ConfigMap that is not there":  {source: configMap("none", false), wantMissing: `configmap "none" not found`},
		"a ConfigMap that may be absent": {source: configMap("none", true)},
		"a Secret":                       {source: secret("keys", false), want: filesOf("gossip", "key")},
		"a Secret's key":                 {source: secret("keys", false, item("gossip", "key")), want: filesOf("key", "key")},
		"a Secret that is not there":     {source: secret("none", false), wantMissing: `secret "none" not found`},
		"a Secret that may be absent":    {source: secret("none", true)},
		"an empty folder":                {source: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			r := &Region{client: fake.NewClientBuilder().WithObjects(stored...).Build()}
			pod := &corev1.Pod{ObjectMeta: meta("pod"), Spec: corev1.PodSpec{Volumes: []corev1.Volume{
				{Name: "v", VolumeSource: tc.source}, {Name: "other", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{}}},
			}}}
			volumes, err := r.volumeFiles(t.Context(), pod)
			if tc.wantMissing != "" {
				what, err := missing(err)
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(what).To(Equal(`MountVolume.SetUp failed for volume "v" : ` + tc.wantMissing))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(volumes).To(Equal(map[string]map[string][]byte{"v": tc.want}))
		})
	}
}
