package v1alpha1

// Conditions of a Region, in the order in which they become True. Each is owned
// by the step of the same name.
const (
	// RegionPlanned is True when environment, profile, addresses and everything that was
	// checked before the first write are in order; the plan is in status.plan.
	RegionPlanned = "Planned"
	// RegionNetworkReady is True when VPC, subnets, gateways, routes and security groups exist.
	RegionNetworkReady = "NetworkReady"
	// RegionIdentityReady is True when the IAM roles exist.
	RegionIdentityReady = "IdentityReady"
	// RegionSecretsReplicated is True while every secret of the profile is in sync in the region.
	RegionSecretsReplicated = "SecretsReplicated"
	// RegionStorageReady is True when buckets exist and certificates are issued.
	RegionStorageReady = "StorageReady"
	// RegionControlPlaneReady is True when EKS reports the control plane ACTIVE.
	RegionControlPlaneReady = "ControlPlaneReady"
	// RegionAccessReady is True when access entries and pod identities exist and the API
	// server accepted Portolan.
	RegionAccessReady = "AccessReady"
	// RegionAddonsReady is True when every add-on is ACTIVE.
	RegionAddonsReady = "AddonsReady"
	// RegionNodesReady is True when every node group is ACTIVE and its nodes are Ready.
	RegionNodesReady = "NodesReady"
	// RegionBootstrapped is True when the bootstrap list is installed.
	RegionBootstrapped = "Bootstrapped"
	// RegionRegistered is True while the Argo CD cluster Secret carries everything ApplicationSets read.
	RegionRegistered = "Registered"
	// RegionApplicationsHealthy is True while every application is healthy at its pinned revision.
	RegionApplicationsHealthy = "ApplicationsHealthy"
	// RegionRingsJoined is True while the region is a converged member of every ring that selects it.
	RegionRingsJoined = "RingsJoined"
	// RegionTrafficReady is True while every endpoint group is healthy and dialled to its target.
	RegionTrafficReady = "TrafficReady"
	// RegionConnected is True while the regional API server answers.
	RegionConnected = "Connected"
	// RegionInSync is True while AWS is as ACK was told, as far as Portolan compares; it is looked
	// at every now and then once the region is Ready, and does not count for Ready.
	RegionInSync = "InSync"
	// RegionObserved is present with managementPolicy Observe only: True when what AWS has is as
	// planned, Unknown while status.drift lists what would be done.
	RegionObserved = "Observed"
	// RegionPaused is present and True only while spec.paused holds everything.
	RegionPaused = "Paused"
)

