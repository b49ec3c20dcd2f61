package aws

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	. "github.com/onsi/gomega"
)

var answersByCode = []struct {
	action         string
	status         int
	code           string
	want           Class
	wantPermission string
}{
	{describeSecret, 400, "ThrottlingException", Throttled, ""},
	{describeSecret, 400, "TooManyRequestsException", Throttled, ""},
	{callerIdentity, 400, "Throttling", Throttled, ""},
	{describeZones, 503, "RequestLimitExceeded", Throttled, ""},
	{describeNodes, 429, "SomethingNew", Throttled, ""},
	{describeSecret, 400, "AccessDeniedException", AccessDenied, describeSecret},
	{describeNodes, 403, "AccessDeniedException", AccessDenied, describeNodes},
	{callerIdentity, 403, "AccessDenied", AccessDenied, callerIdentity},
	{describeZones, 403, "UnauthorizedOperation", AccessDenied, describeZones},
	{describeZones, 403, "SomethingNew", AccessDenied, describeZones},
	{callerIdentity, 403, "ExpiredToken", AccessDenied, ""},
	{describeSecret, 400, "ExpiredTokenException", AccessDenied, ""},
	{describeSecret, 400, "UnrecognizedClientException", AccessDenied, ""},
	{callerIdentity, 403, "InvalidClientTokenId", AccessDenied, ""},
	{describeZones, 401, "AuthFailure", AccessDenied, ""},
	{describeZones, 401, "OptInRequired", AccessDenied, ""},
	{replicateTo, 400, "LimitExceededException", QuotaExceeded, ""},
	{describeNodes, 400, "ResourceLimitExceeded", QuotaExceeded, ""},
	{describeNodes, 400, "ResourceLimitExceededException", QuotaExceeded, ""},
	{describeNodes, 402, "ServiceQuotaExceededException", QuotaExceeded, ""},
	{describeZones, 400, "VpcLimitExceeded", QuotaExceeded, ""},
	{describeZones, 400, "AddressLimitExceeded", QuotaExceeded, ""},
	{describeSecret, 400, "ResourceNotFoundException", NotFound, ""},
	{describeZones, 400, "InvalidVpcID.NotFound", NotFound, ""},
	{callerIdentity, 404, "NoSuchEntity", NotFound, ""},
	{replicateTo, 400, "ResourceExistsException", Conflict, ""},
	{describeNodes, 409, "ResourceInUseException", Conflict, ""},
	{describeSecret, 400, "InvalidRequestException", Conflict, ""},
	{describeZones, 400, "DependencyViolation", Conflict, ""},
	{describeZones, 400, "InvalidKeyPair.Duplicate", Conflict, ""},
	{callerIdentity, 409, "EntityAlreadyExists", Conflict, ""},
	{describeSecret, 400, "ValidationException", Invalid, ""},
	{describeNodes, 400, "InvalidParameterException", Invalid, ""},
	{describeZones, 400, "InvalidParameterValue", Invalid, ""},
	{describeZones, 400, "InvalidVpcID.Malformed", Invalid, ""},
	{describeZones, 400, "InvalidAction", Invalid, ""},
	{describeNodes, 503, "ServiceUnavailableException", Unavailable, ""},
	{callerIdentity, 503, "ServiceUnavailable", Unavailable, ""},
	{describeZones, 500, "InternalFailure", Unavailable, ""},
	{describeSecret, 500, "InternalServiceError", Unavailable, ""},
	{describeNodes, 500, "ServerException", Unavailable, ""},
	{describeZones, 504, "SomethingNew", Unavailable, ""},
	{describeRegions, 403, "UnauthorizedOperation", AccessDenied, describeRegions},
	{describeVPCs, 401, "OptInRequired", AccessDenied, ""},
	{describeTags, 503, "RequestLimitExceeded", Throttled, ""},
	{describeOfferings, 400, "InvalidInstanceType", Invalid, ""},
	{describeOfferings, 400, "InvalidNextToken", Invalid, ""},
	{describeInterfaces, 400, "InvalidParameterValue", Invalid, ""},
	{getQuota, 400, "AccessDeniedException", AccessDenied, getQuota},
	{getQuota, 400, "DependencyAccessDeniedException", AccessDenied, getQuota},
	{getQuota, 400, "IllegalArgumentException", Invalid, ""},
	{getQuota, 500, "ServiceException", Unavailable, ""},
	{getQuota, 429, "TooManyRequestsException", Throttled, ""},
	{listZones, 403, "AccessDenied", AccessDenied, listZones},
	{listZones, 401, "NotAuthorizedException", AccessDenied, listZones},
	{listZones, 400, "InvalidDomainName", Invalid, ""},
	{listZones, 400, "InvalidInput", Invalid, ""},
	{listZones, 404, "NoSuchHostedZone", NotFound, ""},
	{listZones, 400, "LimitsExceeded", QuotaExceeded, ""},
	{listZones, 400, "PriorRequestNotComplete", Throttled, ""},
	{listZones, 400, "Throttling", Throttled, ""},
	{getRole, 404, "NoSuchEntity", NotFound, ""},
	{getRole, 403, "AccessDenied", AccessDenied, getRole},
	{getRole, 409, "LimitExceeded", QuotaExceeded, ""},
	{getRole, 409, "EntityTemporarilyUnmodifiable", Conflict, ""},
	{getRole, 409, "DeleteConflict", Conflict, ""},
	{getRole, 500, "ServiceFailure", Unavailable, ""},
	{describeCluster, 404, "ResourceNotFoundException", NotFound, ""},
	{getBucketTags, 404, "NoSuchBucket", NotFound, ""},
	{getBucketTags, 403, "AccessDenied", AccessDenied, getBucketTags},
	{getBucketTags, 403, "AllAccessDisabled", AccessDenied, getBucketTags},
	{getBucketTags, 403, "SignatureDoesNotMatch", AccessDenied, ""},
	{getBucketTags, 301, "PermanentRedirect", Conflict, ""},
	{getBucketTags, 400, "AuthorizationHeaderMalformed", Conflict, ""},
	{getBucketTags, 409, "OperationAborted", Conflict, ""},
	{getBucketTags, 400, "InvalidBucketName", Invalid, ""},
	{getBucketTags, 503, "SlowDown", Throttled, ""},
	{describeLoadBalancers, 403, "AccessDenied", AccessDenied, describeLoadBalancers},
	{describeLoadBalancers, 400, "ValidationError", Invalid, ""},
	{describeLoadBalancers, 400, "LoadBalancerNotFound", NotFound, ""},
	{describeLoadBalancers, 400, "TargetGroupNotFound", NotFound, ""},
	{describeLoadBalancers, 400, "ResourceInUse", Conflict, ""},
	{listGroups, 400, "ListenerNotFoundException", NotFound, ""},
	{listGroups, 400, "InvalidNextTokenException", Invalid, ""},
	{describeListener, 400, "InvalidArgumentException", Invalid, ""},
	{describeListener, 400, "AccessDeniedException", AccessDenied, describeListener},
	{describeAcc, 400, "AcceleratorNotFoundException", NotFound, ""},
	{createGroup, 400, "LimitExceededException", QuotaExceeded, ""},
	{updateGroup, 400, "EndpointGroupNotFoundException", NotFound, ""},
	{updateGroup, 500, "InternalServiceErrorException", Unavailable, ""},
	{addEndpoints, 400, "TransactionInProgressException", Conflict, ""},
	{removeEndpoints, 400, "ConflictException", Conflict, ""},
	{deleteGroup, 400, "ThrottlingException", Throttled, ""},
	{describeZones, 400, "SomethingNew", Unknown, ""},
	{describeNodes, 404, "SomethingNew", Unknown, ""},
}

