package cloud

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Create adds a resource. Its parents have to exist.
func (c *Cloud) Create(r Resource) error {
	r = r.clone()
	if r.CreatedAt.IsZero() {
		r.CreatedAt = time.Now()
	}
	if err := c.insert(r); err != nil {
		return err
	}
	c.feed.deliver()
	return nil
}

func (c *Cloud) insert(r Resource) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, taken := c.resources[r.Key]; taken {
		return &Error{Code: CodeAlreadyExists, Message: fmt.Sprintf("%s already exists", r.Key)}
	}
	for _, parent := range r.Parents {
		if _, ok := c.resources[parent]; !ok {
			return &Error{Code: CodeInvalidParent, Message: fmt.Sprintf("%s needs %s, which does not exist", r.Key, parent)}
		}
	}
	c.resources[r.Key] = r
	c.link(r)
	c.feed.add(Event{Type: Created, Resource: r.clone()})
	return nil
}

// Get returns a copy of a resource.
func (c *Cloud) Get(key Key) (Resource, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	r, ok := c.resources[key]
	return r.clone(), ok
}

// List returns copies of the resources that match, sorted by key. A nil match
// returns them all. match must neither keep, change nor call back.
func (c *Cloud) List(match func(Resource) bool) []Resource {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var found []Resource
	for _, r := range c.resources {
		if match == nil || match(r) {
			found = append(found, r.clone())
		}
	}
	slices.SortFunc(found, func(a, b Resource) int { return compareKeys(a.Key, b.Key) })
	return found
}

// Update changes a resource in place. Its key cannot change. change must not call back.
func (c *Cloud) Update(key Key, change func(*Resource)) error {
	if err := c.replace(key, change); err != nil {
		return err
	}
	c.feed.deliver()
	return nil
}

func (c *Cloud) replace(key Key, change func(*Resource)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	old, ok := c.resources[key]
	if !ok {
		return notFound(key)
	}
	r := old.clone()
	change(&r)
	r.Key = key
	c.unlink(old)
	c.resources[key] = r.clone() // change may have kept what it was given
	c.link(r)
	c.feed.add(Event{Type: Updated, Resource: r.clone()})
	return nil
}

// Delete removes a resource that nothing hangs on.
func (c *Cloud) Delete(key Key) error {
	if err := c.remove(key); err != nil {
		return err
	}
	c.feed.deliver()
	return nil
}

func (c *Cloud) remove(key Key) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.resources[key]
	if !ok {
		return notFound(key)
	}
	if holders := c.children[key]; len(holders) > 0 {
		return dependencyViolation(key, slices.SortedFunc(maps.Keys(holders), compareKeys))
	}
	delete(c.resources, key)
	c.unlink(r)
	c.feed.add(Event{Type: Deleted, Resource: r})
	return nil
}

func (c *Cloud) link(r Resource) {
	for _, parent := range r.Parents {
		if c.children[parent] == nil {
			c.children[parent] = map[Key]struct{}{}
		}
		c.children[parent][r.Key] = struct{}{}
	}
}

func (c *Cloud) unlink(r Resource) {
	for _, parent := range r.Parents {
		delete(c.children[parent], r.Key)
		if len(c.children[parent]) == 0 {
			delete(c.children, parent)
		}
	}
}

func notFound(key Key) error {
	return &Error{Code: CodeNotFound, Message: fmt.Sprintf("%s does not exist", key)}
}

func dependencyViolation(key Key, holders []Key) error {
	names := make([]string, len(holders))
	for i, holder := range holders {
		names[i] = holder.Type + " " + holder.ID
	}
	return &Error{
		Code:    CodeDependencyViolation,
		Message: fmt.Sprintf("%s has dependencies and cannot be deleted: %s", key.ID, strings.Join(names, ", ")),
	}
}
