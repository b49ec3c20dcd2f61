package cloud

// Codes of the errors that the state itself raises. Wire servers translate them
// where a service has its own word.
const (
	// CodeAlreadyExists means that the key is taken.
	CodeAlreadyExists = "AlreadyExists"
	// CodeInvalidParent means that a parent does not exist.
	CodeInvalidParent = "InvalidParentID"
	// CodeNotFound means that there is no such resource.
	CodeNotFound = "NotFound"
	// CodeDependencyViolation means that other resources still hang on this one.
	CodeDependencyViolation = "DependencyViolation"
)

// Error is a refusal, in AWS's form: a code for programs and a message for people.
type Error struct {
	// Code is the error code.
	Code string
	// Message says what is wrong.
	Message string
}

// Error implements error.
func (e *Error) Error() string { return e.Code + ": " + e.Message }
