package gitrepo

import "container/list"

// recent remembers values up to a weight and forgets first what was not asked about for
// longest. It is not safe for concurrent use.
type recent[K comparable, V any] struct {
	limit  int // of the weight of all
	known  map[K]*list.Element
	order  *list.List // of remembered, the latest first
	weight int
}

type remembered[K comparable, V any] struct {
	key    K
	value  V
	weight int
}

func newRecent[K comparable, V any](limit int) *recent[K, V] {
	return &recent[K, V]{limit: limit, known: map[K]*list.Element{}, order: list.New()}
}

func (r *recent[K, V]) get(key K) (value V, known bool) {
	element, known := r.known[key]
	if !known {
		return value, false
	}
	r.order.MoveToFront(element)
	return element.Value.(remembered[K, V]).value, true
}

// put replaces. One value is always kept, whatever its weight.
func (r *recent[K, V]) put(key K, value V, weight int) {
	r.forget(key)
	r.known[key] = r.order.PushFront(remembered[K, V]{key: key, value: value, weight: weight})
	r.weight += weight
	for r.weight > r.limit && r.order.Len() > 1 {
		r.forget(r.order.Back().Value.(remembered[K, V]).key)
	}
}

func (r *recent[K, V]) forget(key K) {
	if element, known := r.known[key]; known {
		r.weight -= r.order.Remove(element).(remembered[K, V]).weight
		delete(r.known, key)
	}
}
