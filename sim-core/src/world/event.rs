//! The closed list of what can happen, and of what a timer is for.

use crate::kernel::executive::TimerEvent;
use crate::trace::words::SegmentKind;

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A packet reaches the end of a link, or of the inside of a node.
    Packet { subject: u32, direction: u32, kind: SegmentKind, attempt: u8, flags: u8 },
    /// A segment that was taken note of before reaches the end of its way.
    Foretold { segment: u32, direction: u32 },
    /// A list of timers of equal delay wants to be looked at.
    Timers { list: u32 },
    /// The next open-loop request of a source.
    Arrival { source: u32 },
    /// A closed-loop user has thought.
    UserReady { source: u32, user: u32 },
    /// A worker has finished its own part of a request.
    ServiceDone { exchange: u32 },
    /// The wait before a request's next attempt is over.
    RetryDue { request: u32 },
    /// A request and all its attempts have run out of time.
    Deadline { request: u32 },
    /// A client's lookup of a name has its answer, or goes on without one.
    NameStep { client: u32 },
    /// It is time to look whether a connection needs a keepalive probe.
    Keepalive { connection: u32 },
    /// The retransmission timer of one direction of a connection, for long messages.
    DataTimer { connection: u32, to_client: bool },
    /// ARP for the next hop of a connection's packet has failed.
    ArpFailed { connection: u32 },
    /// Conntrack entries run out.
    EntriesExpire { entry: u32 },
    /// A fault begins.
    FaultBegins { fault: u32 },
    /// A fault ends.
    FaultEnds { fault: u32 },
    /// A fault takes its next step.
    FaultGoesOn { fault: u32 },
    /// A planned action begins.
    ActionBegins { action: u32 },
    /// Something of the control plane.
    Control { kind: Control, subject: u32, detail: u32 },
}

/// What a control plane does; `subject` and `detail` of the event say to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Control {
    /// The scheduler looks at a pod.
    Schedule,
    /// A pod's processes listen.
    ContainerUp,
    /// The result of a pod's probe changes.
    ProbesTurn,
    /// A container is started again.
    Restart,
    /// The kubelet notices that a pod's processes are dead.
    NoticeExit,
    /// A container that cannot bind its port dies once more.
    AddressInUse,
    /// A workload's controller makes a missing pod.
    Replace,
    /// The monitor finds a node silent for too long.
    NodeNotReady,
    /// The monitor sees a node's lease again.
    NodeReady,
    /// A monitor pass queues the nodes that an earlier one found lost.
    QueueTaints,
    /// The taint queue reaches a node.
    TaintNode,
    /// A pod's toleration of an unreachable node ends.
    Evict,
    /// The EndpointSlice controller looks at a pod.
    SyncSlices,
    /// A node's rules hold a version (detail).
    ProxySynced,
    /// The registry's checker gives an address up.
    CheckFailed,
    /// A load balancer's check takes a target out or in.
    TargetTurns,
    /// A load balancer closes the connections of a target that is out.
    TargetDrained,
    /// A client hears of a version of the registry.
    ClientLearns,
    /// A workload's controller compares what is with what is wanted.
    Reconcile,
    /// The ReplicaSet controller looks at the pods of one template (detail).
    SyncReplicas,
    /// A kubelet or daemon begins to stop a pod.
    BeginStop,
    /// A pod's preStop hook is over: SIGTERM.
    Terminate,
    /// A pod's grace is over: SIGKILL.
    Kill,
    /// A pod that was asked to stop has nothing more to do.
    Drained,
    /// A pod that was asked to stop waits no longer for its requests.
    GiveUpDraining,
    /// The image that a pod waits for is on its node.
    ImagePulled,
    /// An action (detail) asks once more for the eviction of a pod.
    AskForEviction,
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// The client sends its SYN again.
    Syn { connection: u32 },
    /// The server sends its SYN-ACK again.
    SynAck { connection: u32 },
    /// The client sends its FIN again.
    ClientFin { connection: u32 },
    /// The server sends its FIN again.
    ServerFin { connection: u32 },
    /// docker-proxy's kernel sends the SYN of its own connection again.
    ProxySyn { connection: u32 },
    /// The client sends a request again.
    RequestData { exchange: u32 },
    /// The server sends a response again.
    ResponseData { exchange: u32 },
    /// The client gives up connecting.
    ConnectDeadline { connection: u32 },
    /// The client gives up an attempt.
    AttemptTimeout { exchange: u32 },
    /// A request without an answer gets a second attempt.
    Hedge { request: u32 },
    /// A kept connection has been idle for too long.
    Idle { connection: u32 },
    /// A server has had no request on a kept connection for too long.
    ServerIdle { connection: u32 },
}

impl TimerEvent for Event {
    fn wake_up(list: u32) -> Self {
        Self::Timers { list }
    }
}
