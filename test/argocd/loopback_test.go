package argocd

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = It("listens on the loopback only", func() {
	if _, err := os.Stat("/proc/self/net/tcp"); errors.Is(err, fs.ErrNotExist) {
		Skip("only Linux tells who listens where")
	}
	for _, running := range argo.running {
		addresses := listening(running.PID())
		Expect(addresses).NotTo(BeEmpty())
		Expect(addresses).To(HaveEach("0100007F"))
	}
})

// listening returns the addresses at which a process accepts TCP connections, as the kernel writes
// them: proc_net_tcp of its documentation.
func listening(pid int) []string {
	GinkgoHelper()
	process := filepath.Join("/proc", strconv.Itoa(pid))
	sockets := socketsOf(filepath.Join(process, "fd"))
	var addresses []string
	for _, table := range []string{"tcp", "tcp6"} {
		raw, err := os.ReadFile(filepath.Join(process, "net", table))
		if errors.Is(err, fs.ErrNotExist) {
			continue // a kernel without IPv6
		}
		Expect(err).NotTo(HaveOccurred())
		for line := range strings.Lines(string(raw)) {
			const local, state, inode, listen = 1, 3, 9, "0A"
			fields := strings.Fields(line)
			if fields[state] == listen && slices.Contains(sockets, "socket:["+fields[inode]+"]") {
				address, _, _ := strings.Cut(fields[local], ":")
				addresses = append(addresses, address)
			}
		}
	}
	return addresses
}

func socketsOf(folder string) []string {
	GinkgoHelper()
	descriptors, err := os.ReadDir(folder)
	Expect(err).NotTo(HaveOccurred())
	var sockets []string
	for _, d := range descriptors {
		// One that has been closed since it was listed is none.
		if target, err := os.Readlink(filepath.Join(folder, d.Name())); err == nil {
			sockets = append(sockets, target)
		}
	}
	return sockets
}
