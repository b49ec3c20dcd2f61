package gates

import (
	"errors"
	"fmt"
)

// Refusal is an error that does not pass by itself: a person has to change something.
type Refusal struct{ text string }

func (r *Refusal) Error() string { return r.text }

func refuse(format string, args ...any) error { return &Refusal{fmt.Sprintf(format, args...)} }

// IsRefusal tells whether there is a Refusal in an error.
func IsRefusal(err error) bool {
	_, is := errors.AsType[*Refusal](err)
	return is
}
