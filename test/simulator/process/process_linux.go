package process

import "syscall"

// dieWithParent makes the kernel kill the child when we die, however that
// happens. A process group of its own keeps Ctrl-C in the terminal from
// reaching the child before we have had the chance to stop it in order.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
