package aws

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// json11 is JSON 1.1: the operation in a header, parameters and results in JSON.
type json11 struct{}

const json11Type = "application/x-amz-json-1.1"

type jsonError struct {
	Type    string `json:"__type"`
	Message string `json:"message"`
}

func (json11) read(r *http.Request, c *call) error {
	_, c.operation, _ = strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return fmt.Errorf("reading the body: %w", err)
	}
	c.body = body
	return nil
}

func (json11) reply(w http.ResponseWriter, _ *call, result any) {
	writeJSON(w, http.StatusOK, json11Type, result)
}

func (json11) refuse(w http.ResponseWriter, _ *call, e *cloud.Error) {
	// Unlike the other protocols, this one answers any refusal with 400.
	status := http.StatusBadRequest
	if statusOf(e.Code) >= http.StatusInternalServerError {
		status = statusOf(e.Code)
	}
	writeJSON(w, status, json11Type, jsonError{Type: e.Code, Message: e.Message})
}

func writeJSON(w http.ResponseWriter, status int, contentType string, document any) {
	body, err := json.Marshal(document)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may have gone
}
