package aws

import (
	"encoding/base64"
	"strconv"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

const tokenMark = "simulated/"

// page cuts a list as AWS does: next is empty on the last page. Tokens are opaque, so that
// nobody counts on what they are.
func page[T any](items []T, token string, size int) (part []T, next string, ok bool) {
	from := 0
	if token != "" {
		if from, ok = offsetOf(token); !ok {
			return nil, "", false
		}
	}
	from = min(from, len(items))
	to := min(from+size, len(items))
	if to < len(items) {
		next = base64.StdEncoding.EncodeToString([]byte(tokenMark + strconv.Itoa(to)))
	}
	return items[from:to], next, true
}

func offsetOf(token string) (int, bool) {
	decoded, err := base64.StdEncoding.DecodeString(token)
	if err != nil || len(decoded) <= len(tokenMark) {
		return 0, false
	}
	offset, err := strconv.Atoi(string(decoded[len(tokenMark):]))
	return offset, err == nil && offset >= 0
}

// sizeOf reads the wanted size of a page; what is missing becomes the ceiling.
func sizeOf(wanted string, ceiling int) int {
	size, err := strconv.Atoi(wanted)
	if err != nil || size <= 0 {
		return ceiling
	}
	return min(size, ceiling)
}

// invalid is a refusal of a parameter.
func invalid(code, message string) error { return &cloud.Error{Code: code, Message: message} }