// Reasons of a Region's conditions.
const (
	// ReasonProfileNotFound means the environment has no profile of that name.
	ReasonProfileNotFound = "ProfileNotFound"
	// ReasonNoCIDR means the address plan has no block for the AWS region; add an assignment.
	ReasonNoCIDR = "NoCIDR"
	// ReasonCIDROverlap means the block overlaps another Region's or a reserved range.
	ReasonCIDROverlap = "CIDROverlap"
	// ReasonTooFewZones means the AWS region offers fewer usable zones than the environment asks for.
	ReasonTooFewZones = "TooFewZones"
	// ReasonNameTooLong means names that derive from environment and Region exceed a limit of AWS.
	ReasonNameTooLong = "NameTooLong"
	// ReasonNameTaken means another Region has the same name of environment and Region, which AWS and
	// Argo CD know a region by.
	ReasonNameTaken = "NameTaken"
	// ReasonCreating means AWS is creating what the message names.
	ReasonCreating = "Creating"
	// ReasonSyncing means ACK has not yet applied the newest spec.
	ReasonSyncing = "Syncing"
	// ReasonRejectedByAWS means AWS refused a specification; the message is AWS's.
	ReasonRejectedByAWS = "RejectedByAWS"
	// ReasonRejectedByACK means the API server refused to change an ACK object, usually because
	// AWS does not change the field in place; the message names it. Undo the change.
	ReasonRejectedByACK = "RejectedByACK"
	// ReasonRetryingInAWS means ACK retries a call that AWS refused for now.
	ReasonRetryingInAWS = "RetryingInAWS"
	// ReasonUnhealthyInAWS means AWS reports the resource failed or degraded.
	ReasonUnhealthyInAWS = "UnhealthyInAWS"
	// ReasonReplicating means Secrets Manager is copying secrets.
	ReasonReplicating = "Replicating"
	// ReasonReplicationFailed means Secrets Manager could not copy a secret.
	ReasonReplicationFailed = "ReplicationFailed"
	// ReasonSecretMissing means a secret of the profile does not exist in the primary region.
	ReasonSecretMissing = "SecretMissing"
	// ReasonClusterUnreachable means the regional API server does not answer.
	ReasonClusterUnreachable = "ClusterUnreachable"
	// ReasonNodesNotReady means fewer nodes are Ready than the node groups ask for.
	ReasonNodesNotReady = "NodesNotReady"
	// ReasonNoPin means an application has no revision: no Promotion of the environment pins it, or none yet.
	ReasonNoPin = "NoPin"
	// ReasonSecretNotOurs means a cluster Secret of that name exists and is not Portolan's.
	ReasonSecretNotOurs = "SecretNotOurs"
	// ReasonACKNotInstalled means the management cluster lacks the CRDs of an ACK controller that the profile needs.
	ReasonACKNotInstalled = "ACKNotInstalled"
	// ReasonArgoCDNotInstalled means the cluster that Argo CD should be in has no Argo CD CRDs.
	ReasonArgoCDNotInstalled = "ArgoCDNotInstalled"
	// ReasonApplicationsNotHealthy means applications are missing or not healthy; see status.applications.
	ReasonApplicationsNotHealthy = "ApplicationsNotHealthy"
	// ReasonPoolExhausted means no block of the pool is free.
	ReasonPoolExhausted = "PoolExhausted"
	// ReasonInvalidTemplate means a template has an unknown key or gives a name that AWS refuses.
	ReasonInvalidTemplate = "InvalidTemplate"
	// ReasonNotOptedIn means the account has not opted in to the AWS region.
	ReasonNotOptedIn = "NotOptedIn"
	// ReasonInstanceTypeNotOffered means no zone of the region offers an instance type.
	ReasonInstanceTypeNotOffered = "InstanceTypeNotOffered"
	// ReasonQuotaTooLow means a quota leaves less room than the region needs; the message has need and limit.
	ReasonQuotaTooLow = "QuotaTooLow"
	// ReasonHostedZoneMissing means the account has no public hosted zone for a name.
	ReasonHostedZoneMissing = "HostedZoneMissing"
	// ReasonListenerMissing means there is no such Global Accelerator listener.
	ReasonListenerMissing = "ListenerMissing"
	// ReasonRevisionLacksRegionConfig means a pinned revision does not have the region's configuration files,
	// or has one that is no YAML.
	ReasonRevisionLacksRegionConfig = "RevisionLacksRegionConfig"
	// ReasonCheckFailed means something could not be checked before creation; the message says why.
	ReasonCheckFailed = "CheckFailed"
	// ReasonWrongAccount means ACK acts in another account than the Environment's.
	ReasonWrongAccount = "WrongAccount"
	// ReasonNotOurs means AWS already has something of that name that does not carry Portolan's tags.
	ReasonNotOurs = "NotOurs"
	// ReasonAdopting means AWS already has what carries Portolan's tags and ACK is taking it over.
	ReasonAdopting = "Adopting"
	// ReasonDuplicate means AWS has a second resource with the tags of one of the region's objects.
	ReasonDuplicate = "Duplicate"
	// ReasonRecreating means what AWS could not finish is deleted and created again.
	ReasonRecreating = "Recreating"
	// ReasonValidating means ACM has not yet validated a certificate.
	ReasonValidating = "Validating"
	// ReasonInstalling means the bootstrap list is being installed.
	ReasonInstalling = "Installing"
	// ReasonInstallFailed means a bootstrap item cannot be fetched, rendered or applied; it is tried again.
	ReasonInstallFailed = "InstallFailed"
	// ReasonRestartingPods means pods without their pod identity are being evicted.
	ReasonRestartingPods = "RestartingPods"
	// ReasonLoadBalancerPending means a Service has no load balancer yet, or AWS is still building it.
	ReasonLoadBalancerPending = "LoadBalancerPending"
	// ReasonEndpointUnhealthy means Global Accelerator finds the load balancer unhealthy.
	ReasonEndpointUnhealthy = "EndpointUnhealthy"
	// ReasonDialling means traffic is being given to the region in steps.
	ReasonDialling = "Dialling"
	// ReasonDrifted means AWS differs from what is wanted: status.drift has the objects. With
	// managementPolicy Observe it is only reported, else put right.
	ReasonDrifted = "Drifted"
	// ReasonObserving means managementPolicy is Observe: nothing is written.
	ReasonObserving = "Observing"
	// ReasonPaused means spec.paused is true.
	ReasonPaused = "Paused"
	// ReasonVersionSkew means the wanted Kubernetes version cannot be reached from what runs:
	// EKS never goes back a version.
	ReasonVersionSkew = "VersionSkew"
	// ReasonUpgrading means the region is on its way to another Kubernetes version, one minor at
	// a time: control plane, add-ons, nodes.
	ReasonUpgrading = "Upgrading"
	// ReasonAddonVersionIncompatible means EKS does not offer an add-on's version for the
	// Kubernetes version.
	ReasonAddonVersionIncompatible = "AddonVersionIncompatible"
	// ReasonDraining means pods are being moved off a node group that is replaced or was removed.
	ReasonDraining = "Draining"
	// ReasonRemoving means what the profile does not list any more is being deleted.
	ReasonRemoving = "Removing"
	// ReasonRevisionMissing means the record of the revision that the region may have is gone
	// and its turn for the newest has not come.
	ReasonRevisionMissing = "RevisionMissing"
	// ReasonRemains means something of an earlier Region of the same name is still being deleted.
	ReasonRemains = "Remains"
	// ReasonWaitingForSeeds means a ring has not delivered the seeds that the region's pods start with.
	ReasonWaitingForSeeds = "WaitingForSeeds"
	// ReasonJoining means the region is not yet a converged member of a ring.
	ReasonJoining = "Joining"
)

