package plan

import (
	"fmt"
	"slices"
	"testing"
	"time"
	_ "time/tzdata" // the machine that tests may have none

	. "github.com/onsi/gomega"
	"github.com/robfig/cron/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

const (
	berlin  = "Europe/Berlin"
	newYork = "America/New_York"
)

func windowOf(kind v1alpha1.WindowKind, schedule string, length time.Duration, zone string) v1alpha1.PromotionWindow {
	return v1alpha1.PromotionWindow{Kind: kind, Schedule: schedule, Duration: metav1.Duration{Duration: length}, TimeZone: zone}
}

func allows(schedule string, length time.Duration, zone string) v1alpha1.PromotionWindow {
	return windowOf(v1alpha1.WindowAllow, schedule, length, zone)
}

func denies(schedule string, length time.Duration, zone string) v1alpha1.PromotionWindow {
	return windowOf(v1alpha1.WindowDeny, schedule, length, zone)
}

// moment reads a time with its offset, so that the two of an hour that comes twice are told apart.
func moment(g Gomega, text string) time.Time {
	if text == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, text)
	g.Expect(err).NotTo(HaveOccurred())
	return t.UTC()
}

func TestWhenRegionsMayMove(t *testing.T) {
	officeHours := allows("0 8 * * 1-5", 8*time.Hour, berlin)
	cases := map[string]struct {
		windows []v1alpha1.PromotionWindow
		at      string
		closed  bool
		until   string
		by      string
	}{
		"always, without windows": {at: "2026-06-01T12:00:00Z"},
		"within an allowed time": {
			windows: []v1alpha1.PromotionWindow{officeHours}, at: "2026-06-01T08:00:00+02:00",
			until: "2026-06-01T16:00:00+02:00", by: `Allow "0 8 * * 1-5"`,
		},
		"not at its last moment": {
			windows: []v1alpha1.PromotionWindow{officeHours}, at: "2026-06-01T16:00:00+02:00",
			closed: true, until: "2026-06-02T08:00:00+02:00", by: `Allow "0 8 * * 1-5"`,
		},
		"until the last moment before": {
			windows: []v1alpha1.PromotionWindow{officeHours}, at: "2026-06-01T15:59:59.999999999+02:00",
			until: "2026-06-01T16:00:00+02:00", by: `Allow "0 8 * * 1-5"`,
		},
		"not on a weekend": {
			windows: []v1alpha1.PromotionWindow{officeHours}, at: "2026-06-05T20:00:00+02:00",
			closed: true, until: "2026-06-08T08:00:00+02:00", by: `Allow "0 8 * * 1-5"`,
		},
		"when nothing denies": {
			windows: []v1alpha1.PromotionWindow{denies("0 0 * * 6", 48*time.Hour, "")}, at: "2026-06-05T20:00:00Z",
			until: "2026-06-06T00:00:00Z",
		},
		"not when something denies": {
			windows: []v1alpha1.PromotionWindow{denies("0 0 * * 6", 48*time.Hour, "")}, at: "2026-06-07T20:00:00Z",
			closed: true, until: "2026-06-08T00:00:00Z", by: `Deny "0 0 * * 6"`,
		},
		"not when something denies what something allows": {
			windows: []v1alpha1.PromotionWindow{officeHours, denies("0 10 * * *", time.Hour, berlin)}, at: "2026-06-01T10:30:00+02:00",
			closed: true, until: "2026-06-01T11:00:00+02:00", by: `Deny "0 10 * * *"`,
		},
		"until something denies": {
			windows: []v1alpha1.PromotionWindow{officeHours, denies("0 10 * * *", time.Hour, berlin)}, at: "2026-06-01T09:30:00+02:00",
			until: "2026-06-01T10:00:00+02:00", by: `Allow "0 8 * * 1-5"`,
		},
		"when the denial ends, unless the allowed time has ended too": {
			windows: []v1alpha1.PromotionWindow{officeHours, denies("0 15 * * 1", 24*time.Hour, berlin)}, at: "2026-06-01T15:30:00+02:00",
			closed: true, until: "2026-06-02T15:00:00+02:00", by: `Deny "0 15 * * 1"`,
		},
		"when the last of several allowed times that touch ends": {
			windows: []v1alpha1.PromotionWindow{
				allows("0 8 * * *", 2*time.Hour, ""), allows("0 9 * * *", 3*time.Hour, ""), allows("0 12 * * *", time.Hour, ""),
			},
			at: "2026-06-01T09:30:00Z", until: "2026-06-01T13:00:00Z", by: `Allow "0 8 * * *"`,
		},
		"when the last of several denials that overlap ends": {
			windows: []v1alpha1.PromotionWindow{denies("0 8 * * *", 2*time.Hour, ""), denies("0 9 * * *", 3*time.Hour, "")},
			at:      "2026-06-01T08:30:00Z", closed: true, until: "2026-06-01T12:00:00Z", by: `Deny "0 8 * * *"`,
		},
		"never, when denials cover all that is allowed": {
			windows: []v1alpha1.PromotionWindow{officeHours, denies("@daily", 24*time.Hour, berlin)}, at: "2026-06-01T09:00:00+02:00",
			closed: true, by: `Deny "@daily"`,
		},
		"always, when a window never closes": {
			windows: []v1alpha1.PromotionWindow{allows("*/10 * * * *", 10*time.Minute, "")}, at: "2026-06-01T09:00:00Z",
			by: `Allow "*/10 * * * *"`,
		},
		"not before a leap year, and nobody waits that long": {
			windows: []v1alpha1.PromotionWindow{allows("0 0 29 2 *", time.Hour, "")}, at: "2025-06-01T09:00:00Z",
			closed: true, by: `Allow "0 0 29 2 *"`,
		},
		"in a window that opened years ago": {
			windows: []v1alpha1.PromotionWindow{allows("0 0 29 2 *", 3*365*24*time.Hour, "")}, at: "2026-12-01T00:00:00Z",
			until: "2027-02-28T00:00:00Z", by: `Allow "0 0 29 2 *"`,
		},
		"in a window that is longer than any pause": {
			windows: []v1alpha1.PromotionWindow{allows("0 0 29 2 *", 250*365*24*time.Hour, "")}, at: "2103-12-01T00:00:00Z",
			by: `Allow "0 0 29 2 *"`,
		},
		"not, and nobody searches far behind windows that open in vain": {
			windows: []v1alpha1.PromotionWindow{
				denies("*/2 * * * *", time.Minute, ""), allows("*/2 * * * *", time.Minute, ""), allows("1 0 1 5 *", time.Minute, ""),
			},
			at: "2026-06-01T00:00:00Z", closed: true, by: `Deny "*/2 * * * *"`,
		},
		"when the next of two zones has its morning": {
			windows: []v1alpha1.PromotionWindow{allows("0 8 * * *", time.Hour, newYork), allows("1 8 * * *", time.Hour, berlin)},
			at:      "2026-06-01T00:00:00Z", closed: true, until: "2026-06-01T08:01:00+02:00", by: `Allow "1 8 * * *"`,
		},
		"in an hour by Berlin's clock that is longer because it comes twice": {
			windows: []v1alpha1.PromotionWindow{allows("0 2 * * *", time.Hour, berlin)}, at: "2026-10-25T02:30:00+02:00",
			until: "2026-10-25T03:00:00+01:00", by: `Allow "0 2 * * *"`,
		},
		"twice at half past two when Berlin puts its clock back": {
			windows: []v1alpha1.PromotionWindow{allows("30 2 * * *", 10*time.Minute, berlin)}, at: "2026-10-25T02:40:00+02:00",
			closed: true, until: "2026-10-25T02:30:00+01:00", by: `Allow "30 2 * * *"`,
		},
		"not at half past two when Berlin puts its clock forward": {
			windows: []v1alpha1.PromotionWindow{allows("30 2 * * *", time.Hour, berlin)}, at: "2026-03-29T00:00:00+01:00",
			closed: true, until: "2026-03-30T02:30:00+02:00", by: `Allow "30 2 * * *"`,
		},
		"for eight hours, whatever Berlin's clock shows after them": {
			windows: []v1alpha1.PromotionWindow{denies("0 22 * * 6", 8*time.Hour, berlin)}, at: "2026-03-28T23:00:00+01:00",
			closed: true, until: "2026-03-29T07:00:00+02:00", by: `Deny "0 22 * * 6"`,
		},
		"twice at half past one when New York puts its clock back": {
			windows: []v1alpha1.PromotionWindow{allows("30 1 * * *", 10*time.Minute, newYork)}, at: "2026-11-01T01:40:00-04:00",
			closed: true, until: "2026-11-01T01:30:00-05:00", by: `Allow "30 1 * * *"`,
		},
		"not at half past two when New York puts its clock forward": {
			windows: []v1alpha1.PromotionWindow{allows("30 2 * * *", time.Hour, newYork)}, at: "2026-03-08T00:00:00-05:00",
			closed: true, until: "2026-03-09T02:30:00-04:00", by: `Allow "30 2 * * *"`,
		},
		// Here the schedule's own Next leaves the Friday out.
		"on a Friday on which Cairo skips midnight": {
			windows: []v1alpha1.PromotionWindow{denies("0 12 * * 5", time.Hour, "Africa/Cairo")}, at: "2026-04-24T12:30:00+03:00",
			closed: true, until: "2026-04-24T13:00:00+03:00", by: `Deny "0 12 * * 5"`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			w, err := NewWindows(tc.windows)
			g.Expect(err).NotTo(HaveOccurred())
			want := Opening{Open: !tc.closed, Until: moment(g, tc.until), By: tc.by}
			g.Expect(w.At(moment(g, tc.at))).To(Equal(want))
		})
	}
}

