//! The records: one table that makes the types, the canonical encoding and every other view of them.

use std::net::IpAddr;

use super::Level;
use super::fields::{Client, Encoder, Field, FieldType, Suffix, Value};
use super::record_macro::records;
use super::words::{DeleteReason, DropReason, ExitReason, Outcome, PendingReason, SegmentKind};
use crate::kernel::time::SimTime;
use crate::model::ids::{FaultId, LinkId, NodeId, PodId, ServiceId, ServicePortId, SourceId, WorkloadId};
use crate::model::settings::Subnet;

/// The number of a record, from 1 in order of emission, the same at every level; 0 means none.
pub type RecordId = u64;

/// One thing that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number.
    pub id: RecordId,
    /// When.
    pub time: SimTime,
    /// The record that triggered it; 0 for a root.
    pub cause: RecordId,
    /// The record of the rule version, drop or limit that decided it; 0 for none.
    pub because: RecordId,
    /// What.
    pub body: Body,
}

/// A record kind, as documentation and readers see it.
#[derive(Clone, Copy, Debug)]
pub struct KindInfo {
    /// Code in the canonical encoding.
    pub code: u8,
    /// Name in JSONL.
    pub name: &'static str,
    /// Level from which on a trace holds it.
    pub level: Level,
    /// What it says.
    pub doc: &'static str,
    /// Fields in order: name and type.
    pub fields: &'static [(&'static str, FieldType)],
}

