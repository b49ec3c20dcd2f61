package iam

import (
	"testing"

	. "github.com/onsi/gomega"
)

func TestMatches(t *testing.T) {
	cases := map[string]struct {
		pattern, text string
		want          bool
	}{
		"the same":                          {pattern: "vpc-1", text: "vpc-1", want: true},
		"a longer text":                     {pattern: "vpc-1", text: "vpc-12"},
		"a shorter text":                    {pattern: "vpc-12", text: "vpc-1"},
		"another case":                      {pattern: "VPC-1", text: "vpc-1"},
		"a star for all":                    {pattern: "*", text: "a/b:c", want: true},
		"a star for nothing":                {pattern: "vpc*", text: "vpc", want: true},
		"a star over slashes":               {pattern: "role/*-node", text: "role/path/x-node", want: true},
		"a star in the middle":              {pattern: "a*c", text: "abbbc", want: true},
		"a star that has to be tried again": {pattern: "*-node", text: "x-node-node", want: true},
		"two stars":                         {pattern: "a*b*c", text: "a--b--b--c", want: true},
		"two stars without the end":         {pattern: "a*b*c", text: "a--b--c-"},
		"the end is missing":                {pattern: "prod-*-node", text: "prod-eu-cluster"},
		"a question mark":                   {pattern: "eu-west-?", text: "eu-west-1", want: true},
		"a question mark for nothing":       {pattern: "eu-west-?", text: "eu-west-"},
		"a question mark for two":           {pattern: "eu-west-?", text: "eu-west-11"},
		"a question mark for a rune":        {pattern: "?", text: "ü", want: true},
		"nothing for nothing":               {want: true},
		"nothing for something":             {text: "x"},
		"a dot is a dot":                    {pattern: "a.c", text: "abc"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(matches(tc.pattern, tc.text)).To(Equal(tc.want))
		})
	}
}

func TestMatchesARN(t *testing.T) {
	const role = "arn:aws:iam::111122223333:role/production001-eu-node"
	cases := map[string]struct {
		pattern, arn string
		want         bool
	}{
		"the same":                 {pattern: role, arn: role, want: true},
		"a star in the last part":  {pattern: "arn:aws:iam::111122223333:role/*", arn: role, want: true},
		"a star for a whole part":  {pattern: "arn:*:iam::*:role/*", arn: role, want: true},
		"a star for several parts": {pattern: "arn:*:role/*", arn: role},
		"a star for everything":    {pattern: "*", arn: role},
		"colons at the end":        {pattern: "arn:aws:rds:*:*:db:*", arn: "arn:aws:rds:eu-west-1:1:db:x:y", want: true},
		"no ARN":                   {pattern: "arn:aws:iam::*:role/*", arn: "*"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(matchesARN(tc.pattern, tc.arn)).To(Equal(tc.want))
		})
	}
}
