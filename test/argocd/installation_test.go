package argocd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	"github.com/portolan-dev/portolan/test/simulator/process"
)

// namespace of Argo CD.
const namespace = "argocd"

// installation is an Argo CD without its API server and its user interface. Its programs are
// processes of this machine that listen on the loopback only.
type installation struct {
	bin, dir string
	env      []string
	running  []*process.Process
	// redis and repositories are addresses.
	redis, repositories string
}

var required = regexp.MustCompile(`github\.com/argoproj/argo-cd/v3 (v\S+)`)

// findArgoCD returns the folder into which hack/argocd/build.sh puts Argo CD.
func findArgoCD(module string) (string, error) {
	raw, err := os.ReadFile(filepath.Join(module, "hack", "argocd", "go.mod"))
	if err != nil {
		return "", err
	}
	version := required.FindSubmatch(raw)
	if version == nil {
		return "", errors.New("hack/argocd/go.mod requires no Argo CD")
	}
	folder := filepath.Join(module, "bin", "argocd-"+string(version[1]))
	if _, err := os.Stat(filepath.Join(folder, "argocd")); err != nil {
		return "", fmt.Errorf("looking for Argo CD (hack/argocd/build.sh builds it): %w", err)
	}
	return folder, nil
}

// install starts Argo CD, with its files and logs in a folder, and some variables in its environment.
func install(ctx context.Context, bin, dir string, variables []string) (*installation, error) {
	redis, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, fmt.Errorf("argo CD keeps its cache in Redis; on Debian, apt-get install --no-install-recommends redis-server: %w", err)
	}
	i := &installation{bin: bin, dir: dir}
	if i.env, err = environment(bin, dir); err != nil {
		return nil, err
	}
	i.env = append(i.env, variables...)
	for _, start := range []func(context.Context) error{
		func(ctx context.Context) error { return i.startRedis(ctx, redis) },
		i.startRepositories, i.startApplications, i.startApplicationSets,
	} {
		if err := start(ctx); err != nil {
			i.stop()
			return nil, err
		}
	}
	return i, nil
}

// environment keeps Argo CD away from what this machine has of its own: a home, keys, credentials.
func environment(bin, dir string) ([]string, error) {
	folders := map[string]string{
		"HOME": "home", "TMPDIR": "tmp", "ARGOCD_TLS_DATA_PATH": "tls", "ARGOCD_SSH_DATA_PATH": "ssh",
		"ARGOCD_GNUPGHOME": "gpg", "ARGOCD_PLUGINSOCKFILEPATH": "plugins", "ARGOCD_APP_CONF_PATH": "config",
	}
	env := []string{
		"PATH=" + bin + string(filepath.ListSeparator) + os.Getenv("PATH"),
		"ARGOCD_FAKE_IN_CLUSTER=true", // https://kubernetes.default.svc is what KUBECONFIG says
		"ARGOCD_GPG_ENABLED=false",
		"ARGOCD_ASK_PASS_SOCK=" + filepath.Join(dir, "ask-pass.sock"),
		"ARGOCD_SYNC_WAVE_DELAY=0",
		"GIT_CONFIG_NOSYSTEM=1",
	}
	for name, folder := range folders {
		path := filepath.Join(dir, folder)
		if err := os.MkdirAll(path, 0o700); err != nil {
			return nil, err
		}
		env = append(env, name+"="+path)
	}
	return env, nil
}

func (i *installation) start(ctx context.Context, p program) ([]int, error) {
	running, ports, err := p.start(ctx)
	if err != nil {
		return nil, err
	}
	i.running = append(i.running, running)
	return ports, nil
}

// argocd is one of Argo CD's programs, called as upstream calls it.
func (i *installation) argocd(name string) program {
	return program{path: filepath.Join(i.bin, "argocd-"+name), log: i.log(name), env: i.env}
}

func (i *installation) log(name string) string { return filepath.Join(i.dir, name+".log") }

func (i *installation) startRedis(ctx context.Context, path string) error {
	ports, err := i.start(ctx, program{
		path: path, log: i.log("redis"), env: i.env, ports: 1,
		arguments: func(ports []int) []string {
			return []string{
				"--bind", "127.0.0.1", "--port", strconv.Itoa(ports[0]),
				"--dir", i.dir, "--save", "", "--appendonly", "no",
			}
		},
		ready: func(ctx context.Context, ports []int) error { return pings(ctx, ports[0]) },
	})
	if err != nil {
		return err
	}
	i.redis = loopback(ports[0])
	return nil
}

func (i *installation) startRepositories(ctx context.Context) error {
	p := i.argocd("repo-server")
	p.ports = 2
	p.arguments = func(ports []int) []string {
		return []string{
			"--address=127.0.0.1", "--port=" + strconv.Itoa(ports[0]),
			"--metrics-address=127.0.0.1", "--metrics-port=" + strconv.Itoa(ports[1]),
			"--redis=" + i.redis, "--disable-tls",
		}
	}
	p.ready = func(ctx context.Context, ports []int) error { return answers(ctx, ports[1], "/healthz?full=true") }
	ports, err := i.start(ctx, p)
	if err != nil {
		return err
	}
	i.repositories = loopback(ports[0])
	return nil
}

func (i *installation) startApplications(ctx context.Context) error {
	p := i.argocd("application-controller")
	p.ports = 1
	p.arguments = func(ports []int) []string {
		return []string{
			"--namespace=" + namespace, "--metrics-port=" + strconv.Itoa(ports[0]),
			"--redis=" + i.redis, "--repo-server=" + i.repositories, "--repo-server-plaintext",
			"--status-processors=4", "--operation-processors=4",
		}
	}
	p.ready = func(ctx context.Context, ports []int) error { return answers(ctx, ports[0], "/healthz") }
	_, err := i.start(ctx, p)
	return err
}

func (i *installation) startApplicationSets(ctx context.Context) error {
	p := i.argocd("applicationset-controller")
	p.ports = 2
	p.arguments = func(ports []int) []string {
		return []string{
			"--namespace=" + namespace, "--probe-addr=0",
			"--metrics-addr=" + loopback(ports[0]), "--webhook-addr=" + loopback(ports[1]),
			"--argocd-repo-server=" + i.repositories, "--repo-server-plaintext",
		}
	}
	p.ready = func(ctx context.Context, ports []int) error { return answers(ctx, ports[0], "/metrics") }
	_, err := i.start(ctx, p)
	return err
}

// stop ends what was started last first.
func (i *installation) stop() {
	for _, running := range slices.Backward(i.running) {
		running.Stop()
	}
}

// pings asks whether it is a Redis that listens.
func pings(ctx context.Context, port int) error {
	connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", loopback(port))
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		if err := connection.SetDeadline(deadline); err != nil {
			return err
		}
	}
	if _, err := connection.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	answer, err := bufio.NewReader(connection).ReadString('\n')
	if err == nil && answer != "+PONG\r\n" {
		err = errors.New("it is no Redis that listens")
	}
	return err
}
