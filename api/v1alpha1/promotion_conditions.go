package v1alpha1

// Conditions of a Promotion besides Ready.
const (
	// PromotionValid is True when the revision may go to every region, as far as git and other
	// Promotions tell.
	PromotionValid = "Valid"
	// PromotionApproved is True when enough people approved the rollout, or nobody has to.
	PromotionApproved = "Approved"
	// PromotionRolledOut is True when every region runs the revision healthily.
	PromotionRolledOut = "RolledOut"
	// PromotionHeld is present and True only while a person, a window or a pause holds the rollout.
	PromotionHeld = "Held"
)

// Annotations on a Promotion. They are not in git, so that Argo CD leaves them alone.
const (
	// AnnotationApprovalPrefix and any name is an approval; the value is the approver's user name,
	// a blank and the rollout's id.
	AnnotationApprovalPrefix = "approval.portolan.dev/"
	// AnnotationRetry goes on with a rollout that was halted or rolled back, once for each value.
	AnnotationRetry = "portolan.dev/retry"
)

// Reasons of a Promotion's conditions.
const (
	// ReasonRollingOut means a region is moving to the revision.
	ReasonRollingOut = "RollingOut"
	// ReasonConflict means another Promotion of the environment claims the same application.
	ReasonConflict = "Conflict"
	// ReasonUnknownApplication means overrides or applications name one that no profile has, or that is
	// another Promotion's.
	ReasonUnknownApplication = "UnknownApplication"
	// ReasonUnknownRevision means the repository has no such commit.
	ReasonUnknownRevision = "UnknownRevision"
	// ReasonNotOnBranch means the revision is not on the branch on which it has to be.
	ReasonNotOnBranch = "NotOnBranch"
	// ReasonNotVerified means the revision was not promoted in the environment that comes before.
	ReasonNotVerified = "NotVerified"
	// ReasonInvalidWindow means a window can never open or close.
	ReasonInvalidWindow = "InvalidWindow"
	// ReasonInvalidWave means a wave's selector cannot be read, or names a Region that is not there.
	ReasonInvalidWave = "InvalidWave"
	// ReasonRepositoryUnreachable means git does not answer.
	ReasonRepositoryUnreachable = "RepositoryUnreachable"
	// ReasonNoRepository means that git has to be asked and the Environment names no repository.
	ReasonNoRepository = "NoRepository"
	// ReasonAwaitingApproval means people have to approve.
	ReasonAwaitingApproval = "AwaitingApproval"
	// ReasonWindowClosed means no region may begin to move at this time.
	ReasonWindowClosed = "WindowClosed"
	// ReasonSoaking means a region is healthy and has to stay so for a while.
	ReasonSoaking = "Soaking"
	// ReasonRegionUnknown means a region cannot be judged at the moment.
	ReasonRegionUnknown = "RegionUnknown"
	// ReasonRolloutFailed means a region failed and everything stays as it is.
	ReasonRolloutFailed = "RolloutFailed"
	// ReasonRollingBack means the previous revisions are being put back.
	ReasonRollingBack = "RollingBack"
	// ReasonRolledBack means the previous revisions are back and the new ones are not tried again.
	ReasonRolledBack = "RolledBack"
	// ReasonGateWaiting means a query or a Job has not let a region pass yet.
	ReasonGateWaiting = "GateWaiting"
	// ReasonNotDelivered means the pins could not be written where Argo CD reads them.
	ReasonNotDelivered = "NotDelivered"
	// ReasonInvalidDelivery means the way by which pins are to reach Argo CD leads nowhere.
	ReasonInvalidDelivery = "InvalidDelivery"
	// ReasonApplicationOwned means an Application's revision is somebody else's to set.
	ReasonApplicationOwned = "ApplicationOwned"
	// ReasonOverwritten means somebody else keeps changing what Portolan writes.
	ReasonOverwritten = "Overwritten"
)
