package aws

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// restJSON is REST-JSON: method and path name the operation and its parameters.
type restJSON struct{ routes []route }

// route names the operation of a path such as /clusters/{clusterName}.
type route struct{ method, pattern, operation string }

const restJSONType = "application/json"

func (p restJSON) read(r *http.Request, c *call) error {
	for _, route := range p.routes {
		if r.Method != route.method {
			continue
		}
		parameters, ok, err := matchPath(route.pattern, r.URL.EscapedPath())
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

func (restJSON) reply(w http.ResponseWriter, _ *call, result any) {
	writeJSON(w, http.StatusOK, restJSONType, result)
}

func (restJSON) refuse(w http.ResponseWriter, _ *call, e *cloud.Error) {
	w.Header().Set("X-Amzn-Errortype", e.Code)
	writeJSON(w, restStatusOf(e.Code), restJSONType, jsonError{Type: e.Code, Message: e.Message})
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
