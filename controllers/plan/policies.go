package plan

import (
	"strings"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// policies writes the IAM policies that Portolan knows, for the pods of one region.
type policies struct {
	partition, region, account, cluster string

	profile     v1alpha1.Profile
	environment *v1alpha1.Environment
}

type policyDocument struct {
	Version   string
	Statement []statement
}

type statement struct {
	Effect    string
	Action    []string
	Resource  []string
	Condition conditions `json:",omitempty"`
}

// conditions are values by operator and key.
type conditions map[string]map[string][]string

func allow(actions, resources []string, c conditions) statement {
	return statement{Effect: "Allow", Action: actions, Resource: resources, Condition: c}
}

// document returns an inline policy in JSON.
func (known policies) document(name v1alpha1.PodPolicy) (string, error) {
	var statements []statement
	var err error
	switch name {
	case v1alpha1.PodPolicyExternalDNS:
		statements, err = known.externalDNS()
	case v1alpha1.PodPolicyExternalSecrets:
		statements, err = known.externalSecrets()
	case v1alpha1.PodPolicyLoadBalancerController:
		statements = known.loadBalancerController()
	default:
		err = finding(v1alpha1.ReasonInvalidProfile, "profile %s lists the policy %s, which Portolan does not know", known.profile.Name, name)
	}
	if err != nil {
		return "", err
	}
	return canonical(policyDocument{Version: "2012-10-17", Statement: statements})
}

func (known policies) arn(service, resource string) string {
	return strings.Join([]string{"arn", known.partition, service, known.region, known.account, resource}, ":")
}

const stringEquals = "StringEquals"

// equals is the condition that a key has one of the values.
func equals(key string, values ...string) conditions {
	return conditions{stringEquals: {key: values}}
}

// anything is the resource of actions that AWS does not let one restrict.
var anything = []string{"*"}

// externalDNS lets records of the environment's zones change, whatever their IDs are: the
// names are what counts. Names in the condition are in lower case, without the last dot
// (Route 53 Developer Guide, "Using IAM policy conditions for fine-grained access control").
func (known policies) externalDNS() ([]statement, error) {
	var records []string
	for _, z := range known.environment.Spec.DNS.Zones {
		records = append(records, "*."+z.Name, z.Name)
	}
	if len(records) == 0 { // an empty condition holds for every name
		return nil, finding(v1alpha1.ReasonInvalidProfile,
			"profile %s lists the policy ExternalDNS and there is no zone to allow it: add one to spec.dns.zones of Environment %s", known.profile.Name, known.environment.Name)
	}
	zones := []string{"arn:" + known.partition + ":route53:::hostedzone/*"}
	return []statement{
		allow([]string{"route53:ChangeResourceRecordSets"}, zones, conditions{
			"ForAllValues:StringLike": {"route53:ChangeResourceRecordSetsNormalizedRecordNames": records},
		}),
		allow([]string{"route53:ListResourceRecordSets", "route53:ListTagsForResources"}, zones, nil),
		allow([]string{"route53:ListHostedZones"}, anything, nil),
	}, nil
}

// externalSecrets lets the profile's secrets be read in the region, and nothing else. AWS ends
// a secret's ARN with six random characters.
func (known policies) externalSecrets() ([]statement, error) {
	var secrets []string
	for _, name := range known.profile.Secrets {
		secrets = append(secrets, known.arn("secretsmanager", "secret:"+name+"-??????"))
	}
	if len(secrets) == 0 {
		return nil, finding(v1alpha1.ReasonInvalidProfile,
			"profile %s lists the policy ExternalSecrets and no secrets that it could allow: add them to the profile's secrets", known.profile.Name)
	}
	statements := []statement{allow([]string{
		"secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "secretsmanager:ListSecretVersionIds",
	}, secrets, nil)}
	if source := known.environment.Spec.Secrets; source != nil && source.KMSKeyID != "" {
		statements = append(statements, known.decrypt(source.KMSKeyID))
	}
	return statements, nil
}

// decrypt lets Secrets Manager, and nobody else, decrypt with the environment's key. A
// multi-Region key has the same ID in every region; an alias is no resource of its own and is
// named in a condition (KMS Developer Guide, "ABAC for AWS KMS").
func (known policies) decrypt(key string) statement {
	suffix := ".amazonaws.com"
	if known.partition == "aws-cn" {
		suffix += ".cn"
	}
	via := equals("kms:ViaService", "secretsmanager."+known.region+suffix)
	account, id := known.account, key
	if arn := strings.SplitN(key, ":", 6); len(arn) == 6 {
		account, id = arn[4], arn[5]
	}
	keys := "arn:" + known.partition + ":kms:" + known.region + ":" + account + ":key/"
	switch {
	case strings.HasPrefix(id, "alias/"):
		via["ForAnyValue:StringEquals"] = map[string][]string{"kms:ResourceAliases": {id}}
		key = keys + "*"
	case id == key || strings.HasPrefix(id, "key/mrk-"):
		key = keys + strings.TrimPrefix(id, "key/")
	}
	return allow([]string{"kms:Decrypt"}, []string{key}, via)
}
