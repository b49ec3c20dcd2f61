package aws

// noAccessBlock is the answer for a bucket that has no block:
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetPublicAccessBlock.html.
const noAccessBlock = "NoSuchPublicAccessBlockConfiguration"

// accessBlock is read from the fact "publicAccessBlock", as ACK's Bucket specifies it, and
// written to the wire. What is left out is off.
type accessBlock struct {
	BlockACLs       bool `json:"blockPublicACLs" xml:"BlockPublicAcls"`
	IgnoreACLs      bool `json:"ignorePublicACLs" xml:"IgnorePublicAcls"`
	BlockPolicy     bool `json:"blockPublicPolicy" xml:"BlockPublicPolicy"`
	RestrictBuckets bool `json:"restrictPublicBuckets" xml:"RestrictPublicBuckets"`
}

func (s *Server) getPublicAccessBlock(c *call) (any, error) {
	b, err := s.bucketHere(c)
	if err != nil {
		return nil, err
	}
	if b.Data["publicAccessBlock"] == "" {
		return nil, invalid(noAccessBlock, "The public access block configuration was not found")
	}
	var block accessBlock
	if err := readFacts(b, map[string]any{"publicAccessBlock": &block}); err != nil {
		return nil, err
	}
	return document{name: "PublicAccessBlockConfiguration", body: block}, nil
}
