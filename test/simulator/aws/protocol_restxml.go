package aws

import (
	"encoding/xml"
	"net/http"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// restXML is REST with documents in XML, as Route 53 and S3 speak it.
type restXML struct {
	routes []route
	// wrapped errors are inside of an ErrorResponse, as they are at Route 53.
	wrapped   bool
	namespace string
}

// document is a result with the name of its element and what goes into headers.
type document struct {
	name    string
	headers map[string]string
	// body is nil for answers without one.
	body any
}

type s3Error struct {
	XMLName   xml.Name `xml:"Error"`
	Code      string
	Message   string
	RequestID string `xml:"RequestId"`
}

func (p restXML) read(r *http.Request, c *call) error { return readRoute(p.routes, r, c) }

func (p restXML) reply(w http.ResponseWriter, _ *call, result any) {
	d, ok := result.(document)
	if !ok {
		http.Error(w, "a result without a name", http.StatusInternalServerError)
		return
	}
	for name, value := range d.headers {
		w.Header().Set(name, value)
	}
	if d.body == nil {
		w.WriteHeader(http.StatusOK)
		return
	}
	writeXML(w, http.StatusOK, rooted{name: xml.Name{Space: p.namespace, Local: d.name}, body: d.body})
}

// refuse leaves the text of an error to net/http to drop where the method is HEAD: like S3, it
// then says no more than the status.
func (p restXML) refuse(w http.ResponseWriter, c *call, e *cloud.Error) {
	if region := c.elsewhere; region != "" {
		w.Header().Set(bucketRegionHeader, region)
	}
	if p.wrapped {
		writeXML(w, restStatusOf(e.Code), newQueryError(p.namespace, c.requestID, e))
		return
	}
	writeXML(w, restStatusOf(e.Code), s3Error{Code: e.Code, Message: e.Message, RequestID: c.requestID})
}

// rooted encodes a body as an element whose name is known at run time only.
type rooted struct {
	name xml.Name
	body any
}

// MarshalXML implements xml.Marshaler.
func (r rooted) MarshalXML(enc *xml.Encoder, _ xml.StartElement) error {
	return enc.EncodeElement(r.body, xml.StartElement{Name: r.name})
}
