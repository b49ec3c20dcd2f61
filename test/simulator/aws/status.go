package aws

import (
	"net/http"
	"strings"
)

// statusOf is the HTTP status that AWS sends with a code. The SDK decides about
// retries by it where it does not know the code.
func statusOf(code string) int {
	switch code {
	case codeNotSigned, "InvalidClientTokenId", "ExpiredToken", "UnauthorizedOperation":
		return http.StatusForbidden
	case "AuthFailure":
		return http.StatusUnauthorized
	case "NoSuchEntity":
		return http.StatusNotFound
	case "RequestLimitExceeded", "Unavailable", "ServiceUnavailable", "SlowDown":
		return http.StatusServiceUnavailable
	case codeInternal, "InternalError", "InternalServiceError", "ServerException":
		return http.StatusInternalServerError
	}
	if strings.HasPrefix(code, codeAccessDenied) {
		return http.StatusForbidden
	}
	return http.StatusBadRequest
}

// restStatusOf differs where REST has a status of its own for the situation.
func restStatusOf(code string) int {
	switch code {
	case "ResourceNotFoundException", "UnknownOperationException", "NoSuchHostedZone", "NoSuchBucket", "NoSuchTagSet", noAccessBlock:
		return http.StatusNotFound
	case "PermanentRedirect":
		return http.StatusMovedPermanently
	case "MethodNotAllowed":
		return http.StatusMethodNotAllowed
	case "ResourceInUseException":
		return http.StatusConflict
	case "ThrottlingException", "TooManyRequestsException":
		return http.StatusTooManyRequests
	case "UnrecognizedClientException", "ExpiredTokenException", "InvalidAccessKeyId":
		return http.StatusForbidden
	}
	return statusOf(code)
}
