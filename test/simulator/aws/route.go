package aws

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// route names the operation of a path such as /clusters/{clusterName}. A pattern may end with
// the query parameter that tells it from others, such as /{bucket}?tagging.
type route struct{ method, pattern, operation string }

// readRoute finds the route of a request and takes over the parameters of path and query.
func readRoute(routes []route, r *http.Request, c *call) error {
	c.form = r.URL.Query()
	for _, route := range routes {
		pattern, mark, marked := strings.Cut(route.pattern, "?")
		if r.Method != route.method || marked && !c.form.Has(mark) {
			continue
		}
		parameters, ok, err := matchPath(pattern, r.URL.EscapedPath())
		if err != nil {
			return err
		}
		if ok {
			c.operation, c.path = route.operation, parameters
			return nil
		}
	}
	c.operation = r.Method + " " + r.URL.Path
	return nil
}

// matchPath works on the escaped path, because names may contain slashes.
func matchPath(pattern, escaped string) (map[string]string, bool, error) {
	want, got := strings.Split(pattern, "/"), strings.Split(escaped, "/")
	if len(want) != len(got) {
		return nil, false, nil
	}
	parameters := map[string]string{}
	for i, segment := range want {
		value, err := url.PathUnescape(got[i])
		if err != nil {
			return nil, false, fmt.Errorf("reading the path: %w", err)
		}
		switch {
		case strings.HasPrefix(segment, "{"):
			parameters[strings.Trim(segment, "{}")] = value
		case segment != value:
			return nil, false, nil
		}
	}
	return parameters, true, nil
}
