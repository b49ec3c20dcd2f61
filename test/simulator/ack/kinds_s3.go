package ack

import (
	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// noRegionName is the region whose name S3 does not take as a location.
const noRegionName = "us-east-1"

// Defaults of S3 since 2023, as they stand in the facts.
const (
	defaultEncryption = `{"rules":[{"applyServerSideEncryptionByDefault":{"sseAlgorithm":"AES256"},"bucketKeyEnabled":false}]}`
	defaultOwnership  = `{"rules":[{"objectOwnership":"BucketOwnerEnforced"}]}`
)

// bucket's fact "objects" is how many objects it holds; others write it.
var bucket = &kind{
	service: "s3", name: "Bucket", awsType: "s3/bucket", nameOf: named("name"),
	terminal:  []string{"PermanentRedirect", "InvalidLocationConstraint", "MalformedXML"},
	mutable:   []string{"publicAccessBlock", "versioning", "encryption", "ownershipControls", "lifecycle", "policy"},
	defaulted: []string{"encryption", "ownershipControls"},
	arn:       func(_ account, r cloud.Resource) string { return "arn:aws:s3:::" + r.ID },
	describe: func(r request) cloud.Resource {
		return r.resource(map[string]string{
			"location":          r.spec.text("createBucketConfiguration.locationConstraint"),
			"publicAccessBlock": r.spec.json("publicAccessBlock"), // left out, ACK deletes AWS's own block
			"versioning":        r.spec.text("versioning.status"),
			"encryption":        r.spec.json("encryption"),
			"ownershipControls": r.spec.json("ownershipControls"),
			"lifecycle":         r.spec.json("lifecycle"),
			"policy":            r.spec.text("policy"),
		})
	},
	admit: admitBucket,
	release: func(_ account, r cloud.Resource) error {
		if objects := r.Data["objects"]; objects != "" && objects != "0" {
			return refuse("BucketNotEmpty", "The bucket you tried to delete is not empty")
		}
		return nil
	},
	status: func(_ account, r cloud.Resource) map[string]any {
		location := "http://" + r.ID + ".s3.amazonaws.com/"
		if r.Region == noRegionName {
			location = "/" + r.ID
		}
		return map[string]any{"location": location}
	},
	initialises: true,
	answers: func(cloud.Resource) map[string]any {
		return map[string]any{
			"abac": map[string]any{"status": "Disabled"},
			"encryption": map[string]any{"rules": []any{map[string]any{
				"applyServerSideEncryptionByDefault": map[string]any{"sseAlgorithm": "AES256"}, "bucketKeyEnabled": false,
			}}},
			"ownershipControls": map[string]any{"rules": []any{map[string]any{"objectOwnership": "BucketOwnerEnforced"}}},
		}
	},
	afterCreate: "Reconciling to sync additional fields",
}

func admitBucket(a account, r *cloud.Resource) error {
	for fact, value := range map[string]string{"encryption": defaultEncryption, "ownershipControls": defaultOwnership} {
		if r.Data[fact] == "" {
			r.Data[fact] = value
		}
	}
	if _, exists := a.Get(r.Key); exists {
		return nil
	}
	taken := a.List(func(other cloud.Resource) bool { return other.Type == r.Type && other.ID == r.ID })
	location := r.Data["location"]
	switch {
	case location == noRegionName:
		return refuse("InvalidLocationConstraint", "The specified location-constraint is not valid")
	case location == "" && r.Region != noRegionName:
		return refuse("IllegalLocationConstraintException",
			"The unspecified location constraint is incompatible for the region specific endpoint this request was sent to.")
	case location != "" && location != r.Region:
		return refuse("IllegalLocationConstraintException",
			"The %s location constraint is incompatible for the region specific endpoint this request was sent to.", location)
	case len(taken) > 0:
		return refuse("BucketAlreadyOwnedByYou",
			"Your previous request to create the named bucket succeeded and you already own it.")
	}
	return nil
}
