package aws

import "strings"

// Class is what a failed AWS call means for whoever made it.
type Class string

const (
	// Throttled means too many calls; retry later.
	Throttled Class = "Throttled"
	// AccessDenied means missing permission or unusable credentials. It is not
	// terminal: someone can fix it without touching the spec.
	AccessDenied Class = "AccessDenied"
	// QuotaExceeded means an account limit is reached. It is not terminal either.
	QuotaExceeded Class = "QuotaExceeded"
	// NotFound means the thing asked for does not exist.
	NotFound Class = "NotFound"
	// Conflict means the state of this or another resource stands in the way.
	Conflict Class = "Conflict"
	// Invalid means AWS rejects the request itself; repeating it cannot help.
	Invalid Class = "Invalid"
	// Unavailable means AWS failed or could not be reached.
	Unavailable Class = "Unavailable"
	// Unknown means none of the others.
	Unknown Class = "Unknown"
)

const codeNoCredentials = "NoCredentials"

// credentialCodes are refusals of who we are, not of what we may do.
var credentialCodes = map[string]bool{
	"AuthFailure":                 true,
	"ExpiredToken":                true,
	"ExpiredTokenException":       true,
	"IncompleteSignature":         true,
	"InvalidAccessKeyId":          true,
	"InvalidClientTokenId":        true,
	"InvalidIdentityToken":        true,
	"InvalidSignatureException":   true,
	"MissingAuthenticationToken":  true,
	"OptInRequired":               true,
	"RequestExpired":              true,
	"RequestTimeTooSkewed":        true,
	"SignatureDoesNotMatch":       true,
	"UnrecognizedClientException": true,
	codeNoCredentials:             true,
}

var classByCode = map[string]Class{
	"BandwidthLimitExceeded":    Throttled,
	"EC2ThrottledException":     Throttled,
	"PriorRequestNotComplete":   Throttled,
	"RequestLimitExceeded":      Throttled,
	"RequestThrottled":          Throttled,
	"RequestThrottledException": Throttled,
	"SlowDown":                  Throttled,
	"ThrottledException":        Throttled,
	"Throttling":                Throttled,
	"ThrottlingException":       Throttled,
	"TooManyRequestsException":  Throttled,

	"AccessDenied":                    AccessDenied,
	"AccessDeniedException":           AccessDenied,
	"DependencyAccessDeniedException": AccessDenied,
	"NotAuthorized":                   AccessDenied,
	"NotAuthorizedException":          AccessDenied,
	"UnauthorizedOperation":           AccessDenied,
	"RegionDisabledException":         AccessDenied,

	"LimitsExceeded": QuotaExceeded,

	"HostedZoneNotFound":   NotFound,
	"ListenerNotFound":     NotFound,
	"LoadBalancerNotFound": NotFound,
	"NatGatewayNotFound":   NotFound,
	"NotFoundException":    NotFound,
	"TargetGroupNotFound":  NotFound,

	// S3 tells in two ways, depending on the region asked, that a bucket is in another one.
	"AuthorizationHeaderMalformed": Conflict,
	"PermanentRedirect":            Conflict,

	"ConcurrentModification":         Conflict,
	"ConflictException":              Conflict,
	"DeleteConflict":                 Conflict,
	"DependencyViolation":            Conflict,
	"EncryptionFailure":              Conflict,
	"EntityTemporarilyUnmodifiable":  Conflict,
	"InvalidRequestException":        Conflict, // both EKS and Secrets Manager: not in the resource's current state
	"InvalidResourceStateException":  Conflict,
	"OperationAborted":               Conflict,
	"OperationNotPermitted":          Conflict, // a load balancer that is protected from deletion
	"PreconditionNotMetException":    Conflict,
	"ResourceExistsException":        Conflict,
	"ResourceInUse":                  Conflict,
	"ResourceInUseException":         Conflict,
	"TransactionInProgressException": Conflict,

	"ClientException":                      Invalid,
	"IllegalArgumentException":             Invalid,
	"InvalidAction":                        Invalid,
	"InvalidArgument":                      Invalid,
	"InvalidArgumentException":             Invalid,
	"InvalidBucketName":                    Invalid,
	"InvalidDomainName":                    Invalid,
	"InvalidInput":                         Invalid,
	"InvalidInstanceType":                  Invalid,
	"InvalidNextToken":                     Invalid,
	"InvalidNextTokenException":            Invalid,
	"MissingParameter":                     Invalid,
	"UnknownOperationException":            Invalid,
	"UnknownParameter":                     Invalid,
	"UnsupportedAvailabilityZoneException": Invalid,
	"UnsupportedOperation":                 Invalid,
	"ValidationError":                      Invalid,
	"ValidationException":                  Invalid,

	"HealthUnavailable":             Unavailable, // of targets, for an internal error
	"IDPCommunicationError":         Unavailable,
	"InsufficientInstanceCapacity":  Unavailable,
	"InternalError":                 Unavailable,
	"InternalFailure":               Unavailable,
	"InternalServiceError":          Unavailable,
	"InternalServiceErrorException": Unavailable,
	"RequestTimeout":                Unavailable,
	"RequestTimeoutException":       Unavailable,
	"ServerException":               Unavailable,
	"ServiceException":              Unavailable,
	"ServiceFailure":                Unavailable,
	"ServiceUnavailable":            Unavailable,
	"ServiceUnavailableException":   Unavailable,
	"Unavailable":                   Unavailable,
}

// classByShape catches the families of codes that services form by rule, such as
// VpcLimitExceeded, InvalidVpcID.NotFound or NoSuchBucket. The exact codes go
// first: RequestLimitExceeded is no quota.
var classByShape = []struct {
	matches func(code, affix string) bool
	affix   string
	class   Class
}{
	{strings.HasPrefix, "NoSuch", NotFound},
	{strings.HasSuffix, ".NotFound", NotFound},
	{strings.HasSuffix, "NotFoundException", NotFound},
	{strings.HasSuffix, "LimitExceeded", QuotaExceeded},
	{strings.HasSuffix, "LimitExceededException", QuotaExceeded},
	{strings.HasSuffix, "QuotaExceededException", QuotaExceeded},
	{strings.HasSuffix, "AlreadyExists", Conflict},
	{strings.HasSuffix, "AlreadyExistsException", Conflict},
	{strings.HasSuffix, ".InUse", Conflict},
	{strings.HasSuffix, ".Duplicate", Conflict},
	{strings.HasSuffix, ".Malformed", Invalid},
	{strings.HasPrefix, "InvalidParameter", Invalid},
}

func classOfAnswer(code string, status int) Class {
	if credentialCodes[code] {
		return AccessDenied
	}
	if class, ok := classByCode[code]; ok {
		return class
	}
	for _, family := range classByShape {
		if family.matches(code, family.affix) {
			return family.class
		}
	}
	return classOfStatus(status)
}

// classOfStatus is for answers whose code nobody has seen yet, and for proxies
// that answer instead of AWS. 404 is not NotFound: that must only come from AWS.
func classOfStatus(status int) Class {
	switch {
	case status == 429:
		return Throttled
	case status == 401 || status == 403:
		return AccessDenied
	case status >= 500:
		return Unavailable
	default:
		return Unknown
	}
}
