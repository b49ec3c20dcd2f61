package aws

import (
	"net/http"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// restJSON is REST-JSON: method and path name the operation and its parameters.
type restJSON struct{ routes []route }

const restJSONType = "application/json"

func (p restJSON) read(r *http.Request, c *call) error { return readRoute(p.routes, r, c) }

func (restJSON) reply(w http.ResponseWriter, _ *call, result any) {
	writeJSON(w, http.StatusOK, restJSONType, result)
}

func (restJSON) refuse(w http.ResponseWriter, _ *call, e *cloud.Error) {
	w.Header().Set("X-Amzn-Errortype", e.Code)
	writeJSON(w, restStatusOf(e.Code), restJSONType, jsonError{Type: e.Code, Message: e.Message})
}