func TestWindowsThatCannotBe(t *testing.T) {
	good := allows("0 8 * * *", time.Hour, "")
	cases := map[string]struct {
		window v1alpha1.PromotionWindow
		want   string
	}{
		"a day that no year has":     {allows("0 0 30 2 *", time.Hour, ""), `schedule: "0 0 30 2 *" never comes`},
		"a minute list of nothing":   {allows(", 0 * * *", time.Hour, ""), `schedule: ", 0 * * *" never comes`},
		"a day list of nothing":      {allows("0 0 , * *", time.Hour, ""), `schedule: "0 0 , * *" never comes`},
		"no schedule":                {allows("", time.Hour, ""), `schedule: reading "": empty spec string`},
		"too few fields":             {allows("0 8 * *", time.Hour, ""), `schedule: reading "0 8 * *": expected exactly 5 fields, found 4: [0 8 * *]`},
		"an hour that no day has":    {allows("0 24 * * *", time.Hour, ""), `schedule: reading "0 24 * * *": end of range (24) above maximum (23): 24`},
		"a zone in the schedule":     {allows("TZ=Asia/Tokyo 0 8 * * *", time.Hour, ""), `schedule: set timeZone instead of TZ=`},
		"only a zone":                {allows("CRON_TZ=UTC", time.Hour, ""), `schedule: set timeZone instead of TZ=`},
		"no time of the day":         {allows("@every 8h", time.Hour, ""), `schedule: "@every 8h" names no time of the day`},
		"no length":                  {denies("0 8 * * *", 0, ""), `duration: 0s is not longer than nothing`},
		"a negative length":          {denies("0 8 * * *", -time.Hour, ""), `duration: -1h0m0s is not longer than nothing`},
		"an unknown zone":            {denies("0 8 * * *", time.Hour, "Europe/Atlantis"), `timeZone: "Europe/Atlantis" is not known`},
		"a zone that is a file":      {denies("0 8 * * *", time.Hour, "../zone"), `timeZone: "../zone" is not known`},
		"whatever zone Portolan has": {denies("0 8 * * *", time.Hour, "Local"), `timeZone: "Local" is not known`},
		"an unknown kind":            {windowOf("Maybe", "0 8 * * *", time.Hour, ""), `kind: "Maybe" is neither Allow nor Deny`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w, err := NewWindows([]v1alpha1.PromotionWindow{good, tc.window, good})
			NewWithT(t).Expect(err).To(MatchError("spec.windows[1]." + tc.want))
			NewWithT(t).Expect(w).To(BeNil())
		})
	}
}

