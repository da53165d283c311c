//! What records say: one table that makes the types, the canonical encoding and every other view of them.

use std::net::IpAddr;

use super::ends::Ends;
use super::fields::{Client, Encoder, Field, FieldType, LONGEST, Suffix, TemplateHash, Value};
pub use super::level::{KindInfo, Level};
use super::record_macro::records;
use super::words::{
    AddressPart, ChoiceRule, DeleteReason, DropReason, End, ExitReason, Outcome, PendingReason, ProbeKind, SegmentKind,
    TranslationRule,
};
use crate::model::ids::{FaultId, LinkId, NodeId, PodId, ServiceId, ServicePortId, SourceId, WorkloadId};
use crate::model::settings::Subnet;

records! {
    /// The initial plan of addresses, ports and places: root of all that stands at the start.
    Request PlanApplied = 1 "plan-applied" {}
    /// A fault begins: a root.
    Request FaultStarted = 2 "fault-started" {
        fault: FaultId => "Which fault.",
    }
    /// A fault ends.
    Request FaultEnded = 3 "fault-ended" {
        fault: FaultId => "Which fault.",
    }
    /// A node takes part, with its address and the block its pods or containers get addresses from.
    Request NodeRegistered = 4 "node-registered" {
        node: NodeId => "Which node.",
        address: IpAddr => "Its address.",
        subnet: Subnet => "podCIDR, or the subnet of docker0.",
    }
    /// A machine stops.
    Request NodeDown = 5 "node-down" {
        node: NodeId => "Which node.",
    }
    /// A machine has booted.
    Request NodeUp = 6 "node-up" {
        node: NodeId => "Which node.",
    }
    /// A link carries nothing any more.
    Request LinkDown = 7 "link-down" {
        link: LinkId => "Which link.",
    }
    /// A link carries packets again.
    Request LinkUp = 8 "link-up" {
        link: LinkId => "Which link.",
    }
    /// The control plane (or the orchestrator's manager) counts a node as lost.
    Request NodeNotReady = 9 "node-not-ready" {
        node: NodeId => "Which node.",
    }
    /// The control plane counts a node as ready again.
    Request NodeReady = 10 "node-ready" {
        node: NodeId => "Which node.",
    }
    /// A node gets the NoExecute taint node.kubernetes.io/unreachable.
    Request NodeTainted = 11 "node-tainted" {
        node: NodeId => "Which node.",
    }
    /// A pod object or container is made; pods are numbered in order of these records.
    Request PodCreated = 12 "pod-created" {
        pod: PodId => "Its number.",
        workload: WorkloadId => "Whose pod.",
        ordinal: u32 => "Which of the workload's pods, counted from 0 over the whole run.",
        suffix: Suffix => "The random end of its name.",
    }
    /// A pod is bound to a node, or a container placed on a host.
    Request PodScheduled = 13 "pod-scheduled" {
        pod: PodId => "Which pod.",
        node: NodeId => "Where.",
    }
    /// A pod finds no place or cannot start.
    Request PodPending = 14 "pod-pending" {
        pod: PodId => "Which pod.",
        reason: PendingReason => "Why.",
    }
    /// A pod gets its address: cluster-wide, or private to its host.
    Request AddressAssigned = 15 "address-assigned" {
        pod: PodId => "Which pod.",
        address: IpAddr => "The address.",
    }
    /// A container listens.
    Request ContainerStarted = 16 "container-started" {
        pod: PodId => "Whose container.",
        container: u8 => "Which container of the pod.",
    }
    /// A container stopped.
    Request ContainerExited = 17 "container-exited" {
        pod: PodId => "Whose container.",
        container: u8 => "Which container of the pod.",
        reason: ExitReason => "Why.",
    }
    /// A pod counts as ready.
    Request PodReady = 18 "pod-ready" {
        pod: PodId => "Which pod.",
    }
    /// A pod counts as not ready.
    Request PodNotReady = 19 "pod-not-ready" {
        pod: PodId => "Which pod.",
    }
    /// A pod is marked for deletion; it counts no more for its controller.
    Request PodDeleted = 20 "pod-deleted" {
        pod: PodId => "Which pod.",
        reason: DeleteReason => "Why.",
    }
    /// A pod object is gone.
    Request PodGone = 21 "pod-gone" {
        pod: PodId => "Which pod.",
    }
    /// A host port leads to a container.
    Request PortPublished = 22 "port-published" {
        pod: PodId => "Whose container.",
        node: NodeId => "The host.",
        container_port: u16 => "The port inside.",
        host_port: u16 => "The port on the host.",
    }
    /// A host port leads nowhere any more.
    Request PortReleased = 23 "port-released" {
        pod: PodId => "Whose container.",
        node: NodeId => "The host.",
        host_port: u16 => "The port on the host.",
    }
    /// A container does not start: "Bind for 0.0.0.0:PORT failed: port is already allocated" (A12).
    Request PortConflict = 24 "port-conflict" {
        pod: PodId => "Whose container.",
        node: NodeId => "The host.",
        host_port: u16 => "The port that is taken.",
        holder: PodId => "Whose container holds it.",
    }
    /// A Service gets its clusterIP.
    Request ServiceCreated = 25 "service-created" {
        service: ServiceId => "Which Service.",
        cluster_ip: IpAddr => "Its clusterIP.",
    }
    /// A Service port gets its node port.
    Request NodePortAllocated = 26 "node-port-allocated" {
        service_port: ServicePortId => "Which port of which Service.",
        node_port: u16 => "The port on every node.",
    }
    /// An EndpointSlice gains a ready endpoint.
    Request EndpointAdded = 27 "endpoint-added" {
        service_port: ServicePortId => "Of which Service port.",
        pod: PodId => "Which pod.",
        address: IpAddr => "Its address.",
        port: u16 => "Its port.",
        version: u64 => "Number of the change, counted over all Services.",
    }
    /// An EndpointSlice loses an endpoint, ready or terminating.
    Request EndpointRemoved = 28 "endpoint-removed" {
        service_port: ServicePortId => "Of which Service port.",
        pod: PodId => "Which pod.",
        address: IpAddr => "Its address.",
        port: u16 => "Its port.",
        version: u64 => "Number of the change, counted over all Services.",
    }
    /// A node that serves clients of a Service has all changes up to a version in its rules.
    Request ProxySynced = 29 "proxy-synced" {
        node: NodeId => "Which node.",
        version: u64 => "The last change its rules hold.",
    }
    /// The registry gains an address.
    Request RegistryAdded = 30 "registry-added" {
        service_port: ServicePortId => "Of which Service port.",
        pod: PodId => "Which container.",
        address: IpAddr => "Address of its host.",
        port: u16 => "Port on its host.",
        version: u64 => "Number of the change, counted over all Services.",
    }
    /// The registry's checker counts an address as failed.
    Request CheckFailed = 31 "check-failed" {
        service_port: ServicePortId => "Of which Service port.",
        pod: PodId => "Which container.",
    }
    /// The registry loses an address.
    Request RegistryRemoved = 32 "registry-removed" {
        service_port: ServicePortId => "Of which Service port.",
        pod: PodId => "Which container.",
        address: IpAddr => "Address of its host.",
        port: u16 => "Port on its host.",
        version: u64 => "Number of the change, counted over all Services.",
    }
    /// A client of a source was given its addresses, or has followed the registry up to a version.
    Request ClientConfigured = 33 "client-configured" {
        source: SourceId => "Of which source.",
        client: Client => "Which client.",
        addresses: u32 => "How many addresses it must know now.",
        version: u64 => "The last change it has heard of; 0 for a list that never changes.",
    }
    /// One address of a client's fixed list (static or podIP discovery).
    Request AddressWritten = 34 "address-written" {
        source: SourceId => "Of which source.",
        client: Client => "Which client.",
        pod: PodId => "The instance it is meant for.",
        address: IpAddr => "The address.",
        port: u16 => "The port.",
    }
    /// A request arrives. One of a traffic source is a root; a call's cause is the request that it is made for.
    Request RequestArrived = 35 "request-arrived" {
        source: SourceId => "From which source.",
        number: u64 => "Its number in the source, from 0.",
        client: Client => "Who makes it.",
        request_bytes: u64 => "Payload of the request in bytes.",
        response_bytes: u64 => "Payload of the response in bytes.",
        demand: u64 => "The time its service will take, in nanoseconds.",
    }
    /// A request ends. `because` is what decided a failure.
    Request RequestEnded = 36 "request-ended" {
        source: SourceId => "From which source.",
        number: u64 => "Its number in the source.",
        outcome: Outcome => "How.",
        pod: Option<PodId> => "The pod that served it, or that it was sent to.",
    }
    /// A client dials: its first SYN leaves now. `because` is the list or rule version that chose the pod.
    Connection ConnectionOpened = 37 "connection-opened" {
        source: SourceId => "For which source.",
        number: u64 => "For which request of it.",
        client_port: u16 => "The client's port.",
        address: IpAddr => "The dialled address.",
        port: u16 => "The dialled port.",
        pod: Option<PodId> => "The pod behind it, if any.",
        via: Option<NodeId> => "The node that forwards it (NodePort), if any.",
        translations: u8 => "Address translations on its way: DNAT and SNAT each count one.",
    }
    /// A server accepts a connection and starts on its request.
    Connection ConnectionAccepted = 38 "connection-accepted" {
        source: SourceId => "For which source.",
        number: u64 => "For which request of it.",
        pod: PodId => "Which pod.",
        established: u64 => "When the handshake was complete at the server, in nanoseconds.",
    }
    /// A server has written the response.
    Connection ResponseSent = 39 "response-sent" {
        source: SourceId => "For which source.",
        number: u64 => "For which request of it.",
        pod: PodId => "Which pod.",
    }
    /// The client's side of a connection is closed.
    Connection ConnectionClosed = 40 "connection-closed" {
        source: SourceId => "For which source.",
        number: u64 => "For which request of it.",
        outcome: Outcome => "How.",
    }
    /// A segment leaves a node.
    Segment SegmentSent = 41 "segment-sent" {
        source: SourceId => "For which source.",
        number: u64 => "For which request of it.",
        segment: SegmentKind => "What it is.",
        to: End => "Which end of the connection it goes to.",
        attempt: u8 => "From 0; above 0 for a retransmission.",
        node: NodeId => "The node it leaves.",
        pod: Option<PodId> => "The pod that sends it, if one does.",
        inside: Ends => "Its ends at the pod's interface, or at the loopback interface.",
        wire: Ends => "Its ends at the node's interface, if it leaves the node.",
        packet: u32 => "Of data: which packet of the sender's long messages on this connection, from 0.",
        bytes: u32 => "Its payload in bytes.",
    }
    /// A packet goes no further. `because` is the fault or limit that stopped it.
    Segment SegmentDropped = 42 "segment-dropped" {
        source: SourceId => "For which source.",
        number: u64 => "For which request of it.",
        segment: SegmentKind => "What it was.",
        to: End => "Which end of the connection it went to.",
        reason: DropReason => "Why.",
        packet: u32 => "Of data: which packet of the sender's long messages on this connection, from 0.",
    }
    /// A segment reaches a node.
    Segment SegmentReceived = 43 "segment-received" {
        source: SourceId => "For which source.",
        number: u64 => "For which request of it.",
        segment: SegmentKind => "What it is.",
        to: End => "Which end of the connection it goes to.",
        node: NodeId => "The node it reaches.",
        pod: Option<PodId> => "The pod that gets it, if one does.",
        inside: Ends => "Its ends at the pod's interface, or at the loopback interface.",
        wire: Ends => "Its ends at the node's interface, if it comes from another node.",
        packet: u32 => "Of data: which packet of the sender's long messages on this connection, from 0.",
    }
    /// A limit of the run is reached: a root.
    Request LimitReached = 44 "limit-reached" {
        limit: u64 => "The limit's value.",
    }
    /// A request goes over a connection that an earlier one left open. `because` is that connection's record.
    Connection ConnectionReused = 45 "connection-reused" {
        source: SourceId => "From which source.",
        number: u64 => "Its number in the source.",
        pod: Option<PodId> => "The pod at the other end, as far as the client's node knows.",
    }
    /// An attempt of a request has failed and another one follows. `because` is what decided the failure.
    Request RequestRetried = 46 "request-retried" {
        source: SourceId => "From which source.",
        number: u64 => "Its number in the source.",
        attempt: u8 => "Number of the attempt that failed, from 0.",
        outcome: Outcome => "How it failed.",
        pod: Option<PodId> => "The pod that it was sent to.",
    }
    /// A second attempt starts beside the first one, which has no answer yet.
    Request RequestHedged = 47 "request-hedged" {
        source: SourceId => "From which source.",
        number: u64 => "Its number in the source.",
    }
    /// A client leaves an address out after failures in a row. The cause is the last request that failed.
    Request AddressEjected = 48 "address-ejected" {
        source: SourceId => "A client of which source's requests.",
        client: Client => "Which client.",
        address: IpAddr => "The address.",
        port: u16 => "The port.",
        until: u64 => "When it takes part again, in nanoseconds.",
    }
    /// A client has looked a name up. The cause is the request that needed it, `because` the list that was the answer.
    Connection NameResolved = 49 "name-resolved" {
        source: SourceId => "A client of which source's requests.",
        client: Client => "Which client.",
        addresses: u32 => "How many addresses the answer holds.",
        queries: u32 => "Queries, one after the other, until there was an answer.",
    }
    /// A probe's client has its socket: its kernel chose the source address.
    Segment SocketOpened = 50 "socket-opened" {
        source: SourceId => "For which source.",
        number: u64 => "For which request of it.",
        node: NodeId => "On which node.",
        address: IpAddr => "The source address.",
        port: u16 => "The source port.",
    }
    /// A backend that a probe's connection may be sent to. `because` is the list or rule version that holds it.
    Segment BackendOffered = 51 "backend-offered" {
        source: SourceId => "For which source.",
        number: u64 => "For which request of it.",
        node: NodeId => "The node on which the choice is made.",
        place: u32 => "Its place in the list, from 0.",
        pod: PodId => "Which pod.",
        address: IpAddr => "Its address.",
        port: u16 => "Its port.",
    }
    /// The backend that a probe's connection is sent to. `because` is the list or rule version that chose.
    Segment BackendChosen = 52 "backend-chosen" {
        source: SourceId => "For which source.",
        number: u64 => "For which request of it.",
        node: NodeId => "The node on which the choice is made.",
        rule: ChoiceRule => "How.",
        place: u32 => "Its place in the list, from 0.",
        candidates: u32 => "How many there were to choose from.",
    }
    /// A node replaces an address of a probe's first SYN; the way back undoes it.
    Segment AddressTranslated = 53 "address-translated" {
        source: SourceId => "For which source.",
        number: u64 => "For which request of it.",
        node: NodeId => "Which node.",
        rule: TranslationRule => "By which rule.",
        part: AddressPart => "Which address.",
        from: IpAddr => "The address that stood there.",
        from_port: u16 => "The port that stood there.",
        to: IpAddr => "The address that stands there now.",
        to_port: u16 => "The port that stands there now.",
    }
    /// A node's conntrack follows a probe's connection.
    Segment ConntrackEntered = 54 "conntrack-entered" {
        source: SourceId => "For which source.",
        number: u64 => "For which request of it.",
        node: NodeId => "Which node.",
        entries: u8 => "Entries it makes.",
    }
    /// A load balancer takes a target out: new connections go elsewhere. The cause is what made its checks fail.
    Request TargetUnhealthy = 55 "target-unhealthy" {
        source: SourceId => "The load balancer of which source.",
        address: IpAddr => "The target's address.",
        port: u16 => "Its port.",
    }
    /// A load balancer sends new connections to a target again. The cause is what made its checks succeed.
    Request TargetHealthy = 56 "target-healthy" {
        source: SourceId => "The load balancer of which source.",
        address: IpAddr => "The target's address.",
        port: u16 => "Its port.",
    }
    /// A planned action begins: a root.
    Request ActionStarted = 60 "action-started" {
        action: FaultId => "Which action.",
    }
    /// Everything that an action asked for is done.
    Request ActionCompleted = 61 "action-completed" {
        action: FaultId => "Which action.",
    }
    /// A pod's processes are asked to stop: SIGTERM.
    Request StopSignal = 62 "stop-signal" {
        pod: PodId => "Which pod.",
    }
    /// A node takes no new pods.
    Request NodeCordoned = 63 "node-cordoned" {
        node: NodeId => "Which node.",
    }
    /// A node takes new pods again.
    Request NodeUncordoned = 64 "node-uncordoned" {
        node: NodeId => "Which node.",
    }
    /// A Service is deleted: its name, its clusterIP and its node ports mean nothing any more.
    Request ServiceDeleted = 65 "service-deleted" {
        service: ServiceId => "Which Service.",
    }
    /// The names of pods made from here on carry this hash, until another such record of their workload.
    Request TemplateUsed = 66 "template-used" {
        workload: WorkloadId => "Whose pods.",
        hash: TemplateHash => "The hash of their template.",
    }
    /// A workload's pods of one template are to be so many: the size of a ReplicaSet, for a Deployment.
    Request ReplicasWanted = 67 "replicas-wanted" {
        workload: WorkloadId => "Whose pods.",
        revision: u32 => "Which template, counted from 0 over the run.",
        replicas: u32 => "How many.",
    }
    /// A ready endpoint's pod is terminating: it serves on until it has stopped, and rules use it while no ready one is
    /// left. It leaves its slice with `endpoint-removed`.
    Request EndpointTerminating = 70 "endpoint-terminating" {
        service_port: ServicePortId => "Of which Service port.",
        pod: PodId => "Which pod.",
        address: IpAddr => "Its address.",
        port: u16 => "Its port.",
        version: u64 => "Number of the change, counted over all Services.",
    }
    /// A machine's processes stand still; its kernel answers as before.
    Request NodeHung = 80 "node-hung" { node: NodeId => "Which node.", }
    /// A machine's processes go on where they were.
    Request NodeResumed = 81 "node-resumed" { node: NodeId => "Which node.", }
    /// Service on a node takes longer or shorter from now on.
    Request NodeSpeed = 82 "node-speed" {
        node: NodeId => "Which node.",
        permille: u64 => "What service times are multiplied by, in thousandths.",
    }
    /// The rules of a node stay as they are.
    Request ProxyStalled = 83 "proxy-stalled" { node: NodeId => "Which node.", }
    /// The rules of a node follow the endpoints again.
    Request ProxyResumed = 84 "proxy-resumed" { node: NodeId => "Which node.", }
    /// A link's chance of losing a packet is another one.
    Request LinkLoss = 85 "link-loss" {
        link: LinkId => "Which link.",
        a_to_b: u32 => "From its first end to its second, in millionths.",
        b_to_a: u32 => "From its second end to its first, in millionths.",
    }
    /// A node's kubelet and the control plane do not reach each other.
    Request ControlPlaneLost = 86 "control-plane-lost" {
        node: NodeId => "Which node.",
    }
    /// A node's kubelet and the control plane reach each other again.
    Request ControlPlaneFound = 87 "control-plane-found" {
        node: NodeId => "Which node.",
    }
    /// A probe has failed as often in a row as its threshold says. The cause is what its container does.
    Request ProbeFailed = 90 "probe-failed" {
        pod: PodId => "Whose container.",
        container: u8 => "Which container of the pod.",
        probe: ProbeKind => "Which of its probes.",
    }
    /// The API refuses to evict a pod: its disruption budget would be broken. It is asked again, which is not told.
    Request EvictionRefused = 91 "eviction-refused" {
        pod: PodId => "Which pod.",
        healthy: u32 => "How many pods of its budget are healthy.",
        wanted: u32 => "How many must be.",
    }
    /// The image that a pod waits for is on its node.
    Request ImagePulled = 92 "image-pulled" {
        pod: PodId => "Which pod.",
        node: NodeId => "Where.",
    }
    /// A node's conntrack table is full: it drops the SYNs of new connections. Told again once a sixteenth was free.
    Request ConntrackFull = 100 "conntrack-full" {
        node: NodeId => "Which node.",
        entries: u32 => "How many entries it holds.",
    }
    /// A node's conntrack table holds more entries than ever before.
    Connection ConntrackPeak = 101 "conntrack-peak" {
        node: NodeId => "Which node.",
        entries: u32 => "How many.",
    }
    /// A sender of long messages resends a packet and cuts its window, to one packet after a timeout.
    Segment WindowCut = 110 "window-cut" {
        source: SourceId => "For which source the connection was opened.",
        number: u64 => "For which request of it.",
        node: NodeId => "The sender's node.",
        packet: u64 => "Which packet of its long messages on this connection, from 0.",
        timeouts: u8 => "Timeouts in a row; 0 is three duplicate acknowledgements: a fast retransmit.",
        threshold: u32 => "Where slow start will end, in packets.",
    }
    /// A node's conntrack leads a UDP socket's datagrams from now on. The cause is their first exchange.
    Connection FlowOpened = 120 "flow-opened" {
        node: NodeId => "On which node.",
        client_port: u16 => "The port of the socket.",
        address: IpAddr => "The dialled address.",
        port: u16 => "The dialled port.",
        pod: Option<PodId> => "Whose endpoint; none when no rule took it.",
    }
    /// kube-proxy deletes a stale UDP entry. The cause is the sync, `because` the `flow-opened` of the entry.
    Connection ConntrackDeleted = 121 "conntrack-deleted" {
        node: NodeId => "On which node.",
        client_port: u16 => "The port of the socket.",
        pod: Option<PodId> => "Whose endpoint it led to.",
    }
    /// A pod's processes stand still; their node's kernel and kubelet go on.
    Request PodHung = 150 "pod-hung" { pod: PodId => "Which pod.", }
    /// A pod's processes go on where they were.
    Request PodResumed = 151 "pod-resumed" { pod: PodId => "Which pod.", }
}
