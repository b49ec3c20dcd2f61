//go:build !linux

package process

import "syscall"

// dieWithParent can only shield the child from Ctrl-C here: no other kernel
// offers a parent death signal, so after a SIGKILL of ours children live on.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
