package bed

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/utils/ptr"

	corev1 "k8s.io/api/core/v1"

	"github.com/portolan-dev/portolan/test/simulator/aws"
	"github.com/portolan-dev/portolan/test/simulator/process"
)

// Intervals of the operator at real time; the bed scales them like AWS's durations.
const (
	pollInterval     = 15 * time.Second
	slowPollInterval = 2 * time.Minute
	resyncInterval   = 10 * time.Minute
	driftInterval    = 20 * time.Minute
)

// StartOperator runs the real manager as a process of its own, as the ServiceAccount
// that config/default makes and with no more rights than that.
func (b *Bed) StartOperator(ctx context.Context) error { return b.StartOperatorVia(ctx, Detour{}) }

// StartOperatorVia is StartOperator with a detour.
func (b *Bed) StartOperatorVia(ctx context.Context, detour Detour) error {
	kubeconfig, err := b.operatorKubeconfig(ctx, detour)
	if err != nil {
		return err
	}
	log, err := os.OpenFile(b.OperatorLog(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("opening the operator's log: %w", err)
	}
	defer func() { _ = log.Close() }() // the process has its own descriptor

	manager, err := process.Start(ctx, process.Command{
		Path: b.manager(),
		Args: []string{
			"--argocd-namespace=" + ArgoCDNamespace,
			"--poll-interval=" + b.scaled(pollInterval),
			"--slow-poll-interval=" + b.scaled(slowPollInterval),
			"--resync-interval=" + b.scaled(resyncInterval),
			"--drift-interval=" + b.scaled(driftInterval),
			"--patience=" + strconv.FormatFloat(b.Cloud.Scale(time.Second).Seconds(), 'f', -1, 64),
			"--probe-image=" + probeImage,
			"--metrics-bind-address=0",
			"--health-probe-bind-address=0",
		},
		// Nothing is inherited: proxies and certificate bundles of the machine are not the bed's.
		Env: []string{
			"KUBECONFIG=" + kubeconfig,
			"HOME=" + b.dir,
			"AWS_ENDPOINT_URL=" + detour.aws(b.AWS.URL()),
			"AWS_ENDPOINT_URL_STS=" + b.AWS.URL(),
			"AWS_ACCESS_KEY_ID=" + aws.BaseAccessKey,
			"AWS_SECRET_ACCESS_KEY=" + aws.BaseSecretKey,
			"AWS_REGION=us-east-1",
			"AWS_EC2_METADATA_DISABLED=true",
		},
		Log: log,
	})
	if err != nil {
		return fmt.Errorf("starting the operator (make build builds it): %w", err)
	}
	b.mu.Lock()
	b.operator = manager
	b.mu.Unlock()
	return nil
}

// operatorKubeconfig writes the operator's kubeconfig, with a token of its ServiceAccount.
func (b *Bed) operatorKubeconfig(ctx context.Context, detour Detour) (path string, err error) {
	account := &corev1.ServiceAccount{}
	account.Namespace, account.Name = "portolan-system", "portolan-controller-manager"
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: ptr.To[int64](24 * 3600)}}
	if err := b.Client.SubResource("token").Create(ctx, account, request); err != nil {
		return "", fmt.Errorf("requesting the operator's token: %w", err)
	}
	if path, err = b.writeKubeconfig("operator.kubeconfig", request.Status.Token); err != nil {
		return "", err
	}
	return path, detour.redirect(path)
}

// manager is the operator's binary, which probes are as well.
func (b *Bed) manager() string {
	return filepath.Join(b.module, "bin", "manager")
}

func (b *Bed) scaled(d time.Duration) string { return b.Cloud.Scale(d).String() }

// OperatorLog is the file that the operator writes to, over all its lives.
func (b *Bed) OperatorLog() string { return filepath.Join(b.dir, "operator.log") }

// StopOperator lets the operator end in its own time.
func (b *Bed) StopOperator() {
	if p := b.takeOperator(); p != nil {
		p.Stop()
	}
}

// KillOperator ends the operator with SIGKILL.
func (b *Bed) KillOperator() {
	if p := b.takeOperator(); p != nil {
		p.Kill()
	}
}

// FreezeOperator stops the operator with SIGSTOP. Whatever the world does from now on, it
// learns nothing of it until KillOperator ends it.
func (b *Bed) FreezeOperator() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.operator == nil {
		return nil
	}
	if err := unix.Kill(b.operator.PID(), unix.SIGSTOP); err != nil {
		return fmt.Errorf("freezing the operator: %w", err)
	}
	return nil
}

// OperatorDone is closed when the running operator has ended; it is nil when none runs.
func (b *Bed) OperatorDone() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.operator == nil {
		return nil
	}
	return b.operator.Done()
}

func (b *Bed) takeOperator() *process.Process {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.operator
	b.operator = nil
	return p
}