// Stages of a Region's deletion: the reasons of its Deleting condition, in order.
const (
	// ReasonAwaitingConfirmation means the deletion has not been confirmed: nothing is taken down
	// before the annotation portolan.dev/confirm-delete has the Region's name.
	ReasonAwaitingConfirmation = "AwaitingConfirmation"
	// ReasonReleasing means deletionPolicy is Retain: everything is left as it is and forgotten.
	ReasonReleasing = "Releasing"
	// ReasonDrainingTraffic means Global Accelerator is taking traffic away from the region.
	ReasonDrainingTraffic = "DrainingTraffic"
	// ReasonLeavingRings means peers are dropping the region's seeds.
	ReasonLeavingRings = "LeavingRings"
	// ReasonRemovingApplications means Argo CD is deleting the region's applications and their load balancers.
	ReasonRemovingApplications = "RemovingApplications"
	// ReasonUnregistering means the cluster Secret is being deleted.
	ReasonUnregistering = "Unregistering"
	// ReasonStoppingReplication means the region's secret replicas are being removed.
	ReasonStoppingReplication = "StoppingReplication"
	// ReasonDeletingCluster means node groups, add-ons, access entries and the cluster are being deleted.
	ReasonDeletingCluster = "DeletingCluster"
	// ReasonDeletingNetwork means the VPC and what it holds are being deleted.
	ReasonDeletingNetwork = "DeletingNetwork"
	// ReasonDeletingStorage means certificates are being deleted and buckets released.
	ReasonDeletingStorage = "DeletingStorage"
	// ReasonDeletingIdentity means the IAM roles are being deleted.
	ReasonDeletingIdentity = "DeletingIdentity"
)

// ReasonStuck is the reason of Stalled when a deletion takes longer than it normally does; the
// message has what holds it and the remedy.
const ReasonStuck = "Stuck"
