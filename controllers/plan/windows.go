package plan

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// cronFields are those of a CronJob's schedule, and names as @monthly.
const cronFields = cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor

// longestOpen is longer than the eight years for which a schedule can pause (29 February, around
// 2100). A window that stays open longer never closes, so that nobody can tell the difference.
const longestOpen = 10 * 365 * 24 * time.Hour

// Windows are the times at which a Promotion lets regions begin to move.
type Windows struct {
	allow, deny []*window
}

// Opening says whether regions may begin to move.
type Opening struct {
	// Open is true while they may.
	Open bool
	// Until is the moment at which that changes. Zero: not within a year, or only after windows
	// have opened and closed a hundred thousand times without any effect.
	Until time.Time
	// By is the window that says so: one that denies or allows, or the next one that allows. Empty
	// when no window allows anything and none denies at the moment.
	By string
}

// window is open for a length from every minute that its schedule names and the clock in its zone
// shows. As a CronJob, it leaves out what a change of the clock skips and opens twice at what
// comes twice. The schedule's own Next is not asked, because it leaves out whole days where the
// clock skips midnight, and because a year of minutes would take it a second.
type window struct {
	name     string
	schedule *cron.SpecSchedule
	zone     *time.Location
	length   int64
	usual    []span // runs of a day on which the clock does not change, in seconds from midnight
}

// NewWindows returns the windows of a Promotion, or an error that names the one that can never
// open or close.
func NewWindows(specs []v1alpha1.PromotionWindow) (*Windows, error) {
	ws := &Windows{}
	for i := range specs {
		w, err := newWindow(&specs[i])
		if err != nil {
			return nil, fmt.Errorf("spec.windows[%d].%w", i, err)
		}
		switch specs[i].Kind {
		case v1alpha1.WindowAllow:
			ws.allow = append(ws.allow, w)
		case v1alpha1.WindowDeny:
			ws.deny = append(ws.deny, w)
		default:
			return nil, fmt.Errorf("spec.windows[%d].kind: %q is neither %s nor %s", i, specs[i].Kind, v1alpha1.WindowAllow, v1alpha1.WindowDeny)
		}
	}
	return ws, nil
}

func newWindow(spec *v1alpha1.PromotionWindow) (*window, error) {
	schedule, err := parseSchedule(spec.Schedule)
	if err != nil {
		return nil, fmt.Errorf("schedule: %w", err)
	}
	if spec.Duration.Duration <= 0 {
		return nil, fmt.Errorf("duration: %s is not longer than nothing", spec.Duration.Duration)
	}
	// Local would be another zone wherever Portolan runs.
	zone, err := time.LoadLocation(spec.TimeZone)
	if err != nil || zone == time.Local {
		return nil, fmt.Errorf("timeZone: %q is not known", spec.TimeZone)
	}
	w := &window{
		name:     fmt.Sprintf("%s %q", spec.Kind, spec.Schedule),
		schedule: schedule,
		zone:     zone,
		length:   int64(min(spec.Duration.Duration, longestOpen)),
	}
	for minute := range int64(minutesOfDay) {
		if w.names(int(minute/60), int(minute%60)) {
			w.usual = w.withOpening(w.usual, minute*secondsOfMinute)
		}
	}
	if len(w.usual) == 0 || !w.comes() {
		return nil, fmt.Errorf("schedule: %q never comes", spec.Schedule)
	}
	return w, nil
}

// parseSchedule refuses what the parser takes beyond a CronJob's schedules: a zone (on which it
// may panic as well), and @every, which has no time of the day.
func parseSchedule(text string) (*cron.SpecSchedule, error) {
	if strings.Contains(text, "TZ=") {
		return nil, errors.New("set timeZone instead of TZ=")
	}
	parsed, err := cron.NewParser(cronFields).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", text, err)
	}
	schedule, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return nil, fmt.Errorf("%q names no time of the day", text)
	}
	return schedule, nil
}

// At tells whether regions may begin to move at a moment: within a window that allows, if there is
// any that allows, and within none that denies.
func (w *Windows) At(now time.Time) Opening {
	at, end := now.UnixNano(), now.AddDate(1, 0, 0).UnixNano()
	allowed, denied := says(w.allow, at, end), says(w.deny, at, end)
	o := Opening{Open: (len(w.allow) == 0 || allowed.open) && !denied.open}
	switch {
	case denied.open:
		o.By = denied.by
	case len(w.allow) > 0:
		o.By = allowed.by
	}
	s := &search{after: at, before: end}
	change := w.opening
	if o.Open {
		change = w.closing
	}
	if until := change(s); until < end && s.seen <= enough {
		o.Until = time.Unix(0, until).UTC()
	}
	return o
}

// closing returns when an open time ends, or the end of the search.
func (w *Windows) closing(s *search) int64 {
	denied := s.before
	for times := range s.union(w.deny) {
		denied = min(denied, times.from)
		break
	}
	for times := range s.union(w.allow) {
		return min(denied, times.to)
	}
	return denied
}

// opening returns when a closed time ends, or the end of the search.
func (w *Windows) opening(s *search) int64 {
	next, stop := iter.Pull(s.union(w.deny))
	defer stop()
	denied, ok := next()
	open := s.after
	for times := range w.allowed(s) {
		open = max(open, times.from)
		for ok && denied.from <= open {
			open = max(open, denied.to)
			denied, ok = next()
		}
		if open < times.to {
			return open
		}
	}
	return s.before
}

// allowed is always where no window allows.
func (w *Windows) allowed(s *search) iter.Seq[span] {
	if len(w.allow) == 0 {
		return func(yield func(span) bool) { yield(span{s.after, s.before}) }
	}
	return s.union(w.allow)
}

// standing is what some windows say at a moment.
type standing struct {
	open bool
	by   string
}

// says returns the window that is open, or else the one that opens next; of several, the one
// that is listed first.
func says(windows []*window, at, end int64) standing {
	var found standing
	soonest := end
	for i, w := range windows {
		if i == 0 {
			found.by = w.name
		}
		for times := range (&search{after: at, before: end}).open(w) {
			if times.from <= at {
				return standing{open: true, by: w.name}
			}
			if times.from < soonest {
				found.by, soonest = w.name, times.from
			}
			break
		}
	}
	return found
}