func TestSchedulesThatComeSeldom(t *testing.T) {
	for _, schedule := range []string{"0 0 29 2 *", "0 0 30 2 1", "0 0 31 1,2 *", "59 23 31 12 *", "0 0 ? * SUN"} {
		_, err := NewWindows([]v1alpha1.PromotionWindow{allows(schedule, time.Nanosecond, "")})
		NewWithT(t).Expect(err).NotTo(HaveOccurred(), schedule)
	}
}

var (
	someZone  = rapid.SampledFrom([]string{"", berlin, newYork, "Australia/Lord_Howe", "America/Havana", "Africa/Cairo", "Asia/Kolkata"})
	someField = func(least, most int) *rapid.Generator[string] {
		return rapid.OneOf(rapid.Just("*"), rapid.Just("*"), rapid.Custom(func(t *rapid.T) string {
			from := rapid.IntRange(least, most).Draw(t, "from")
			return fmt.Sprintf("%d-%d/%d", from, rapid.IntRange(from, most).Draw(t, "to"), rapid.IntRange(1, 30).Draw(t, "step"))
		}))
	}
	someSchedule = rapid.Custom(func(t *rapid.T) string {
		return fmt.Sprintf("%s %s %s %s %s", someField(0, 59).Draw(t, "minute"), someField(0, 23).Draw(t, "hour"),
			someField(1, 28).Draw(t, "day"), "*", someField(0, 6).Draw(t, "weekday"))
	})
	someLength = rapid.Custom(func(t *rapid.T) time.Duration {
		unit := rapid.SampledFrom([]time.Duration{time.Second, time.Minute, time.Hour}).Draw(t, "unit")
		return unit * time.Duration(rapid.IntRange(1, 90).Draw(t, "length"))
	})
	someWindow = rapid.Custom(func(t *rapid.T) v1alpha1.PromotionWindow {
		kind := rapid.SampledFrom([]v1alpha1.WindowKind{v1alpha1.WindowAllow, v1alpha1.WindowDeny}).Draw(t, "kind")
		return windowOf(kind, someSchedule.Draw(t, "schedule"), someLength.Draw(t, "length"), someZone.Draw(t, "zone"))
	})
	// someMoment is often close to a change of the clock.
	someMoment = rapid.Custom(func(t *rapid.T) time.Time {
		near := rapid.SampledFrom([]string{
			"2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z", "2026-03-08T07:00:00Z", "2026-11-01T06:00:00Z", "2026-04-04T15:00:00Z",
			"2026-10-03T15:30:00Z", "2026-04-23T22:00:00Z", "2026-10-29T21:00:00Z", "2024-02-29T12:00:00Z", "2026-07-01T00:00:00Z",
		}).Draw(t, "near")
		at, err := time.Parse(time.RFC3339, near)
		if err != nil {
			t.Fatal(err)
		}
		return at.Add(time.Duration(rapid.Int64Range(-int64(72*time.Hour), int64(72*time.Hour)).Draw(t, "off")))
	})
)

