package gitrepo

import (
	"strings"

	"github.com/go-git/go-git/v5/plumbing/transport"
)

// place is what of a URL says where it leads, compared as Argo CD compares the URLs of repositories
// (util/git/git.go, NormalizeGitURL): capitals, a slash at the end and .git make no difference.
type place struct {
	protocol, host string
	port           int
	path           string
}

var defaultPorts = map[string]int{protocolHTTP: 80, protocolHTTPS: 443, protocolSSH: 22}

// placeOf reads a URL with the parser that connections are made with: with two parsers, a URL could
// pass for another one than it leads to.
func placeOf(url string) (place, bool) {
	endpoint, err := transport.NewEndpoint(strings.TrimSpace(url))
	if err != nil || url == "" {
		return place{}, false
	}
	at := place{
		protocol: strings.ToLower(endpoint.Protocol), host: strings.ToLower(endpoint.Host), port: endpoint.Port,
		path: strings.ToLower(strings.TrimSuffix(strings.Trim(endpoint.Path, "/"), ".git")),
	}
	if at.port == 0 {
		at.port = defaultPorts[at.protocol]
	}
	return at, true
}

// Is tells whether the repository is the one at a URL.
func (r Repository) Is(url string) bool {
	mine, ok := placeOf(r.URL)
	theirs, also := placeOf(url)
	return ok && also && mine == theirs
}

// Within tells whether the repository is at or below a URL that ends where a name in it ends.
func (r Repository) Within(url string) bool {
	mine, ok := placeOf(r.URL)
	theirs, also := placeOf(url)
	if !ok || !also || climbs(mine.path) {
		return false
	}
	below := theirs.path == "" || mine.path == theirs.path || strings.HasPrefix(mine.path, theirs.path+"/")
	mine.path, theirs.path = "", ""
	return below && mine == theirs
}

// climbs tells whether a server may understand something else by a path than its beginning says.
func climbs(path string) bool {
	return strings.Contains("/"+path+"/", "/../") || strings.ContainsAny(path, `%\?#`)
}