func TestClassifiesAnswersByCode(t *testing.T) {
	for _, tc := range answersByCode {
		t.Run(tc.action+"/"+tc.code, func(t *testing.T) {
			g := NewWithT(t)
			w := newWire(t)
			s, _ := newSessions(t, w.url)
			w.on(tc.action, refuse(tc.action, tc.status, tc.code, "No."))

			err := call(t.Context(), s, tc.action)
			g.Expect(err).To(MatchError(tc.action + ": " + tc.code + ": No."))
			g.Expect(ClassOf(err)).To(Equal(tc.want))
			failure, _ := errors.AsType[*Error](err)
			g.Expect(failure.Permission()).To(Equal(tc.wantPermission))
		})
	}
}

func TestMessagesAreTheSameOnEveryRetry(t *testing.T) {
	cases := map[string]struct{ message, want string }{
		"plain":              {"Not allowed.", "Not allowed."},
		"request ID at end":  {"Not allowed. Request ID: " + requestID, "Not allowed."},
		"request ID in list": {"Bad (Status Code: 400; Request ID: " + requestID + "; Proxy: null)", "Bad (Status Code: 400; Proxy: null)"},
		"request ID alone":   {"Bad (RequestId=" + requestID + ") value", "Bad value"},
		"encrypted reason":   {"Not authorized. Encoded authorization failure message: u8J7-abc_DEF", "Not authorized."},
		"wrong clock": {
			"Signature expired: 20250301T120000Z is now earlier than 20250301T121000Z (20250301T122500Z - 15 min.)",
			"Signature expired: is now earlier than ( - 15 min.)",
		},
		"key IDs stay": {"key 1234abcd-12ab-34cd-56ef-1234567890ab is disabled", "key 1234abcd-12ab-34cd-56ef-1234567890ab is disabled"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(stable(tc.message)).To(Equal(tc.want))
		})
	}
}

