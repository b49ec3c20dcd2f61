package aws

import (
	"encoding/xml"
	"net/http"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// ec2XML is EC2's flavour of the query protocol: results directly in the
// response, lists as sets of items, errors in a list.
type ec2XML struct{ namespace string }

// ec2Set is the result of the Describe operations: a list under its own name.
type ec2Set struct {
	name  string
	items any
}

type ec2Error struct {
	XMLName   xml.Name `xml:"Response"`
	Code      string   `xml:"Errors>Error>Code"`
	Message   string   `xml:"Errors>Error>Message"`
	RequestID string   `xml:"RequestID"`
}

func (ec2XML) read(r *http.Request, c *call) error { return readForm(r, c) }

func (p ec2XML) reply(w http.ResponseWriter, c *call, result any) {
	children := []child{{name: "requestId", value: c.requestID}}
	if set, ok := result.(ec2Set); ok {
		items := element{name: set.name, children: []child{{name: "item", value: set.items}}}
		children = append(children, child{name: set.name, value: items})
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
