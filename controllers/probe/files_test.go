package probe

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

func TestParseKey(t *testing.T) {
	binary := strings.Repeat("\x00\xff\n=", 8)
	inBase64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	cases := map[string]struct {
		content string
		want    string
	}{
		"16 bytes":                           {content: binary[:16], want: binary[:16]},
		"24 bytes":                           {content: binary[:24], want: binary[:24]},
		"32 bytes":                           {content: binary, want: binary},
		"16 bytes, the last a newline":       {content: "0123456789abcde\n", want: "0123456789abcde\n"},
		"16 bytes and a newline":             {content: "0123456789abcdef\n", want: "0123456789abcdef"},
		"32 bytes and a newline of Windows":  {content: string(ringKey) + "\r\n", want: string(ringKey)},
		"16 bytes in base64":                 {content: inBase64(binary[:16]), want: binary[:16]},
		"16 bytes in base64 and a newline":   {content: inBase64(binary[:16]) + "\n", want: binary[:16]},
		"32 bytes in base64":                 {content: inBase64(binary), want: binary},
		"32 bytes in base64 and a newline":   {content: inBase64(binary) + "\n", want: binary},
		"32 letters, which base64 also has":  {content: string(ringKey), want: string(ringKey)},
		"24 letters, which base64 also has":  {content: "0123456789abcdef01234567", want: "0123456789abcdef01234567"},
		"nothing":                            {},
		"a newline":                          {content: "\n"},
		"one too few":                        {content: binary[:31]},
		"one too many":                       {content: binary + "x"},
		"two newlines":                       {content: binary + "\n\n"},
		"a key of no cipher in base64":       {content: inBase64(binary[:20])},
		"a key of no cipher, 44 long":        {content: strings.Repeat("*", 44)},
		"base64 of 32 bytes without padding": {content: strings.TrimRight(inBase64(binary), "=")},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			key, err := parseKey([]byte(tc.content))
			g.Expect(string(key)).To(Equal(tc.want))
			g.Expect(err != nil).To(Equal(tc.want == ""))
		})
	}
}

func TestReadTargets(t *testing.T) {
	cases := map[string]struct {
		content string
		want    []Target
		wantErr string
	}{
		"none": {content: `{"targets":[]}`, want: []Target{}},
		"two": {
			content: `{"targets":[{"region":"eu","address":"eu.example.com:7947"},{"region":"us","address":"[fd00::1]:1"}]}`,
			want:    []Target{{Region: "eu", Address: "eu.example.com:7947"}, {Region: "us", Address: "[fd00::1]:1"}},
		},
		"no JSON":        {content: `targets:`, wantErr: "parsing targets"},
		"nothing":        {content: ``, wantErr: "parsing targets"},
		"no region":      {content: `{"targets":[{"address":"a:1"}]}`, wantErr: `region ""`},
		"a region twice": {content: `{"targets":[{"region":"eu","address":"a:1"},{"region":"eu","address":"b:1"}]}`, wantErr: `region "eu"`},
		"no port":        {content: `{"targets":[{"region":"eu","address":"eu.example.com"}]}`, wantErr: "missing port"},
		"no host":        {content: `{"targets":[{"region":"eu","address":":7947"}]}`, wantErr: "no host and port"},
		"port 0":         {content: `{"targets":[{"region":"eu","address":"a:0"}]}`, wantErr: "no host and port"},
		"a named port":   {content: `{"targets":[{"region":"eu","address":"a:gossip"}]}`, wantErr: "no host and port"},
		"a large port":   {content: `{"targets":[{"region":"eu","address":"a:65536"}]}`, wantErr: "no host and port"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			path := filepath.Join(t.TempDir(), "targets.json")
			g.Expect(os.WriteFile(path, []byte(tc.content), 0o600)).To(Succeed())
			targets, err := readTargets(path)
			if tc.wantErr != "" {
				g.Expect(err).To(MatchError(ContainSubstring(tc.wantErr)))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(targets).To(Equal(tc.want))
		})
	}
}
