// Package drift finds what was edited or deleted in AWS behind everybody's back.
//
// ACK compares only when its own resync is due, ten hours later by default, never tells
// what it put right, and does not create an adopted resource again that was deleted. So
// Portolan looks itself: read only, at whatever a region's settled ACK objects say, with
// as few calls as AWS allows.
//
// What is reported is wrong for sure. What AWS may write in more than one way counts as
// equal, and so does what AWS chose where the object leaves the choice.
package drift