func TestRootIsTheFirstOfJoinedErrors(t *testing.T) {
	g := NewWithT(t)
	first := errors.New("connection refused")
	bookkeeping := fmt.Errorf("retry quota exceeded: %w", errors.New("0 available"))
	g.Expect(root(fmt.Errorf("sending: %w", errors.Join(fmt.Errorf("dialling: %w", first), bookkeeping)))).To(BeIdenticalTo(first))
}

func TestPermissionIsTheOneAWSNames(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(replicateTo, refuse(replicateTo, 400, "AccessDeniedException",
		"User: arn:aws:sts::111122223333:assumed-role/portolan/portolan is not authorized to perform: kms:GenerateDataKey on resource: key"))

	failure, ok := errors.AsType[*Error](call(t.Context(), s, replicateTo))
	g.Expect(ok).To(BeTrue())
	g.Expect(failure.Permission()).To(Equal("kms:GenerateDataKey"))
	g.Expect(failure.Operation).To(Equal(replicateTo))
}

func TestReportsTheRoleThatCannotBeAssumed(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(assumeRole, refuse(assumeRole, 403, "AccessDenied", "Nobody may assume it"))

	_, err := s.AvailabilityZones(t.Context(), "arn:aws:iam::444455556666:role/target", "eu-west-1")
	g.Expect(err).To(MatchError("sts:AssumeRole: AccessDenied: Nobody may assume it"))
	failure, _ := errors.AsType[*Error](err)
	g.Expect(failure.Permission()).To(Equal(assumeRole))
}

func TestUnreachableAWSIsUnavailableWithAStableMessage(t *testing.T) {
	g := NewWithT(t)
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	s, _ := newSessions(t, closed.URL)

	host := closed.Listener.Addr().String()
	for _, roleARN := range []string{"", "arn:aws:iam::444455556666:role/target"} {
		_, err := s.NodegroupExists(t.Context(), roleARN, "eu-west-1", "prod", "system")
		g.Expect(ClassOf(err)).To(Equal(Unavailable))
		g.Expect(err).To(MatchError(HaveSuffix("cannot reach " + host + ": connection refused")))
	}
}

func TestConnectionsCutShortAreUnavailable(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(describeNodes, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })

	err := call(t.Context(), s, describeNodes)
	g.Expect(ClassOf(err)).To(Equal(Unavailable))
	g.Expect(err.Error()).To(HaveSuffix(": EOF"))
}

func TestMissingCredentialsAreNotAMissingPermission(t *testing.T) {
	w := newWire(t)
	s, _ := newSessionsWithoutCredentials(t, w.url)
	for _, roleARN := range []string{"", "arn:aws:iam::444455556666:role/target"} {
		t.Run(fmt.Sprintf("role %q", roleARN), func(t *testing.T) {
			g := NewWithT(t)
			_, err := s.NodegroupExists(t.Context(), roleARN, "eu-west-1", "prod", "system")
			g.Expect(ClassOf(err)).To(Equal(AccessDenied))
			failure, _ := errors.AsType[*Error](err)
			g.Expect(failure.Permission()).To(BeEmpty())
			g.Expect(failure.Message).To(HavePrefix("Portolan has no AWS credentials: "))

			_, _, err = s.ClusterToken(t.Context(), roleARN, "eu-west-1", "prod")
			g.Expect(ClassOf(err)).To(Equal(AccessDenied))
		})
	}
}

func TestCancellationIsNeitherClassifiedNorHidden(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	err := call(ctx, s, describeNodes)
	g.Expect(err).To(MatchError(context.Canceled))
	g.Expect(ClassOf(err)).To(Equal(Unknown))
	g.Expect(ClassOf(nil)).To(Equal(Unknown))
}

func TestUnreadableAnswerCarriesNoRequestID(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(describeZones, reply(200, "<DescribeAvailabilityZonesResponse><broken"))

	err := call(t.Context(), s, describeZones)
	g.Expect(err).To(HaveOccurred())
	g.Expect(err.Error()).NotTo(ContainSubstring(requestID))
	g.Expect(err.Error()).To(HavePrefix("ec2:DescribeAvailabilityZones: "))
}

func TestRetriesThreeTimesAtMost(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(describeZones, refuse(describeZones, 503, "RequestLimitExceeded", "Slow down."))
	w.on(describeNodes, refuse(describeNodes, 400, "InvalidParameterException", "No."))

	g.Expect(call(t.Context(), s, describeZones)).NotTo(Succeed())
	g.Expect(call(t.Context(), s, describeNodes)).NotTo(Succeed())
	g.Expect(w.requests(describeZones)).To(HaveLen(3))
	g.Expect(w.requests(describeNodes)).To(HaveLen(1))
}
