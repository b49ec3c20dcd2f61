package dns

import "github.com/miekg/dns"

// Withhold makes a name missing, whatever is registered for it, until release is called: a
// record that comes late.
func (s *Server) Withhold(name string) (release func()) {
	name = dns.CanonicalName(name)
	s.change(name, func(z *zone) { z.withheld[name] = true })
	return func() {
		s.change(name, func(z *zone) { delete(z.withheld, name) })
	}
}