records! {
    /// The initial plan of addresses, ports and places: root of all that stands at the start.
    Request PlanApplied = 1 "plan-applied" {}
    /// A fault begins: a root.
    Request FaultStarted = 2 "fault-started" {
        /// Which fault.
        fault: FaultId,
    }
    /// A fault ends.
    Request FaultEnded = 3 "fault-ended" {
        /// Which fault.
        fault: FaultId,
    }
    /// A node takes part, with its address and the block its pods or containers get addresses from.
    Request NodeRegistered = 4 "node-registered" {
        /// Which node.
        node: NodeId,
        /// Its address.
        address: IpAddr,
        /// podCIDR, or the subnet of docker0.
        subnet: Subnet,
    }
    /// A machine stops.
    Request NodeDown = 5 "node-down" {
        /// Which node.
        node: NodeId,
    }
    /// A machine has booted.
    Request NodeUp = 6 "node-up" {
        /// Which node.
        node: NodeId,
    }
    /// A link carries nothing any more.
    Request LinkDown = 7 "link-down" {
        /// Which link.
        link: LinkId,
    }
    /// A link carries packets again.
    Request LinkUp = 8 "link-up" {
        /// Which link.
        link: LinkId,
    }
    /// The control plane (or the orchestrator's manager) counts a node as lost.
    Request NodeNotReady = 9 "node-not-ready" {
        /// Which node.
        node: NodeId,
    }
    /// The control plane counts a node as ready again.
    Request NodeReady = 10 "node-ready" {
        /// Which node.
        node: NodeId,
    }
    /// A node gets the NoExecute taint node.kubernetes.io/unreachable.
    Request NodeTainted = 11 "node-tainted" {
        /// Which node.
        node: NodeId,
    }
    /// A pod object or container is made; pods are numbered in order of these records.
    Request PodCreated = 12 "pod-created" {
        /// Its number.
        pod: PodId,
        /// Whose pod.
        workload: WorkloadId,
        /// Which of the workload's pods, counted from 0 over the whole run.
        ordinal: u32,
        /// The random end of its name.
        suffix: Suffix,
    }
    /// A pod is bound to a node, or a container placed on a host.
    Request PodScheduled = 13 "pod-scheduled" {
        /// Which pod.
        pod: PodId,
        /// Where.
        node: NodeId,
    }
    /// A pod finds no place or cannot start.
    Request PodPending = 14 "pod-pending" {
        /// Which pod.
        pod: PodId,
        /// Why.
        reason: PendingReason,
    }
    /// A pod gets its address: cluster-wide, or private to its host.
    Request AddressAssigned = 15 "address-assigned" {
        /// Which pod.
        pod: PodId,
        /// The address.
        address: IpAddr,
    }
    /// A container listens.
    Request ContainerStarted = 16 "container-started" {
        /// Whose container.
        pod: PodId,
        /// Which container of the pod.
        container: u8,
    }
    /// A container stopped.
    Request ContainerExited = 17 "container-exited" {
        /// Whose container.
        pod: PodId,
        /// Which container of the pod.
        container: u8,
        /// Why.
        reason: ExitReason,
    }
    /// A pod counts as ready.
    Request PodReady = 18 "pod-ready" {
        /// Which pod.
        pod: PodId,
    }
    /// A pod counts as not ready.
    Request PodNotReady = 19 "pod-not-ready" {
        /// Which pod.
        pod: PodId,
    }
    /// A pod is marked for deletion; it counts no more for its controller.
    Request PodDeleted = 20 "pod-deleted" {
        /// Which pod.
        pod: PodId,
        /// Why.
        reason: DeleteReason,
    }
    /// A pod object is gone.
    Request PodGone = 21 "pod-gone" {
        /// Which pod.
        pod: PodId,
    }
    /// A host port leads to a container.
    Request PortPublished = 22 "port-published" {
        /// Whose container.
        pod: PodId,
        /// The host.
        node: NodeId,
        /// The port inside.
        container_port: u16,
        /// The port on the host.
        host_port: u16,
    }
    /// A host port leads nowhere any more.
    Request PortReleased = 23 "port-released" {
        /// Whose container.
        pod: PodId,
        /// The host.
        node: NodeId,
        /// The port on the host.
        host_port: u16,
    }
    /// A container does not start: "Bind for 0.0.0.0:PORT failed: port is already allocated" (A12).
    Request PortConflict = 24 "port-conflict" {
        /// Whose container.
        pod: PodId,
        /// The host.
        node: NodeId,
        /// The port that is taken.
        host_port: u16,
        /// Whose container holds it.
        holder: PodId,
    }
    /// A Service gets its clusterIP.
    Request ServiceCreated = 25 "service-created" {
        /// Which Service.
        service: ServiceId,
        /// Its clusterIP.
        cluster_ip: IpAddr,
    }
    /// A Service port gets its node port.
    Request NodePortAllocated = 26 "node-port-allocated" {
        /// Which port of which Service.
        service_port: ServicePortId,
        /// The port on every node.
        node_port: u16,
    }
    /// An EndpointSlice gains a ready endpoint.
    Request EndpointAdded = 27 "endpoint-added" {
        /// Of which Service port.
        service_port: ServicePortId,
        /// Which pod.
        pod: PodId,
        /// Its address.
        address: IpAddr,
        /// Its port.
        port: u16,
        /// Number of the change, counted over all Services.
        version: u64,
    }
    /// An EndpointSlice loses a ready endpoint.
    Request EndpointRemoved = 28 "endpoint-removed" {
        /// Of which Service port.
        service_port: ServicePortId,
        /// Which pod.
        pod: PodId,
        /// Its address.
        address: IpAddr,
        /// Its port.
        port: u16,
        /// Number of the change, counted over all Services.
        version: u64,
    }
    /// A node that serves clients of a Service has all changes up to a version in its rules.
    Request ProxySynced = 29 "proxy-synced" {
        /// Which node.
        node: NodeId,
        /// The last change its rules hold.
        version: u64,
    }
    /// The registry gains an address.
    Request RegistryAdded = 30 "registry-added" {
        /// Of which Service port.
        service_port: ServicePortId,
        /// Which container.
        pod: PodId,
        /// Address of its host.
        address: IpAddr,
        /// Port on its host.
        port: u16,
        /// Number of the change, counted over all Services.
        version: u64,
    }
    /// The registry's checker counts an address as failed.
    Request CheckFailed = 31 "check-failed" {
        /// Of which Service port.
        service_port: ServicePortId,
        /// Which container.
        pod: PodId,
    }
    /// The registry loses an address.
    Request RegistryRemoved = 32 "registry-removed" {
        /// Of which Service port.
        service_port: ServicePortId,
        /// Which container.
        pod: PodId,
        /// Address of its host.
        address: IpAddr,
        /// Port on its host.
        port: u16,
        /// Number of the change, counted over all Services.
        version: u64,
    }
    /// A client of a source was given its addresses, or has followed the registry up to a version.
    Request ClientConfigured = 33 "client-configured" {
        /// Of which source.
        source: SourceId,
        /// Which client.
        client: Client,
        /// How many addresses it must know now.
        addresses: u32,
        /// The last change it has heard of; 0 for a list that never changes.
        version: u64,
    }
    /// One address of a client's fixed list (static or podIP discovery).
    Request AddressWritten = 34 "address-written" {
        /// Of which source.
        source: SourceId,
        /// Which client.
        client: Client,
        /// The instance it is meant for.
        pod: PodId,
        /// The address.
        address: IpAddr,
        /// The port.
        port: u16,
    }
    /// A request arrives. One of a traffic source is a root; a call's cause is the request that it is made for.
    Request RequestArrived = 35 "request-arrived" {
        /// From which source.
        source: SourceId,
        /// Its number in the source, from 0.
        number: u64,
        /// Who makes it.
        client: Client,
        /// Payload of the request in bytes.
        request_bytes: u64,
        /// Payload of the response in bytes.
        response_bytes: u64,
        /// The time its service will take, in nanoseconds.
        demand: u64,
    }
    /// A request ends. `because` is what decided a failure.
    Request RequestEnded = 36 "request-ended" {
        /// From which source.
        source: SourceId,
        /// Its number in the source.
        number: u64,
        /// How.
        outcome: Outcome,
        /// The pod that served it, or that it was sent to.
        pod: Option<PodId>,
    }
    /// A client dials: its first SYN leaves now. `because` is the list or rule version that chose the pod.
    Connection ConnectionOpened = 37 "connection-opened" {
        /// For which source.
        source: SourceId,
        /// For which request of it.
        number: u64,
        /// The client's port.
        client_port: u16,
        /// The dialled address.
        address: IpAddr,
        /// The dialled port.
        port: u16,
        /// The pod behind it, if any.
        pod: Option<PodId>,
        /// The node that forwards it (NodePort), if any.
        via: Option<NodeId>,
        /// Address translations on its way: DNAT and SNAT each count one.
        translations: u8,
    }
    /// A server accepts a connection and starts on its request.
    Connection ConnectionAccepted = 38 "connection-accepted" {
        /// For which source.
        source: SourceId,
        /// For which request of it.
        number: u64,
        /// Which pod.
        pod: PodId,
        /// When the handshake was complete at the server, in nanoseconds.
        established: u64,
    }
    /// A server has written the response.
    Connection ResponseSent = 39 "response-sent" {
        /// For which source.
        source: SourceId,
        /// For which request of it.
        number: u64,
        /// Which pod.
        pod: PodId,
    }
    /// The client's side of a connection is closed.
    Connection ConnectionClosed = 40 "connection-closed" {
        /// For which source.
        source: SourceId,
        /// For which request of it.
        number: u64,
        /// How.
        outcome: Outcome,
    }
    /// A segment leaves a node.
    Segment SegmentSent = 41 "segment-sent" {
        /// For which source.
        source: SourceId,
        /// For which request of it.
        number: u64,
        /// What it is.
        segment: SegmentKind,
        /// From 0; above 0 for a retransmission.
        attempt: u8,
        /// The node it leaves.
        node: NodeId,
    }
    /// A packet goes no further. `because` is the fault or limit that stopped it.
    Segment SegmentDropped = 42 "segment-dropped" {
        /// For which source.
        source: SourceId,
        /// For which request of it.
        number: u64,
        /// What it was.
        segment: SegmentKind,
        /// Why.
        reason: DropReason,
    }
    /// A segment reaches a node.
    Segment SegmentReceived = 43 "segment-received" {
        /// For which source.
        source: SourceId,
        /// For which request of it.
        number: u64,
        /// What it is.
        segment: SegmentKind,
        /// The node it reaches.
        node: NodeId,
    }
    /// A limit of the run is reached: a root.
    Request LimitReached = 44 "limit-reached" {
        /// The limit's value.
        limit: u64,
    }
    /// A request goes over a connection that an earlier one left open. `because` is that connection's record.
    Connection ConnectionReused = 45 "connection-reused" {
        /// From which source.
        source: SourceId,
        /// Its number in the source.
        number: u64,
        /// The pod at the other end, as far as the client's node knows.
        pod: Option<PodId>,
    }
    /// An attempt of a request has failed and another one follows. `because` is what decided the failure.
    Request RequestRetried = 46 "request-retried" {
        /// From which source.
        source: SourceId,
        /// Its number in the source.
        number: u64,
        /// Number of the attempt that failed, from 0.
        attempt: u8,
        /// How it failed.
        outcome: Outcome,
        /// The pod that it was sent to.
        pod: Option<PodId>,
    }
    /// A second attempt starts beside the first one, which has no answer yet.
    Request RequestHedged = 47 "request-hedged" {
        /// From which source.
        source: SourceId,
        /// Its number in the source.
        number: u64,
    }
    /// A client leaves an address out after failures in a row. The cause is the last request that failed.
    Request AddressEjected = 48 "address-ejected" {
        /// A client of which source's requests.
        source: SourceId,
        /// Which client.
        client: Client,
        /// The address.
        address: IpAddr,
        /// The port.
        port: u16,
        /// When it takes part again, in nanoseconds.
        until: u64,
    }    /// A client has looked a name up. The cause is the request that needed it, `because` the list that was the answer.
    Connection NameResolved = 49 "name-resolved" {
        /// A client of which source's requests.
        source: SourceId,
        /// Which client.
        client: Client,
        /// How many addresses the answer holds.
        addresses: u32,
        /// Queries, one after the other, until there was an answer.
        queries: u32,
    }    /// A load balancer takes a target out: new connections go elsewhere. The cause is what made its checks fail.
    Request TargetUnhealthy = 55 "target-unhealthy" {
        /// The load balancer of which source.
        source: SourceId,
        /// The target's address.
        address: IpAddr,
        /// Its port.
        port: u16,
    }
    /// A load balancer sends new connections to a target again. The cause is what made its checks succeed.
    Request TargetHealthy = 56 "target-healthy" {
        /// The load balancer of which source.
        source: SourceId,
        /// The target's address.
        address: IpAddr,
        /// Its port.
        port: u16,
    }
}
