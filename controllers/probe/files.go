package probe

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"

	"github.com/hashicorp/memberlist"
)

// Target is an endpoint of the ring.
type Target struct {
	// Region whose endpoint it is.
	Region string `json:"region"`
	// Address is its name or address, and its port: host:port.
	Address string `json:"address"`
}

// list is what a file of targets holds.
type list struct {
	Targets []Target `json:"targets"`
}

func readTargets(path string) ([]Target, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading targets: %w", err)
	}
	var l list
	if err := json.Unmarshal(content, &l); err != nil {
		return nil, fmt.Errorf("parsing targets: %w", err)
	}
	seen := map[string]bool{}
	for _, t := range l.Targets {
		if t.Region == "" || seen[t.Region] {
			return nil, fmt.Errorf("region %q is named twice or not at all", t.Region)
		}
		seen[t.Region] = true
		if _, _, err := t.split(); err != nil {
			return nil, fmt.Errorf("parsing the address of %s: %w", t.Region, err)
		}
	}
	return l.Targets, nil
}

func (t Target) split() (host string, port uint16, err error) {
	host, text, err := net.SplitHostPort(t.Address)
	if err != nil {
		return "", 0, fmt.Errorf("splitting it: %w", err)
	}
	number, err := strconv.ParseUint(text, 10, 16)
	if host == "" || number == 0 || err != nil {
		return "", 0, fmt.Errorf("%q is no host and port", t.Address)
	}
	return host, uint16(number), nil
}

// readKey reads a key that is given as it is or in base64. No error holds any of it.
func readKey(path string) ([]byte, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the key: %w", err)
	}
	return parseKey(content)
}

// parseKey takes 32 characters for a key of 32 bytes, although they may be 24 in base64: keys of
// that length are next to unheard of, and passwords of 32 letters and digits are not.
func parseKey(content []byte) ([]byte, error) {
	text := bytes.TrimSuffix(bytes.TrimSuffix(content, []byte("\n")), []byte("\r"))
	decoded, err := base64.StdEncoding.Strict().DecodeString(string(text))
	padded := bytes.HasSuffix(text, []byte("="))
	switch {
	case err == nil && padded && memberlist.ValidateKey(decoded) == nil:
		return decoded, nil
	case memberlist.ValidateKey(content) == nil:
		return content, nil
	case memberlist.ValidateKey(text) == nil:
		return text, nil
	default:
		return nil, errors.New("the key is not 16, 24 or 32 bytes, as they are or in base64")
	}
}
