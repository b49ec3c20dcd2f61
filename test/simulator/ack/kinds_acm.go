package ack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

var certificateStates = states{creating: "PENDING_VALIDATION", ready: "ISSUED", failed: "FAILED"}

// certificate is synced as soon as it is requested: that it is issued is only in its status.
var certificate = &kind{
	service: "acm", name: "Certificate", awsType: "acm/certificate", states: certificateStates, inUse: "ResourceInUseException",
	idField: "ackResourceMetadata.arn", adoptionField: "arn", newID: newCertificateID,
	terminal:   []string{"InvalidParameterException", "InvalidDomainValidationOptionsException", "InvalidArnException"},
	mutable:    []string{"names", "transparency"},
	defaulted:  []string{"names", "transparency"},
	frozen:     []string{"names"},
	syncsEarly: true,
	arn: func(a account, r cloud.Resource) string {
		return a.ARN("acm", r.Region, "certificate/"+r.ID)
	},
	describe: func(r request) cloud.Resource {
		return r.resource(map[string]string{
			"domainName":   r.spec.text("domainName"),
			"names":        strings.Join(r.spec.texts("subjectAlternativeNames"), ","),
			"keyAlgorithm": r.spec.text("keyAlgorithm"),
			"transparency": r.spec.text("options.certificateTransparencyLoggingPreference"),
		})
	},
	admit:       admitCertificate,
	develop:     validate,
	status:      certificateStatus,
	initialises: true,
	answers: func(r cloud.Resource) map[string]any {
		return map[string]any{
			"keyAlgorithm": r.Data["keyAlgorithm"],
			"options.certificateTransparencyLoggingPreference": r.Data["transparency"],
		}
	},
}

func newCertificateID(a account) string {
	hash := sha256.Sum256([]byte(a.NewID("certificate")))
	text := hex.EncodeToString(hash[:])
	return strings.Join([]string{text[:8], text[8:12], text[12:16], text[16:20], text[20:32]}, "-")
}

func admitCertificate(_ account, r *cloud.Resource) error {
	if r.Data["domainName"] == "" {
		return refuse("InvalidParameterException", "Value null at 'domainName' failed to satisfy constraint: Member must not be null")
	}
	for fact, value := range map[string]string{"keyAlgorithm": "RSA_2048", "transparency": "ENABLED"} {
		if r.Data[fact] == "" {
			r.Data[fact] = value
		}
	}
	// AWS puts the domain among the names. ACK then finds a difference to a spec that
	// does not, and asks at each look for an update that cannot change the names.
	names := slices.DeleteFunc(strings.Split(r.Data["names"], ","), func(name string) bool { return name == "" })
	if !slices.Contains(names, r.Data["domainName"]) {
		names = append([]string{r.Data["domainName"]}, names...)
	}
	r.Data["names"] = strings.Join(names, ",")
	return nil
}

// validationRecord is the CNAME that shows who owns a domain. It is the same for a
// name and its wildcard, and in each certificate of the account.
func validationRecord(a account, name string) (record, target string) {
	domain := strings.TrimPrefix(name, "*.")
	hash := sha256.Sum256([]byte(a.Account() + " " + domain))
	text := hex.EncodeToString(hash[:])
	return fmt.Sprintf("_%s.%s.", text[:32], domain), fmt.Sprintf("_%s.acm-validations.aws.", text[32:])
}

// validated tells whether the validation record of a name is in sync in any zone of the account.
func validated(a account, name string) bool {
	record, target := validationRecord(a, name)
	return len(a.List(func(r cloud.Resource) bool {
		return r.Type == recordSet.awsType && r.State == recordStates.ready && r.Data["type"] == "CNAME" &&
			r.Data["name"] == record && dotted(r.Data["values"]) == target
	})) > 0
}

// validate issues the certificate some time after AWS can see all validation records.
func validate(ctx context.Context, k *kind, a account, r cloud.Resource) {
	failure := doomOf(r)
	if failure == nil && !await(ctx, a, func(other cloud.Resource) bool {
		return other.Type == recordSet.awsType || other.Key == r.Key
	}, func() bool {
		if _, exists := a.Get(r.Key); !exists {
			return true
		}
		return !slices.ContainsFunc(namesOf(r), func(name string) bool { return !validated(a, name) })
	}) {
		return
	}
	if _, exists := a.Get(r.Key); !exists || !sleepUntil(ctx, time.Now().Add(a.Sample("acm/certificate/validation"))) {
		return
	}
	k.advance(a, r, func(r *cloud.Resource) {
		r.State = certificateStates.ready
		r.Data["issuedAt"] = time.Now().UTC().Format(time.RFC3339)
		fail(k, r, failure)
	})
}

func namesOf(r cloud.Resource) []string { return strings.Split(r.Data["names"], ",") }

func certificateStatus(a account, r cloud.Resource) map[string]any {
	verdict := "PENDING_VALIDATION"
	switch r.State {
	case certificateStates.ready:
		verdict = "SUCCESS"
	case certificateStates.failed:
		verdict = "FAILED"
	}
	var validations []any
	for _, name := range namesOf(r) {
		record, target := validationRecord(a, name)
		validations = append(validations, map[string]any{
			"domainName": name, "validationDomain": name, "validationMethod": "DNS", "validationStatus": verdict,
			"resourceRecord": map[string]any{"name": record, "type_": "CNAME", "value": target},
		})
	}
	status := map[string]any{
		"status": r.State, "type_": "AMAZON_ISSUED", "createdAt": r.CreatedAt.UTC().Format(time.RFC3339),
		"domainValidations": validations,
	}
	if at := r.Data["issuedAt"]; at != "" {
		status["issuedAt"], status["issuer"] = at, "Amazon"
	}
	if r.State == certificateStates.failed {
		status["failureReason"] = r.Data[failureCode]
	}
	return status
}
