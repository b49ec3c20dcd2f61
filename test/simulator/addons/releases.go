package addons

// release is a version of an add-on and the minors of Kubernetes it is offered for.
type release struct {
	version     string
	first, last int
	// normal is the first minor for which it may be the default: EKS offers new
	// versions for some time before it makes them the default.
	normal int
}

// never is a minor from which no release becomes a default.
const never = newestMinor + 1

// releases are newest first. Some end before the newest Kubernetes, as the real ones
// do, so that an update of a cluster can require one of an add-on first.
var releases = map[string][]release{
	"kube-proxy": nil, // proxies
	"vpc-cni": {
		{"v1.21.1-eksbuild.1", oldestMinor, newestMinor, never},
		{"v1.20.4-eksbuild.2", oldestMinor, newestMinor, 34},
		{"v1.20.1-eksbuild.1", oldestMinor, newestMinor, 33},
		{"v1.19.6-eksbuild.7", oldestMinor, 35, oldestMinor},
		{"v1.19.0-eksbuild.1", oldestMinor, 34, never},
	},
	"coredns": {
		{"v1.13.1-eksbuild.1", 34, newestMinor, 36},
		{"v1.12.4-eksbuild.1", 33, newestMinor, 34},
		{"v1.12.1-eksbuild.2", 33, 35, 33},
		{"v1.11.4-eksbuild.24", oldestMinor, 34, oldestMinor},
		{"v1.11.3-eksbuild.1", oldestMinor, 33, never},
	},
	"eks-pod-identity-agent": {
		{"v1.3.10-eksbuild.1", oldestMinor, newestMinor, never},
		{"v1.3.9-eksbuild.3", oldestMinor, newestMinor, oldestMinor},
		{"v1.3.4-eksbuild.1", oldestMinor, 35, never},
	},
	"aws-ebs-csi-driver": {
		{"v1.53.0-eksbuild.1", oldestMinor, newestMinor, never},
		{"v1.51.1-eksbuild.1", oldestMinor, newestMinor, oldestMinor},
		{"v1.44.0-eksbuild.1", oldestMinor, 35, never},
	},
	"metrics-server": {
		{"v0.8.0-eksbuild.3", oldestMinor, newestMinor, 33},
		{"v0.7.2-eksbuild.4", oldestMinor, 35, oldestMinor},
	},
	"aws-efs-csi-driver":  generic,
	"snapshot-controller": generic,
}

// generic are the versions of add-ons about which nothing else matters.
var generic = []release{
	{"v2.1.0-eksbuild.1", oldestMinor, newestMinor, never},
	{"v2.0.0-eksbuild.1", oldestMinor, newestMinor, oldestMinor},
	{"v1.0.0-eksbuild.1", oldestMinor, newestMinor, never},
}
