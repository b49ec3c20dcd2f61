package yamledit

import (
	"testing"

	. "github.com/onsi/gomega"
)

const seeds = "b.example.com,c.example.com:7947"

// A case's key is a.b unless it says otherwise, its value seeds.
type setCase struct {
	document, key, value string
	want                 string
}

func (c setCase) run(t *testing.T) {
	g := NewWithT(t)
	if c.key == "" {
		c.key = "a.b"
	}
	if c.value == "" {
		c.value = seeds
	}
	before := []byte(c.document)
	edited, err := Set(before, c.key, c.value)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(edited)).To(Equal(c.want))
	g.Expect(string(before)).To(Equal(c.document))
	value, found, err := Get(edited, c.key)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(found).To(BeTrue())
	g.Expect(value).To(Equal(c.value))
	again, err := Set(edited, c.key, c.value)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(again)).To(Equal(c.want))
}

func TestSetReplaces(t *testing.T) {
	for name, tc := range map[string]setCase{
		"plain": {
			document: "# head\na:\n  x: 'y' # why\n\n  b: old  # seeds\n  z: \"1\"\n# foot\n",
			want:     "# head\na:\n  x: 'y' # why\n\n  b: b.example.com,c.example.com:7947  # seeds\n  z: \"1\"\n# foot\n",
		},
		"single quoted":              {document: "a:\n  b: 'it''s' # c\n", want: "a:\n  b: '" + seeds + "' # c\n"},
		"single quoted, with quotes": {document: "a:\n  b: ''\n", value: "it's", want: "a:\n  b: 'it''s'\n"},
		"double quoted":              {document: "a:\n  b: \"o\\\"l#d\" # c\n", want: "a:\n  b: \"" + seeds + "\" # c\n"},
		"double quoted, with escapes": {
			document: `a: {b: ""}`, value: "\"\\\n\t\u0000\u0085é\u2028😀\U000e0001",
			want: `a: {b: "\"\\\n\t\u0000\u0085é\u202` + "8😀\U000e0001\"}",
		},
		"empty":                           {document: "a:\n  b:\n  c: d\n", want: "a:\n  b: " + seeds + "\n  c: d\n"},
		"empty at the end":                {document: "a:\n  b:", want: "a:\n  b: " + seeds},
		"empty with a comment":            {document: "a:\n  b:   # c\n", want: "a:\n  b: " + seeds + "   # c\n"},
		"empty before a comment":          {document: "a:\n  b:\n  # c\n", want: "a:\n  b: " + seeds + "\n  # c\n"},
		"tilde":                           {document: "a:\n  b: ~\n", want: "a:\n  b: " + seeds + "\n"},
		"null":                            {document: "a:\n  b: null # c\n", want: "a:\n  b: " + seeds + " # c\n"},
		"null becomes an empty text":      {document: "a:\n  b: ~\n", value: " ", want: "a:\n  b: \" \"\n"},
		"on the next line":                {document: "a:\n  b:\n    old\n", want: "a:\n  b:\n    " + seeds + "\n"},
		"plain of several lines":          {document: "a:\n  b: o\n    l\n\n\n    d # c\n  x: y\n", want: "a:\n  b: " + seeds + " # c\n  x: y\n"},
		"single quoted of several lines":  {document: "a:\n  b: 'o\n\n    ld'\n", want: "a:\n  b: '" + seeds + "'\n"},
		"double quoted of several lines":  {document: "a:\n  b: \"o\\\n    ld\"\n", want: "a:\n  b: \"" + seeds + "\"\n"},
		"literal":                         {document: "a:\n  b: |\n    o\n    ld\n\n  x: y\n", want: "a:\n  b: \"" + seeds + "\"\n\n  x: y\n"},
		"literal at the end":              {document: "a:\n  b: |\n    old", want: "a:\n  b: \"" + seeds + "\""},
		"literal without content":         {document: "a:\n  b: |\n\nx: y\n", want: "a:\n  b: \"" + seeds + "\"\n\nx: y\n"},
		"literal with indicators":         {document: "a:\n  b: |2+ # c\n     old\n\nx: y\n", want: "a:\n  b: \"" + seeds + "\" # c\n\nx: y\n"},
		"literal before a nearer comment": {document: "a:\n  b: |-\n      old\n    # c\n", want: "a:\n  b: \"" + seeds + "\"\n    # c\n"},
		"literal with more space":         {document: "a:\n  b: |\n    o\n      \n", want: "a:\n  b: \"" + seeds + "\"\n"},
		"folded":                          {document: "a:\n  b: >-\n    o\n    ld\nx: y\n", want: "a:\n  b: \"" + seeds + "\"\nx: y\n"},
		"folded, CRLF":                    {document: "a:\r\n  b: >-\r\n    o\r\n    ld\r\nx: y\r\n", want: "a:\r\n  b: \"" + seeds + "\"\r\nx: y\r\n"},
		"literal in a list":               {document: "b: |\n  x\nl:\n- b: |\n    x\n", key: "b", want: "b: \"" + seeds + "\"\nl:\n- b: |\n    x\n"},
		"CRLF":                            {document: "a:\r\n  b: old\r\n  x: y", want: "a:\r\n  b: " + seeds + "\r\n  x: y"},
		"mixed line endings":              {document: "x: y\r\na:\n  b: old\rz: 1\n", want: "x: y\r\na:\n  b: " + seeds + "\rz: 1\n"},
		"flow":                            {document: "a: {x: 1, b: old, y: 2}\n", value: "new", want: "a: {x: 1, b: new, y: 2}\n"},
		"flow, with a comma":              {document: "a: {x: 1, b: old , y: 2}\n", want: "a: {x: 1, b: \"" + seeds + "\" , y: 2}\n"},
		"flow, empty":                     {document: "a: {b: , y: 2}\n", value: "new", want: "a: {b: new, y: 2}\n"},
		"flow, empty without space":       {document: "a: {\"b\":}\n", want: "a: {\"b\": \"" + seeds + "\"}\n"},
		"JSON":                            {document: "{\n  \"a\": {\n    \"b\": \"old\"\n  }\n}", want: "{\n  \"a\": {\n    \"b\": \"" + seeds + "\"\n  }\n}"},
		"JSON null":                       {document: "{\"a\":{\"b\":null}}\n", value: "new", want: "{\"a\":{\"b\":\"new\"}}\n"},
		"number":                          {document: "a:\n  b: 7947\n", value: "7947", want: "a:\n  b: \"7947\"\n"},
		"the same":                        {document: "a:\n  b: \"" + seeds + "\"\n", want: "a:\n  b: \"" + seeds + "\"\n"},
		"document markers":                {document: "%YAML 1.1\n---\na:\n  b: old\n...\n", want: "%YAML 1.1\n---\na:\n  b: " + seeds + "\n...\n"},
		"anchors elsewhere":               {document: "x: &x {b: 1}\na:\n  <<: *x\n  b: 2\ny: *x\n", want: "x: &x {b: 1}\na:\n  <<: *x\n  b: " + seeds + "\ny: *x\n"},
		"an anchor that nobody uses":      {document: "a: &a\n  b: old\n", want: "a: &a\n  b: " + seeds + "\n"},
		"a tag that says the same":        {document: "a:\n  b: !!str 5\n", value: "6", want: "a:\n  b: !!str \"6\"\n"},
		"a tag and nothing else":          {document: "a:\n  b: !!str # c\n", want: "a:\n  b: !!str " + seeds + " # c\n"},
		"behind other characters":         {document: "\ufeffa: {é😀: x, b: 'old'}\n", want: "\ufeffa: {é😀: x, b: '" + seeds + "'}\n"},
		"behind YAML 1.1's line breaks":   {document: "x: 'y\u2028\u0085'\na: {b: 'old'}\n", want: "x: 'y\u2028\u0085'\na: {b: '" + seeds + "'}\n"},
		"quoted names":                    {document: "\"a\":\n  'b': old\n", want: "\"a\":\n  'b': " + seeds + "\n"},
		"names with dots":                 {document: "a.b:\n  c\\d: old\n", key: `a\.b.c\\d`, want: "a.b:\n  c\\d: " + seeds + "\n"},
		"explicit names":                  {document: "a:\n  ? b\n  : old\n", want: "a:\n  ? b\n  : " + seeds + "\n"},
		"the same name elsewhere":         {document: "b: 1\na:\n  c: {b: 2}\n  b: 3\n", want: "b: 1\na:\n  c: {b: 2}\n  b: " + seeds + "\n"},
		"duplicates elsewhere":            {document: "x: 1\nx: 2\na: {b: 'old'}\n", want: "x: 1\nx: 2\na: {b: '" + seeds + "'}\n"},
		"tabs":                            {document: "a:\t\n  b:\told\t# c\n", want: "a:\t\n  b:\t" + seeds + "\t# c\n"},
	} {
		t.Run(name, tc.run)
	}
}

