package changelog

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// maxText leaves a ConfigMap, which holds 1 MiB at most, room for all else.
const maxText = 512 << 10

// roomForRest is kept for the last line.
const roomForRest = 4 << 10

// Text is the logs in Markdown, one after the other: of each a section for each application that
// anything changes for, and one for the commits that are of no application. It is at most 512 KiB
// long; its last line says what was left out.
func (logs Logs) Text() string {
	w := &writer{}
	for i, l := range logs {
		if i > 0 {
			w.line("")
		}
		of := ""
		if len(logs) > 1 {
			of = ": " + escaped(strings.Join(l.applications, ", "))
		}
		w.line("# From `%.7s` to `%.7s`%s", l.from, l.to, of)
		w.line("")
		l.write(w)
	}
	return w.text()
}

func (l *Log) write(w *writer) {
	w.line("%s", l.summary())
	if l.more {
		w.line("")
		w.line("**There are more commits than these, which are the newest of them.**")
	}
	if quiet := l.unchanged(); len(quiet) > 0 && l.direction() != v1alpha1.ChangelogSame {
		w.line("")
		w.line("No commit listed here touches %s.", strings.Join(quiet, ", "))
	}
	for _, name := range l.applications {
		of := func(c change) bool { return slices.Contains(c.applications, name) }
		w.section(name, name, selected(l.removed, of), selected(l.added, of))
	}
	other := func(c change) bool { return len(c.applications) == 0 }
	w.section("other (of no application)", "", selected(l.removed, other), selected(l.added, other))
}

func (l *Log) summary() string {
	switch l.direction() {
	case v1alpha1.ChangelogForward:
		return fmt.Sprintf("**Forward**: %s will be added. Times are in UTC.", count(len(l.added), "commit"))
	case v1alpha1.ChangelogBack:
		return fmt.Sprintf("**ROLLBACK**: %s will be **REMOVED**. Times are in UTC.", count(len(l.removed), "commit"))
	case v1alpha1.ChangelogDiverged:
		return fmt.Sprintf("**DIVERGED**: %s will be **REMOVED** and %s added. Times are in UTC.",
			count(len(l.removed), "commit"), count(len(l.added), "other"))
	default:
		return "**Same**: nothing changes."
	}
}

// unchanged are the applications without a section.
func (l *Log) unchanged() []string {
	var quiet []string
	for _, name := range l.applications {
		of := func(c change) bool { return slices.Contains(c.applications, name) }
		if !slices.ContainsFunc(l.removed, of) && !slices.ContainsFunc(l.added, of) {
			quiet = append(quiet, escaped(name))
		}
	}
	return quiet
}

// selected returns those changes, pull requests first.
func selected(changes []change, of func(change) bool) []change {
	var prs, commits []change
	for i := range changes {
		switch {
		case !of(changes[i]):
		case changes[i].pullRequest > 0:
			prs = append(prs, changes[i])
		default:
			commits = append(commits, changes[i])
		}
	}
	return append(prs, commits...)
}

// writer writes lines as long as there is room, and remembers what it left out.
type writer struct {
	strings.Builder
	full bool
	rest []string
}

// line writes a line, or tells that the text is full. What comes after is left out too: a text
// with holes would read as if it were whole.
func (w *writer) line(format string, args ...any) bool {
	text := fmt.Sprintf(format, args...) + "\n"
	w.full = w.full || w.Len()+len(text) > maxText-roomForRest
	if !w.full {
		w.WriteString(text)
	}
	return !w.full
}

func (w *writer) section(title, application string, removed, added []change) {
	if len(removed)+len(added) == 0 {
		return
	}
	w.line("")
	w.line("## %s", escaped(title))
	left := w.changes("Will be REMOVED", application, removed) + w.changes("Will be added", application, added)
	if left > 0 {
		w.rest = append(w.rest, fmt.Sprintf("%d of %s", left, escaped(title)))
	}
}

// changes returns how many it left out.
func (w *writer) changes(heading, application string, changes []change) (left int) {
	if len(changes) == 0 {
		return 0
	}
	w.line("")
	w.line("### %s: %s", heading, count(len(changes), "commit"))
	w.line("")
	for i := range changes {
		if !w.line("- %s", changes[i].entry(application)) {
			return len(changes) - i
		}
	}
	return 0
}

func (w *writer) text() string {
	if len(w.rest) > 0 {
		shown := w.rest[:min(len(w.rest), 32)]
		left := strings.Join(shown, ", ")
		if more := len(w.rest) - len(shown); more > 0 {
			left += fmt.Sprintf(", and all of %d more sections", more)
		}
		fmt.Fprintf(w, "\n**Left out, because there is no room for more commits: %s.**\n", left)
	}
	return w.String()
}

// entry is a change as the section of an application has it.
func (c *change) entry(application string) string {
	title := escaped(cmp.Or(c.title, "(no title)"))
	by := escaped(cut(plain(c.Author), maxAuthor)) + ", " + c.When.UTC().Format("2006-01-02 15:04")
	// A title at the beginning of an item could be a heading or a list.
	var b strings.Builder
	if c.pullRequest > 0 {
		fmt.Fprintf(&b, "**#%d** %s (`%.7s`, %s)%s", c.pullRequest, title, c.Hash, by, c.origin())
	} else {
		fmt.Fprintf(&b, "`%.7s` %s (%s)", c.Hash, title, by)
	}
	var others []string
	for _, name := range c.sharers {
		if name != application {
			others = append(others, escaped(name))
		}
	}
	if len(others) > 0 {
		fmt.Fprintf(&b, ", **shared with %s**", strings.Join(others, ", "))
	}
	return b.String()
}

// escaped is a text in which Markdown and HTML find nothing of theirs.
func escaped(text string) string {
	return escaper.Replace(text)
}

var escaper = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", `*`, `\*`, `_`, `\_`, `[`, `\[`, `]`, `\]`, `<`, `\<`, `>`, `\>`, `&`, `\&`, `~`, `\~`, `|`, `\|`,
	`$`, `\$`, `://`, `\://`,
)

func count(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}
