// Package promotion moves the pins of an environment's applications to the wanted
// revisions, one region at a time, oldest first: the next region begins when every
// application of the one before is healthy at its pin.
//
// A pass observes the fleet, asks the pure planner for the one action to take, takes
// it and reports.
package promotion