func TestSetQuotesWhatWouldNotBeAText(t *testing.T) {
	for _, value := range []string{
		"yes", "No", "ON", "off", "true", "null", "~", "y", "1", "0x1F", "1_000", "1e3", "10.0", "1:30", "2026-01-01", ".5", "-1", "+1", ".inf",
		"a: b", "a:", "a #b", " a", "a ", "- a", "? a", "[\"a\",\"b\"]", "{a: b}", "*a", "&a", "!a", "%a", "@a", "`a", "|", ">", "'", "\"", "#", "a\nb", "=", "<<",
		"10.0.0.1",
	} {
		t.Run(value, func(t *testing.T) {
			setCase{document: "a:\n  b: old # c\n", value: value, want: "a:\n  b: " + doubleQuotes(value) + " # c\n"}.run(t)
		})
	}
	for _, value := range []string{"a", "yesterday", "a b", "https://a.example.com/x", "a:7947 b:7947", "e1", "_"} {
		t.Run(value, func(t *testing.T) {
			setCase{document: "a:\n  b: old # c\n", value: value, want: "a:\n  b: " + value + " # c\n"}.run(t)
		})
	}
	t.Run("nothing", func(t *testing.T) {
		g := NewWithT(t)
		for before, want := range map[string]string{"a: x\n": "a: \"\"\n", "a: 'x'\n": "a: ''\n", "a:\n": "a: \"\"\n", "a: ~\n": "a: \"\"\n", "a: ''": "a: ''"} {
			edited, err := Set([]byte(before), "a", "")
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(string(edited)).To(Equal(want))
		}
	})
}