// isOpen looks at each minute for which a window could still be open.
func isOpen(t *rapid.T, spec *v1alpha1.PromotionWindow, at time.Time) bool {
	parsed, err := cron.ParseStandard(spec.Schedule)
	if err != nil {
		t.Fatal(err)
	}
	zone, err := time.LoadLocation(spec.TimeZone)
	if err != nil {
		t.Fatal(err)
	}
	s, star := parsed.(*cron.SpecSchedule), uint64(1)<<63
	for minute := at.Truncate(time.Minute); at.Sub(minute) < spec.Duration.Duration; minute = minute.Add(-time.Minute) {
		shown := minute.In(zone)
		days, weekdays := s.Dom>>shown.Day()&1 == 1, s.Dow>>shown.Weekday()&1 == 1
		day := days || weekdays
		if (s.Dom|s.Dow)&star != 0 {
			day = days && weekdays
		}
		if day && s.Hour>>shown.Hour()&1 == 1 && s.Minute>>shown.Minute()&1 == 1 {
			return true
		}
	}
	return false
}

func mayMove(t *rapid.T, specs []v1alpha1.PromotionWindow, at time.Time) bool {
	allowed, anyAllows := false, false
	for i := range specs {
		switch {
		case specs[i].Kind == v1alpha1.WindowAllow:
			anyAllows = true
			allowed = allowed || isOpen(t, &specs[i], at)
		case isOpen(t, &specs[i], at):
			return false
		}
	}
	return allowed || !anyAllows
}

