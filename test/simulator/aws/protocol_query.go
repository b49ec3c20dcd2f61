package aws

import (
	"encoding/xml"
	"fmt"
	"net/http"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// queryXML is the query protocol: parameters as a form, results in XML,
// wrapped twice in elements named after the operation.
type queryXML struct{ namespace string }

type responseMetadata struct {
	RequestID string `xml:"RequestId"`
}

type queryError struct {
	XMLName   xml.Name `xml:"ErrorResponse"`
	Namespace string   `xml:"xmlns,attr"`
	Type      string   `xml:"Error>Type"`
	Code      string   `xml:"Error>Code"`
	Message   string   `xml:"Error>Message"`
	RequestID string   `xml:"RequestId"`
}

func (queryXML) read(r *http.Request, c *call) error { return readForm(r, c) }

func (q queryXML) reply(w http.ResponseWriter, c *call, result any) {
	writeXML(w, http.StatusOK, element{
		name:      c.operation + "Response",
		namespace: q.namespace,
		children: []child{
			{name: c.operation + "Result", value: result},
			{name: "ResponseMetadata", value: responseMetadata{RequestID: c.requestID}},
		},
	})
}

func (q queryXML) refuse(w http.ResponseWriter, c *call, e *cloud.Error) {
	writeXML(w, statusOf(e.Code), newQueryError(q.namespace, c.requestID, e))
}

func newQueryError(namespace, requestID string, e *cloud.Error) queryError {
	fault := "Sender"
	if statusOf(e.Code) >= http.StatusInternalServerError {
		fault = "Receiver"
	}
	return queryError{Namespace: namespace, Type: fault, Code: e.Code, Message: e.Message, RequestID: requestID}
}

// readForm reads body and URL alike: presigned calls have everything in the URL.
func readForm(r *http.Request, c *call) error {
	if err := r.ParseForm(); err != nil {
		return fmt.Errorf("reading the form: %w", err)
	}
	c.form = r.Form
	c.operation = r.Form.Get("Action")
	return nil
}

// element is XML whose names are known at run time only.
type element struct {
	name, namespace string
	children        []child
}

// child is one element, or one per entry if the value is a slice.
type child struct {
	name  string
	value any
}

// MarshalXML implements xml.Marshaler.
func (e element) MarshalXML(enc *xml.Encoder, start xml.StartElement) error {
	start.Name.Local = e.name
	start.Attr = nil
	if e.namespace != "" {
		start.Attr = []xml.Attr{{Name: xml.Name{Local: "xmlns"}, Value: e.namespace}}
	}
	if err := enc.EncodeToken(start); err != nil {
		return err
	}
	for _, c := range e.children {
		if err := enc.EncodeElement(c.value, xml.StartElement{Name: xml.Name{Local: c.name}}); err != nil {
			return err
		}
	}
	return enc.EncodeToken(start.End())
}

func writeXML(w http.ResponseWriter, status int, document any) {
	body, err := xml.Marshal(document)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/xml;charset=UTF-8")
	w.WriteHeader(status)
	_, _ = w.Write(append([]byte(xml.Header), body...)) // the client may have gone
}
