package regional

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// mount gives a program the files of its volumes, and what they have become since.
func (r *Region) mount(ctx context.Context, p *program, pod *corev1.Pod, container corev1.Container) error {
	volumes, err := r.volumeFiles(ctx, pod)
	what, err := missing(err)
	if what != "" {
		return nil // as long as a pod lives, it keeps what it has
	}
	if err != nil {
		return err
	}
	targets := flagOf(container, "--targets")
	used := map[string]bool{}
	for _, m := range container.VolumeMounts {
		files, known := volumes[m.Name]
		if !known || m.SubPath != "" {
			continue
		}
		name := strings.TrimPrefix(strings.TrimPrefix(targets, m.MountPath), "/")
		if content, holds := files[name]; holds && below(m.MountPath, targets) {
			files = maps.Clone(files)
			if files[name], err = p.redirect(ctx, content, used); err != nil {
				return err
			}
		}
		if err := writeMount(filepath.Join(p.root, m.MountPath), files); err != nil {
			return fmt.Errorf("writing %s: %w", m.MountPath, err)
		}
	}
	for target, relay := range p.relays {
		if !used[target] {
			relay.stop()
			delete(p.relays, target)
		}
	}
	return nil
}

// redirect leads each target of a program to a relay, as NAT would, and notes it as used. What
// it cannot read is the program's business.
func (p *program) redirect(ctx context.Context, content []byte, used map[string]bool) ([]byte, error) {
	file := map[string]any{}
	if json.Unmarshal(content, &file) != nil {
		return content, nil //nolint:nilerr // the program will say it
	}
	targets, _ := file["targets"].([]any)
	for _, item := range targets {
		target, _ := item.(map[string]any)
		address, _ := target["address"].(string)
		if _, _, err := net.SplitHostPort(address); err != nil {
			continue
		}
		if p.relays[address] == nil {
			started, err := startRelay(ctx, p.outward, address)
			if err != nil {
				return nil, err
			}
			p.relays[address] = started
		}
		used[address] = true
		target["address"] = p.relays[address].address()
	}
	return json.Marshal(file)
}
