package bed

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const (
	folderPattern = "portolan-bed-*"
	lockName      = "lock"
)

// folder is where a bed keeps its files. It holds a lock for as long as its process
// lives, so that the next bed can tell what a killed one left behind.
type folder struct {
	path string
	lock *os.File
}

func newFolder() (*folder, error) {
	path, err := os.MkdirTemp("", folderPattern)
	if err != nil {
		return nil, fmt.Errorf("creating the bed's folder: %w", err)
	}
	lock, err := os.Create(filepath.Join(path, lockName))
	if err != nil {
		return nil, fmt.Errorf("creating the bed's lock: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, fmt.Errorf("locking the bed's folder: %w", err)
	}
	return &folder{path: path, lock: lock}, nil
}

func (f *folder) remove() {
	_ = os.RemoveAll(f.path)
	_ = f.lock.Close()
}

// sweepFolders removes what beds left behind that were killed: they could not do it,
// and their processes are gone.
func sweepFolders() {
	left, err := filepath.Glob(filepath.Join(os.TempDir(), folderPattern))
	if err != nil {
		return // only a malformed pattern
	}
	for _, path := range left {
		lock, err := os.Open(filepath.Join(path, lockName))
		if err != nil {
			continue // somebody is only just making it
		}
		if unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			_ = os.RemoveAll(path)
		}
		_ = lock.Close()
	}
}
