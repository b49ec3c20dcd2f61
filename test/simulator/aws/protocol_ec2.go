package aws

import (
	"encoding/xml"
	"fmt"
	"math"
	"net/http"
	"strconv"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// ec2XML is EC2's flavour of the query protocol: results directly in the
// response, lists as sets of items, errors in a list.
type ec2XML struct{ namespace string }

// Bounds of MaxResults, and of a list that is not cut.
const (
	smallestPage = 5
	largestPage  = 1000
	unpaged      = math.MaxInt32
)

// ec2Set is the result of the Describe operations: a list under its own name.
type ec2Set struct {
	name  string
	items any
	next  string
}

// ec2Fields is the result of operations that describe one thing: its fields in the response.
type ec2Fields []child

type ec2Error struct {
	XMLName   xml.Name `xml:"Response"`
	Code      string   `xml:"Errors>Error>Code"`
	Message   string   `xml:"Errors>Error>Message"`
	RequestID string   `xml:"RequestID"`
}

func (ec2XML) read(r *http.Request, c *call) error { return readForm(r, c) }

func (p ec2XML) reply(w http.ResponseWriter, c *call, result any) {
	children := []child{{name: "requestId", value: c.requestID}}
	switch r := result.(type) {
	case ec2Set:
		items := element{name: r.name, children: []child{{name: "item", value: r.items}}}
		children = append(children, child{name: r.name, value: items})
		if r.next != "" {
			children = append(children, child{name: "nextToken", value: r.next})
		}
	case ec2Fields:
		children = append(children, r...)
	}
	writeXML(w, http.StatusOK, element{
		name:      c.operation + "Response",
		namespace: p.namespace,
		children:  children,
	})
}

func (ec2XML) refuse(w http.ResponseWriter, c *call, e *cloud.Error) {
	writeXML(w, statusOf(e.Code), ec2Error{Code: e.Code, Message: e.Message, RequestID: c.requestID})
}

// ec2Page cuts a list by MaxResults and NextToken. most is the size of a page for callers that
// name none; EC2 then answers everything for most operations, but not for all.
func ec2Page[T any](c *call, name string, items []T, most int) (any, error) {
	size := most
	if wanted := c.form.Get("MaxResults"); wanted != "" {
		number, err := strconv.Atoi(wanted)
		if err != nil || number < smallestPage || number > largestPage {
			return nil, invalid("InvalidParameterValue",
				fmt.Sprintf("Value ( %s ) for parameter maxResults is invalid. Expecting a value between 5 and 1000.", wanted))
		}
		size = number
	}
	part, next, ok := page(items, c.form.Get("NextToken"), size)
	if !ok {
		return nil, invalid("InvalidParameterValue", "Unable to parse pagination token")
	}
	return ec2Set{name: name, items: part, next: next}, nil
}