func TestSetInserts(t *testing.T) {
	const quoted = "\"" + seeds + "\""
	for name, tc := range map[string]setCase{
		"last of its siblings":           {document: "a:\n    x: 1 # c\n\n# foot\nz: 2\n", want: "a:\n    x: 1 # c\n    b: " + quoted + "\n\n# foot\nz: 2\n"},
		"at the end of the text":         {document: "a:\n  x: 1", want: "a:\n  x: 1\n  b: " + quoted},
		"CRLF":                           {document: "a:\r\n  x: 1\r\nz: 2\r\n", want: "a:\r\n  x: 1\r\n  b: " + quoted + "\r\nz: 2\r\n"},
		"CRLF at the end of the text":    {document: "a:\r\n  x: 1", want: "a:\r\n  x: 1\r\n  b: " + quoted},
		"into the root":                  {document: "x: 1\n", key: "b", want: "x: 1\nb: " + quoted + "\n"},
		"with a parent":                  {document: "x:\n    y: 1\n", want: "x:\n    y: 1\na:\n    b: " + quoted + "\n"},
		"with parents":                   {document: "x: 1\n", key: "a.b.c", want: "x: 1\na:\n  b:\n    c: " + quoted + "\n"},
		"with parents, CRLF":             {document: "x: 1\r\n", want: "x: 1\r\na:\r\n  b: " + quoted + "\r\n"},
		"behind deeper values":           {document: "a:\n  x:\n    - {y: 1}\n    -\n      z: 2\nq: 1\n", want: "a:\n  x:\n    - {y: 1}\n    -\n      z: 2\n  b: " + quoted + "\nq: 1\n"},
		"behind a list at its own level": {document: "a:\n  x:\n  - 1\n  - y: |\n      z\nq: 1\n", want: "a:\n  x:\n  - 1\n  - y: |\n      z\n  b: " + quoted + "\nq: 1\n"},
		"behind a literal":               {document: "a:\n  x: |\n    y\n\nq: 1\n", want: "a:\n  x: |\n    y\n  b: " + quoted + "\n\nq: 1\n"},
		"behind a literal of a list":     {document: "a:\n  x:\n  - |\n    y\nq: 1\n", want: "a:\n  x:\n  - |\n    y\n  b: " + quoted + "\nq: 1\n"},
		"behind a literal that keeps":    {document: "a:\n  x: |+\n    y\n\nq: 1\n", want: "a:\n  x: |+\n    y\n\n  b: " + quoted + "\nq: 1\n"},
		"behind kept lines at the end":   {document: "a:\n  x: |+\n    y\n\n", want: "a:\n  x: |+\n    y\n\n  b: " + quoted + "\n"},
		"behind lines of plain text":     {document: "a:\n  x: y\n    z # c\n", want: "a:\n  x: y\n    z # c\n  b: " + quoted + "\n"},
		"behind quotes of several lines": {document: "a:\n  x: 'y\n\n   z'\n", want: "a:\n  x: 'y\n\n   z'\n  b: " + quoted + "\n"},
		"behind braces of several lines": {document: "a:\n  x: {y: [\n   1, # c\n ],\n  }\nz: 1\n", want: "a:\n  x: {y: [\n   1, # c\n ],\n  }\n  b: " + quoted + "\nz: 1\n"},
		"behind an alias":                {document: "x: &x 1\na:\n  y: *x\n", want: "x: &x 1\na:\n  y: *x\n  b: " + quoted + "\n"},
		"behind an anchor":               {document: "a:\n  y: &x !!str z\n", want: "a:\n  y: &x !!str z\n  b: " + quoted + "\n"},
		"behind a pair in a list":        {document: "a:\n  y: [x: 1]\n", want: "a:\n  y: [x: 1]\n  b: " + quoted + "\n"},
		"behind an empty value":          {document: "a:\n  x: # c\nz: 1\n", want: "a:\n  x: # c\n  b: " + quoted + "\nz: 1\n"},
		"below an empty value":           {document: "a: # c\nz: 1\n", want: "a: # c\n  b: " + quoted + "\nz: 1\n"},
		"below an empty value at depth":  {document: "x:\n    a:\n    # c\n", key: "x.a.b", want: "x:\n    a:\n        b: " + quoted + "\n    # c\n"},
		"below a tilde":                  {document: "a: ~ # c\n", want: "a: {b: " + quoted + "} # c\n"},
		"below an empty flow value":      {document: "{x: 1, a: }\n", want: "{x: 1, a: {b: " + quoted + "}}\n"},
		"below JSON's null":              {document: "{\"a\":null}", want: "{\"a\":{\"b\": " + quoted + "}}"},
		"into braces":                    {document: "a: {x: 1}\n", want: "a: {x: 1, b: " + quoted + "}\n"},
		"into braces with parents":       {document: "{x: 1 }\n", key: "a.b.c", want: "{x: 1, a: {b: {c: " + quoted + "}} }\n"},
		"into empty braces":              {document: "a: {} # c\n", want: "a: {b: " + quoted + "} # c\n"},
		"into braces with names only":    {document: "a: {x}\n", want: "a: {x, b: " + quoted + "}\n"},
		"into braces with a last comma":  {document: "a: {x: 1,}\n", want: "a: {x: 1, b: " + quoted + ",}\n"},
		"into JSON":                      {document: "{\"a\":{\"x\":1}}", want: "{\"a\":{\"x\":1, \"b\": " + quoted + "}}"},
		"into empty JSON":                {document: "{}\n", want: "{\"a\": {\"b\": " + quoted + "}}\n"},
		"into empty braces of JSON":      {document: "{\"a\": {}}\n", want: "{\"a\": {\"b\": " + quoted + "}}\n"},
		"into JSON of several lines": {
			document: "{\n  \"a\": {\n    \"x\": 1\n  },\n  \"z\": 2\n}\n",
			want:     "{\n  \"a\": {\n    \"x\": 1,\n    \"b\": " + quoted + "\n  },\n  \"z\": 2\n}\n",
		},
		"into lines with comments":     {document: "a: {\n\tx: 1 # c\n}\n", want: "a: {\n\tx: 1, # c\n\tb: " + quoted + "\n}\n"},
		"into lines with last commas":  {document: "a: {\r\n  x: 1, # c\r\n}\r\n", want: "a: {\r\n  x: 1, # c\r\n  b: " + quoted + ",\r\n}\r\n"},
		"into lines with first commas": {document: "a: {\n  x: 1\n  ,\n}\n", want: "a: {\n  x: 1,\n  b: " + quoted + "\n  ,\n}\n"},
		"into lines that end early":    {document: "a: {\n  x: 1}\n", want: "a: {\n  x: 1, b: " + quoted + "}\n"},
		"below a merge":                {document: "x: &x {b: 1}\na:\n  <<: *x\n", want: "x: &x {b: 1}\na:\n  <<: *x\n  b: " + quoted + "\n"},
		"into an unused anchor":        {document: "a: &a\n  x: 1\n", want: "a: &a\n  x: 1\n  b: " + quoted + "\n"},
		"nothing at all":               {document: "", want: "a:\n  b: " + quoted + "\n"},
		"nothing but a mark":           {document: "\ufeff", want: "\ufeffa:\n  b: " + quoted + "\n"},
		"nothing but comments":         {document: "# c\n\n", want: "# c\n\na:\n  b: " + quoted + "\n"},
		"nothing but an open comment":  {document: "# c", want: "# c\na:\n  b: " + quoted},
		"nothing but a marker":         {document: "---\n", want: "---\na:\n  b: " + quoted + "\n"},
		"nothing but an open marker":   {document: "---", want: "---\na:\n  b: " + quoted},
		"nothing but null":             {document: "null # c\n", want: "{a: {b: " + quoted + "}} # c\n"},
		"explicit names":               {document: "? x\n: 1\n", key: "b", want: "? x\n: 1\nb: " + quoted + "\n"},
		"names that need quotes":       {document: "x: 1\n", key: `yes.a\.b: c.1`, want: "x: 1\n\"yes\":\n  \"a.b: c\":\n    \"1\": " + quoted + "\n"},
		"names that do not":            {document: "x: 1\n", key: `a\.b.c/d-e_F`, want: "x: 1\na.b:\n  c/d-e_F: " + quoted + "\n"},
	} {
		t.Run(name, tc.run)
	}
}
