package github

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/portolan-dev/portolan/controllers/internal/gitrepo"
)

// place is where a repository is on GitHub, and what opens it.
type place struct {
	api         string // the URL that takes queries
	owner, name string
	token       string
}

// Where GitHub's GraphQL API is, for github.com and for enterprises with data residency
// (https://docs.github.com/en/graphql/guides/forming-calls-with-graphql,
// https://docs.github.com/en/enterprise-cloud@latest/graphql/guides/managing-enterprise-accounts).
const (
	publicHost = "github.com"
	publicAPI  = "https://api.github.com/graphql"
	tenantAPI  = "https://api.%s/graphql"
)

var (
	tenant  = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*\.ghe\.com$`)
	segment = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,100}$`)
)

// locate tells where a repository is on GitHub. It is nowhere if it is elsewhere, or if nothing
// opens the API: with an SSH URL, the password is the passphrase of a key, and nobody else's
// business. A GitHub Enterprise Server cannot be told from any other host, and a token is not sent
// to find out.
func locate(repo gitrepo.Repository) (place, bool) {
	u, err := url.Parse(repo.URL)
	if err != nil || u.Scheme != "https" || u.Port() != "" && u.Port() != "443" || repo.Auth.Password == "" {
		return place{}, false
	}
	api := publicAPI
	switch host := strings.ToLower(u.Hostname()); {
	case host == publicHost, host == "www."+publicHost:
	case tenant.MatchString(host):
		api = strings.Replace(tenantAPI, "%s", host, 1)
	default:
		return place{}, false
	}
	owner, name, found := strings.Cut(strings.Trim(u.Path, "/"), "/")
	name = strings.TrimSuffix(name, ".git")
	if !found || !segment.MatchString(owner) || !segment.MatchString(name) {
		return place{}, false
	}
	return place{api: api, owner: owner, name: name, token: repo.Auth.Password}, true
}
