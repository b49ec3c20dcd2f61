package plan

import (
	"cmp"
	"encoding/json"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// defaultRingPort is the API's default, for rings that were stored before it had one.
const defaultRingPort = 7947

// RenderSeeds writes seeds in a ring's format, as they are to reach the pods, with the port
// behind each name where that is asked for.
func RenderSeeds(seeds []string, s v1alpha1.RingSeeds, port int32) string {
	form := seedFormOf(s, port)
	items := suffixes(seeds, form.item)
	switch form.format {
	case v1alpha1.SeedsSpaceSeparated:
		return strings.Join(items, " ")
	case v1alpha1.SeedsJSONArray:
		text, err := json.Marshal(items)
		if err != nil {
			return "[]" // texts can always be written
		}
		return string(text)
	default:
		return strings.Join(items, ",")
	}
}

// ParseSeeds reads what RenderSeeds writes: the names, sorted and without port. It is strict,
// because workloads are: text of another form reads to them as a host that does not exist,
// and they never join. Its error is a *MalformedSeedsError.
func ParseSeeds(text string, s v1alpha1.RingSeeds, port int32) ([]string, error) {
	form := seedFormOf(s, port)
	seeds, bad := form.read(text)
	if bad != nil {
		return nil, form.explain(text, *bad)
	}
	slices.Sort(seeds)
	return slices.Compact(seeds), nil
}

// seedForm is how a list of seeds is written.
type seedForm struct {
	format v1alpha1.SeedFormat
	ported bool
	port   string
}

func seedFormOf(s v1alpha1.RingSeeds, port int32) seedForm {
	return seedForm{
		format: cmp.Or(s.Format, v1alpha1.SeedsCommaSeparated),
		ported: s.IncludePort,
		port:   strconv.Itoa(int(port)),
	}
}

const (
	blanks = " \t"
	digits = "0123456789"
)

// badSeeds is what keeps a text from being a list of the declared form.
type badSeeds struct {
	items []string // as the pods take the text apart; none when they cannot
	item  string   // the first that is no seed
}

// read returns the seeds of a text, in its order, or what is wrong with it.
func (f seedForm) read(text string) ([]string, *badSeeds) {
	items, ok := f.split(text)
	if !ok {
		return nil, &badSeeds{}
	}
	seeds := make([]string, 0, len(items))
	for _, item := range items {
		host, ok := f.host(item)
		if !ok {
			return nil, &badSeeds{items: items, item: item}
		}
		seeds = append(seeds, host)
	}
	return seeds, nil
}

// split takes a text apart as the pods do; it fails where they fail.
func (f seedForm) split(text string) (items []string, ok bool) {
	if strings.Trim(text, blanks) == "" {
		return nil, true
	}
	switch f.format {
	case v1alpha1.SeedsSpaceSeparated:
		return strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(blanks, c) }), true
	case v1alpha1.SeedsJSONArray:
		// null is read into a list as well, by some.
		ok = json.Unmarshal([]byte(text), &items) == nil && items != nil
		return items, ok
	default:
		for item := range strings.SplitSeq(text, ",") {
			items = append(items, strings.Trim(item, blanks))
		}
		return items, true
	}
}

// item writes a host as an element of the list.
func (f seedForm) item(host string) string {
	switch {
	case !f.ported:
		return host
	case strings.Contains(host, ":"):
		return "[" + host + "]:" + f.port
	default:
		return host + ":" + f.port
	}
}

// host reads an element of the list.
func (f seedForm) host(item string) (string, bool) {
	if !f.ported {
		return item, isHost(item)
	}
	host, ok := strings.CutSuffix(item, ":"+f.port)
	if !ok {
		return "", false
	}
	if address, closed := strings.CutSuffix(host, "]"); closed {
		address, opened := strings.CutPrefix(address, "[")
		return address, opened && isIPv6(address)
	}
	return host, isHost(host) && !strings.Contains(host, ":")
}

// isHost tells whether a workload could look a text up: a DNS name or an address.
func isHost(text string) bool {
	if address, err := netip.ParseAddr(text); err == nil {
		return address.Zone() == ""
	}
	const longest = 253 // RFC 1035, as it is written
	name := strings.TrimSuffix(text, ".")
	labels := strings.Split(name, ".")
	last := labels[len(labels)-1]
	return len(name) <= longest && !slices.ContainsFunc(labels, func(l string) bool { return !isLabel(l) }) &&
		strings.Trim(last, digits) != "" // an address that is none: 10.0.0.256
}

// isLabel allows underscores: no host should have one, but resolvers look it up.
func isLabel(text string) bool {
	const longest = 63
	return text != "" && len(text) <= longest && text[0] != '-' && text[len(text)-1] != '-' &&
		strings.Trim(strings.ToLower(text), "abcdefghijklmnopqrstuvwxyz-_"+digits) == ""
}

func isIPv6(text string) bool {
	address, err := netip.ParseAddr(text)
	return err == nil && address.Is6() && address.Zone() == ""
}
