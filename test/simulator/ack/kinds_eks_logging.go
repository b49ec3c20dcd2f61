package ack

import (
	"encoding/json"
	"slices"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// logTypes are the logs of a control plane.
var logTypes = []string{"api", "audit", "authenticator", "controllerManager", "scheduler"}

// logSetup is an entry of a cluster's logging: EKS has one for what is on and one for what is off.
type logSetup struct {
	Enabled bool     `json:"enabled"`
	Types   []string `json:"types"`
}

// loggingOf is what the spec says of logging, in one order: that of the entries
// and types is not what ACK and AWS disagree about.
func loggingOf(spec fields) string {
	var on, off []string
	for _, entry := range spec.list("logging.clusterLogging") {
		if entry.flag("enabled") == "true" {
			on = append(on, entry.texts("types")...)
		} else {
			off = append(off, entry.texts("types")...)
		}
	}
	return loggingText(on, off)
}

func loggingText(on, off []string) string {
	var entries []logSetup
	for _, entry := range []logSetup{{Enabled: true, Types: on}, {Types: off}} {
		if len(entry.Types) > 0 {
			slices.Sort(entry.Types)
			entries = append(entries, entry)
		}
	}
	if len(entries) == 0 {
		return ""
	}
	text, err := json.Marshal(entries)
	if err != nil {
		return "" // cannot happen: the entries are plain data
	}
	return string(text)
}

// admitLogging completes the entries as EKS does, which names every log in its
// answers. ACK compares plain lists, so a spec that leaves the disabled logs out is
// different from AWS for ever, and AWS refuses the update that changes nothing.
func admitLogging(a account, r *cloud.Resource) error {
	var entries []logSetup
	if text := r.Data["logging"]; text != "" {
		if err := json.Unmarshal([]byte(text), &entries); err != nil {
			return refuse("InvalidParameterException", "logging is invalid: %v", err)
		}
	}
	var on []string
	for _, entry := range entries {
		for _, one := range entry.Types {
			if !slices.Contains(logTypes, one) {
				return refuse("InvalidParameterException", "Log type %s is invalid", one)
			}
		}
		if entry.Enabled {
			on = append(on, entry.Types...)
		}
	}
	off := slices.DeleteFunc(slices.Clone(logTypes), func(one string) bool { return slices.Contains(on, one) })
	complete := loggingText(on, off)
	was, found := a.Get(r.Key)
	if found && r.Data["logging"] != "" && r.Data["logging"] != was.Data["logging"] && complete == was.Data["logging"] {
		return refuse("InvalidParameterException", "No changes needed for the logging config provided")
	}
	r.Data["logging"] = complete
	return nil
}
