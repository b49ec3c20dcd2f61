package ack

import (
	"cmp"
	"maps"
	"time"
)

// defaultResyncs are when a synced resource is looked at again, by kind, "" being the
// others: the values of config/ack, with which what is edited in AWS is put right within
// the hour. Certificate's is ACK's own (requeue_on_success_seconds of the acm-controller).
var defaultResyncs = map[string]time.Duration{
	"": time.Hour, "Cluster": 5 * time.Minute, "Nodegroup": 5 * time.Minute, "Addon": 5 * time.Minute,
	"Certificate": time.Minute,
}

// withDefaults are all intervals. A kind whose default is its own keeps it when only the
// others' changes, as ACK's flags have it.
func withDefaults(chosen map[string]time.Duration) map[string]time.Duration {
	all := maps.Clone(defaultResyncs)
	maps.Copy(all, chosen)
	return all
}

func (a account) resyncAfter(kind string) time.Duration {
	return cmp.Or(a.resyncs[kind], a.resyncs[""])
}
