package promotion

import (
	"errors"
	"math"
	"time"

	"github.com/portolan-dev/portolan/controllers/internal/gitrepo"
)

// anyAge takes a branch as it was seen last.
const anyAge = time.Duration(math.MaxInt64)

// recall asks git about a branch for a hint. Each answer that does not come takes a minute: after one, the branch as it
// was seen last has to do for the rest of the pass, so that messages stay as they are. After two, nothing is asked.
func (s *scope) recall(poll time.Duration, ask func(maxAge time.Duration) (string, error)) (commit string, known bool) {
	for ages := []time.Duration{poll, anyAge}; s.unheard < len(ages); s.unheard++ {
		found, err := ask(ages[s.unheard])
		switch {
		case err == nil:
			return found, true
		case !errors.Is(err, gitrepo.ErrUnreachable): // it says no
			s.unheard = len(ages)
		}
	}
	return "", false
}