func windowsOf(t *rapid.T, specs ...v1alpha1.PromotionWindow) *Windows {
	w, err := NewWindows(specs)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestWindowsAreWhatEachMinuteSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		specs := rapid.SliceOfN(someWindow, 0, 4).Draw(t, "windows")
		at := someMoment.Draw(t, "at")
		w := windowsOf(t, specs...)
		o := w.At(at)
		if want := mayMove(t, specs, at); o.Open != want {
			t.Fatalf("at %s open is %t, want %t", at, o.Open, want)
		}
		end := at.AddDate(1, 0, 0)
		if !o.Until.IsZero() {
			end = o.Until
			if !o.Until.After(at) || o.Until.After(at.AddDate(1, 0, 0)) {
				t.Fatalf("until %s is not within the year after %s", o.Until, at)
			}
			if got := mayMove(t, specs, o.Until); got == o.Open {
				t.Fatalf("at %s nothing changes", o.Until)
			}
			if got := w.At(o.Until); got.Open == o.Open {
				t.Fatalf("at %s At sees no change", o.Until)
			}
		}
		for _, before := range slices.Concat(
			[]time.Time{end.Add(-time.Nanosecond)}, someTimes(t, at, end), firstMinutes(at, end),
		) {
			if got := mayMove(t, specs, before); got != o.Open {
				t.Fatalf("at %s it changes, earlier than until %s", before, o.Until)
			}
			if got := w.At(before); got.Open != o.Open || !o.Until.IsZero() && !got.Until.Equal(o.Until) {
				t.Fatalf("at %s At says %v, and before %v", before, got, o)
			}
		}
	})
}

func someTimes(t *rapid.T, from, to time.Time) []time.Time {
	var times []time.Time
	for range 4 {
		times = append(times, from.Add(time.Duration(rapid.Int64Range(0, int64(to.Sub(from))-1).Draw(t, "between"))))
	}
	return times
}

func firstMinutes(from, to time.Time) []time.Time {
	var times []time.Time
	for at := from; at.Before(to) && len(times) < 6; at = at.Add(time.Minute) {
		times = append(times, at)
	}
	return times
}

// Where the clock is changed by an hour and not at midnight, windows open when a CronJob runs.
func TestWindowsOpenWhenACronJobRuns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		schedule, at := someSchedule.Draw(t, "schedule"), someMoment.Draw(t, "at")
		zone := rapid.SampledFrom([]string{"UTC", berlin, newYork, "Asia/Kolkata"}).Draw(t, "zone")
		w := windowsOf(t, allows(schedule, time.Second, zone))
		job, err := cron.ParseStandard(schedule)
		if err != nil {
			t.Fatal(err)
		}
		location, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		at = at.Truncate(time.Minute).Add(2 * time.Second)
		for range 5 {
			next := job.Next(at.In(location))
			if got := w.At(at); got.Open || !got.Until.Equal(next) {
				t.Fatalf("after %s it is %v, want closed until %s", at, got, next)
			}
			at = next.Add(2 * time.Second)
		}
	})
}

func TestSchedulesNeverPanic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		schedule := rapid.OneOf(rapid.String(), rapid.StringMatching(`(@|TZ=|CRON_TZ=)?([-*/,?0-9a-z]{0,5} ){0,6}`)).Draw(t, "schedule")
		if w, err := NewWindows([]v1alpha1.PromotionWindow{denies(schedule, time.Hour, "")}); err == nil {
			w.At(someMoment.Draw(t, "at"))
		}
	})
}

// worstWindows are the most that an API object can ask for: sixteen that open and close every other
// minute of a year, with no change from any.
func worstWindows() (specs []v1alpha1.PromotionWindow) {
	for range 8 {
		specs = append(specs, allows("*/2 * * * *", time.Minute, berlin), denies("*/2 * * * *", time.Minute, berlin))
	}
	return specs
}

func TestTheWorstWindowsAreGivenUp(t *testing.T) {
	g := NewWithT(t)
	w, err := NewWindows(worstWindows())
	g.Expect(err).NotTo(HaveOccurred())
	from := moment(g, "2026-06-01T00:00:00Z")
	s := &search{after: from.UnixNano(), before: from.AddDate(1, 0, 0).UnixNano()}
	w.opening(s)
	g.Expect(s.seen).To(And(BeNumerically(">", enough), BeNumerically("<", enough+100)))
}

func BenchmarkTheWorstWindows(b *testing.B) {
	w, err := NewWindows(worstWindows())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if o := w.At(time.Date(2026, time.June, 1, 0, 0, 0, 0, time.UTC)); o.Open || !o.Until.IsZero() {
			b.Fatal(o)
		}
	}
}
