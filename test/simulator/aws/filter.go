package aws

import (
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// attributes tells the values that a resource has for a filter; known is false
// for filters that the operation does not have.
type attributes func(r cloud.Resource, filter string) (values []string, known bool)

func vpcAttributes(r cloud.Resource, filter string) ([]string, bool) {
	switch filter {
	case "vpc-id":
		return []string{r.ID}, true
	case "state":
		return []string{r.State}, true
	case "cidr":
		first, _, _ := strings.Cut(r.Data["cidr"], ",")
		return []string{first}, true
	case "cidr-block-association.cidr-block":
		return splitList(r.Data["cidr"]), true
	}
	return tagAttributes(r, filter)
}

func (s *Server) natGatewayAttributes(r cloud.Resource, filter string) ([]string, bool) {
	return attribute(r, filter, map[string]string{
		"nat-gateway-id": r.ID, "state": r.State, "vpc-id": s.vpcOf(r), "subnet-id": s.ancestor(r, typeSubnet),
	})
}

// attribute looks a filter up among a resource's facts and then among its tags.
func attribute(r cloud.Resource, filter string, facts map[string]string) ([]string, bool) {
	if value, ok := facts[filter]; ok {
		return []string{value}, true
	}
	return tagAttributes(r, filter)
}

func tagAttributes(r cloud.Resource, filter string) ([]string, bool) {
	if filter == "tag-key" {
		return sortedKeys(r.Tags), true
	}
	key, ok := strings.CutPrefix(filter, "tag:")
	if !ok {
		return nil, false
	}
	value, tagged := r.Tags[key]
	if !tagged {
		return nil, true
	}
	return []string{value}, true
}

// filtered keeps the resources that match every filter of the form.
func filtered(form url.Values, resources []cloud.Resource, of attributes) ([]cloud.Resource, error) {
	for i := 1; ; i++ {
		prefix := fmt.Sprintf("Filter.%d.", i)
		name := form.Get(prefix + "Name")
		if name == "" {
			return resources, nil
		}
		if _, known := of(cloud.Resource{}, name); !known {
			return nil, &cloud.Error{
				Code:    "InvalidParameterValue",
				Message: fmt.Sprintf("The filter '%s' is invalid", name),
			}
		}
		patterns := formList(form, prefix+"Value")
		resources = slices.DeleteFunc(resources, func(r cloud.Resource) bool {
			values, _ := of(r, name)
			return !slices.ContainsFunc(values, func(value string) bool { return matchesAny(patterns, value) })
		})
	}
}

// matchesAny knows the wildcards * and ?. Slashes are plain text to EC2.
func matchesAny(patterns []string, value string) bool {
	flat := func(s string) string { return strings.ReplaceAll(s, "/", "\x00") }
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		ok, err := path.Match(flat(pattern), flat(value))
		return pattern == value || err == nil && ok
	})
}

// formList reads Name.1, Name.2 and so on.
func formList(form url.Values, name string) []string {
	var list []string
	for i := 1; ; i++ {
		value, ok := form[fmt.Sprintf("%s.%d", name, i)]
		if !ok {
			return list
		}
		list = append(list, value[0])
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func lastDash(id string) string { return id[strings.LastIndex(id, "-")+1:] }
