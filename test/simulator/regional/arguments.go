package regional

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// arguments are the container's, with what a real process finds elsewhere than in a pod, and
// with its pace in the time of the simulation.
func (r *Region) arguments(p *program, container corev1.Container) []string {
	arguments := slices.Clone(container.Args)
	for _, preset := range r.options.Programs.Known[arguments[0]].Defaults {
		if flag, _, _ := strings.Cut(preset, "="); flagOf(container, flag) == "" {
			arguments = append(arguments, preset)
		}
	}
	for i, argument := range arguments {
		flag, value, _ := strings.Cut(argument, "=")
		interval, err := time.ParseDuration(value)
		switch {
		case flag == "--listen":
			value = p.listens.String()
		case flag == "--interval" && err == nil:
			value = max(leastWait, r.options.Cloud.Scale(interval)).String()
		case slices.ContainsFunc(container.VolumeMounts, func(m corev1.VolumeMount) bool { return below(m.MountPath, value) }):
			value = filepath.Join(p.root, value)
		default:
			continue
		}
		arguments[i] = flag + "=" + value
	}
	return arguments
}

// flagOf returns the value of a container's flag.
func flagOf(container corev1.Container, flag string) string {
	for _, argument := range container.Args {
		if value, found := strings.CutPrefix(argument, flag+"="); found {
			return value
		}
	}
	return ""
}

func servedPort(container corev1.Container) (uint16, bool) {
	_, text, err := net.SplitHostPort(flagOf(container, "--listen"))
	port, parsing := strconv.ParseUint(text, 10, 16)
	return uint16(port), cmp.Or(err, parsing) == nil
}

func below(folder, path string) bool {
	return path == folder || strings.HasPrefix(path, strings.TrimSuffix(folder, "/")+"/")
}

// freePort finds one that nobody listens on.
func freePort(ctx context.Context) (netip.AddrPort, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return netip.AddrPort{}, err
	}
	return listener.Addr().(*net.TCPAddr).AddrPort(), listener.Close()
}
