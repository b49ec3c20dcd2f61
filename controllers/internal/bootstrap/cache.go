package bootstrap

import (
	"container/list"
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

type cacheLimits struct {
	timeout time.Duration
	bytes   int64
	entries int
}

// cache keeps files whose content never changes, and forgets those not used for longest.
type cache struct {
	limits  cacheLimits
	flights singleflight.Group

	mu     sync.Mutex
	bytes  int64
	recent *list.List // of *file, the last used first
	files  map[string]*list.Element
}

type file struct {
	key     string
	content []byte
}

func newCache(limits cacheLimits) *cache {
	return &cache{limits: limits, recent: list.New(), files: map[string]*list.Element{}}
}

// get returns the content of key, which fetch obtains unless it is known. Callers that ask
// at the same time share one fetch, which goes on when the one who began it gives up.
func (c *cache) get(ctx context.Context, key string, fetch func(context.Context) ([]byte, error)) ([]byte, error) {
	if content, ok := c.lookup(key); ok {
		return content, nil
	}
	fetched := c.flights.DoChan(key, func() (any, error) {
		if content, ok := c.lookup(key); ok {
			return content, nil
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.limits.timeout)
		defer cancel()
		content, err := fetch(ctx)
		if err == nil {
			c.add(key, content)
		}
		return content, err
	})
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for the chart or file: %w", context.Cause(ctx))
	case result := <-fetched:
		content, _ := result.Val.([]byte)
		return content, result.Err
	}
}

func (c *cache) lookup(key string) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	element, ok := c.files[key]
	if !ok {
		return nil, false
	}
	c.recent.MoveToFront(element)
	return contentOf(element).content, true
}

func (c *cache) add(key string, content []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if int64(len(content)) > c.limits.bytes {
		return // it would push out everything else for nothing
	}
	c.files[key] = c.recent.PushFront(&file{key: key, content: content})
	c.bytes += int64(len(content))
	for c.bytes > c.limits.bytes || c.recent.Len() > c.limits.entries {
		last := c.recent.Back()
		forgotten := contentOf(last)
		c.recent.Remove(last)
		delete(c.files, forgotten.key)
		c.bytes -= int64(len(forgotten.content))
	}
}

func contentOf(element *list.Element) *file {
	f, _ := element.Value.(*file) // nothing else is ever put in
	return f
}
