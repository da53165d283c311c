//! The application: workloads with their pods, Services, traffic sources. Valid names and numbers only;
//! which pod runs where and under which address is the world's business.

use std::net::IpAddr;

use crate::kernel::draws::EntityKey;
use crate::kernel::time::SimDuration;
use crate::model::balancing_choice::BalancingChoice;
use crate::model::call::{Call, Step};
use crate::model::ids::{NodeId, ServiceId, ServicePortId, WorkloadId};
use crate::model::lifecycle::{Shutdown, Termination, Updates};
use crate::model::service_traffic::ServiceTraffic;
use crate::model::settings::Front;
use crate::workload::arrivals::ArrivalProcess;
use crate::workload::distribution::Distribution;

/// What kind of object a workload is; it decides names and replacement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkloadKind {
    /// Replaced under a new name: `NAME-TEMPLATEHASH-SUFFIX`.
    Deployment,
    /// Replaced under a new name: `NAME-SUFFIX`.
    ReplicaSet,
    /// Replaced under a new name: `NAME-SUFFIX`.
    ReplicationController,
    /// `NAME-ORDINAL`; not replaced while its node is silent (D12).
    StatefulSet,
    /// One pod per worker node: `NAME-SUFFIX`; not evicted.
    DaemonSet,
    /// A pod nobody replaces.
    Pod,
}

impl WorkloadKind {
    /// The lower-case kind that scenario files use in references such as `deployment/my-nginx`.
    pub const fn reference(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::ReplicaSet => "replicaset",
            Self::ReplicationController => "replicationcontroller",
            Self::StatefulSet => "statefulset",
            Self::DaemonSet => "daemonset",
            Self::Pod => "pod",
        }
    }
}

/// TCP, UDP or SCTP; the first two carry traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// Transmission Control Protocol.
    Tcp,
    /// User Datagram Protocol.
    Udp,
    /// Stream Control Transmission Protocol.
    Sctp,
}

impl Protocol {
    /// The name in manifests.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Sctp => "SCTP",
        }
    }
}

/// A port that a container listens on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerPort {
    /// Its name, empty when it has none.
    pub name: String,
    /// The port, 1..=65535.
    pub port: u16,
    /// A `hostPort` of the manifest.
    pub host_port: Option<u16>,
    /// Its protocol.
    pub protocol: Protocol,
}

/// A probe of a kubelet's, in whole seconds as Kubernetes counts (D15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The port that it asks, 0 for a name that no port has; `None` for a command, which says what the server would.
    pub port: Option<u16>,
    /// `tcpSocket`: a connection is all that it asks for, which the kernel takes for a process that hangs.
    pub connects: bool,
    /// `initialDelaySeconds`.
    pub initial_delay: SimDuration,
    /// `periodSeconds`, at least 1 s.
    pub period: SimDuration,
    /// `timeoutSeconds`.
    pub timeout: SimDuration,
    /// `successThreshold`, at least 1.
    pub success_threshold: u32,
    /// `failureThreshold`, at least 1.
    pub failure_threshold: u32,
    /// The probe's own `terminationGracePeriodSeconds`, in place of the pod's.
    pub grace: Option<SimDuration>,
}

/// The probes of a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Probes {
    /// `startupProbe`: the others wait until it has succeeded; its failure restarts the container.
    pub startup: Option<Probe>,
    /// `livenessProbe`: its failure restarts the container.
    pub liveness: Option<Probe>,
    /// `readinessProbe`: its failure takes the pod out of the Services.
    pub readiness: Option<Probe>,
}

/// One container of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// The ports it listens on.
    pub ports: Vec<ContainerPort>,
    /// Its probes.
    pub probes: Probes,
}

/// How a host port is chosen under port mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostPort {
    /// The daemon gives out the next dynamic port (A8).
    Dynamic,
    /// This port, or the container does not start (A15).
    Fixed(u16),
}

/// A container port that port mapping publishes on the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish {
    /// The port inside.
    pub container_port: u16,
    /// The port on the host.
    pub host_port: HostPort,
    /// Of which protocol both are.
    pub protocol: Protocol,
}

/// When a dead container is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestartPolicy {
    /// Always.
    Always,
    /// After a failure, at most so many times (0: no limit).
    OnFailure {
        /// Most restarts; 0 is no limit (A25).
        max: u32,
    },
    /// Never.
    Never,
}

/// How the processes of a workload behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behaviour {
    /// Time one request keeps a worker busy.
    pub service_time: Distribution,
    /// Requests a pod serves at once; `None` is unlimited.
    pub concurrency: Option<u32>,
    /// `listen()` backlog: established connections that may wait to be accepted, plus one.
    pub backlog: u32,
    /// A kept connection without a request for so long is closed by the server (nginx `keepalive_timeout`, Node.js
    /// `server.keepAliveTimeout`); `None`: it is left open.
    pub keep_alive_timeout: Option<SimDuration>,
    /// From starting a container to its listening.
    pub startup: SimDuration,
    /// From the first pod of an image on a node to the image being there.
    pub image_pull_time: SimDuration,
    /// Share of requests that fail by themselves after their service, in millionths.
    pub error_ppm: u32,
    /// Whether a worker waits for the calls it makes.
    pub worker: WorkerModel,
    /// What it does when it is asked to stop.
    pub shutdown: Shutdown,
}

/// Whether a request keeps its worker while the calls made for it are pending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WorkerModel {
    /// It does: threads and processes that block.
    #[default]
    Sync,
    /// It does not: event loops.
    Async,
}

impl Default for Behaviour {
    /// 1 ms constant service, unlimited concurrency, backlog 4096 (`net.core.somaxconn` since Linux 5.4), 1 s startup,
    /// draining at its end.
    fn default() -> Self {
        Self {
            service_time: Distribution::Constant(SimDuration::from_millis(1)),
            concurrency: None,
            backlog: 4_096,
            keep_alive_timeout: None,
            startup: SimDuration::from_secs(1),
            image_pull_time: SimDuration::ZERO,
            error_ppm: 0,
            worker: WorkerModel::Sync,
            shutdown: Shutdown::default(),
        }
    }
}

/// A set of equal pods.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// `metadata.name` or the compose service's name.
    pub name: String,
    /// `metadata.namespace`, `default` when absent.
    pub namespace: String,
    /// What it is.
    pub kind: WorkloadKind,
    /// How many pods are wanted (a `DaemonSet`: one per worker, whatever stands here).
    pub replicas: u32,
    /// Hash of the pod template, as it stands in the pod names of a Deployment.
    pub template_hash: String,
    /// Labels of its pods.
    pub labels: Vec<(String, String)>,
    /// Its containers, at least one.
    pub containers: Vec<Container>,
    /// When its containers are restarted.
    pub restart_policy: RestartPolicy,
    /// How long its pods stay on an unreachable node; `None` is for ever (D10: 300 s).
    pub unreachable_toleration: Option<SimDuration>,
    /// Nodes of the initial pods in turn; empty leaves them to the scheduler.
    pub placement: Vec<NodeId>,
    /// Host ports under port mapping.
    pub publish: Vec<Publish>,
    /// User-defined networks of Docker's that its containers are in, by number, the first one's address first; without any
    /// they are on `docker0`.
    pub networks: Vec<u16>,
    /// How its processes behave.
    pub behaviour: Behaviour,
    /// What a worker does between serving a request and answering it, in order.
    pub calls: Vec<Step>,
    /// How its pods are replaced by newer ones.
    pub updates: Updates,
    /// How its pods stop in a cluster.
    pub termination: Termination,
}

impl Workload {
    /// The reference in scenario files: `deployment/my-nginx`.
    pub fn reference(&self) -> String {
        format!("{}/{}", self.kind.reference(), self.name)
    }

    /// The stable name that draws are keyed by: kind, namespace and name.
    pub fn key(&self) -> String {
        format!("{}/{}/{}", self.kind.reference(), self.namespace, self.name)
    }
}

/// What kind of Service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceKind {
    /// A virtual address inside the cluster.
    ClusterIp,
    /// That, and a port on every node.
    NodePort,
    /// That, and an address outside (given by nobody here, so shown as pending).
    LoadBalancer,
    /// `clusterIP: None`: names only.
    Headless,
    /// A DNS alias for a name outside.
    ExternalName,
}

impl ServiceKind {
    /// The name in a manifest's `type`; headless Services are of type `ClusterIP`.
    pub const fn type_name(self) -> &'static str {
        match self {
            Self::ClusterIp | Self::Headless => "ClusterIP",
            Self::NodePort => "NodePort",
            Self::LoadBalancer => "LoadBalancer",
            Self::ExternalName => "ExternalName",
        }
    }
}

/// One port of a Service, numbered over all Services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePort {
    /// The Service it belongs to.
    pub service: ServiceId,
    /// Its name, empty when it has none.
    pub name: String,
    /// `port`.
    pub port: u16,
    /// Its protocol.
    pub protocol: Protocol,
    /// `nodePort` as the manifest asks for it.
    pub node_port: Option<u16>,
    /// Selected workloads and the container port that `targetPort` means in each.
    pub backends: Vec<(WorkloadId, u16)>,
}

/// A Service.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`.
    pub namespace: String,
    /// What it is.
    pub kind: ServiceKind,
    /// `clusterIP` as the manifest asks for it.
    pub cluster_ip: Option<IpAddr>,
    /// `publishNotReadyAddresses`.
    pub publish_not_ready_addresses: bool,
    /// Who takes a connection.
    pub balancing: BalancingChoice,
    /// Policies, affinity and the like.
    pub traffic: ServiceTraffic,
    /// The label selector as written, for display.
    pub selector: Vec<(String, String)>,
}

impl Service {
    /// The stable name that draws are keyed by.
    pub fn key(&self) -> String {
        format!("service/{}/{}", self.namespace, self.name)
    }

    /// True for the API server's and the DNS' Service, which a cluster brings along with their addresses (B7).
    pub fn is_the_clusters_own(&self) -> bool {
        [("default", "kubernetes"), ("kube-system", "kube-dns")].contains(&(&self.namespace, &self.name))
    }
}

/// Where requests of a source start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In the live pods of a workload, in turn.
    Workload(WorkloadId),
    /// In the live pods of several workloads that stand side by side, in turn.
    Workloads {
        /// The first of them.
        first: WorkloadId,
        /// How many.
        count: u32,
    },
    /// In one pod of a workload, while it lives.
    Pod {
        /// The workload.
        workload: WorkloadId,
        /// Which of its pods, as its `pod-created` record numbers it.
        ordinal: u32,
    },
    /// On a node itself.
    Node(NodeId),
    /// On all workers of this node's zone, in turn.
    Zone(NodeId),
    /// On the node outside.
    External(NodeId),
}

/// Where requests of a source go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A port of a Service.
    Service(ServicePortId),
    /// Any of several ports of Services that stand side by side: each request draws one.
    Services {
        /// The first of them.
        first: ServicePortId,
        /// How many, at least one.
        count: u32,
    },
    /// One pod of a workload, by its place among the initial pods.
    Pod {
        /// The workload.
        workload: WorkloadId,
        /// Which of its initial pods, from 0.
        ordinal: u32,
        /// The container port.
        port: u16,
    },
    /// An address and a port, whatever stands behind them when a request is made.
    Address {
        /// The address.
        address: IpAddr,
        /// The port.
        port: u16,
    },
}

/// A source of requests.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name, unique.
    pub name: String,
    /// Where its requests start.
    pub from: Origin,
    /// How they come in, when they start outside.
    pub front: Front,
    /// What they ask of whom.
    pub call: Call,
    /// When they start.
    pub arrivals: Box<dyn ArrivalProcess>,
    /// First instant of arrivals, after the run's start.
    pub start: SimDuration,
    /// End of arrivals, after the run's start.
    pub stop: SimDuration,
}

/// By hand, because a boxed trait object cannot be compared in a derived one.
impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        let Self { name, from, front, call, arrivals, start, stop } = self;
        (name, from, front, call) == (&other.name, &other.from, &other.front, &other.call)
            && (start, stop) == (&other.start, &other.stop)
            && **arrivals == *other.arrivals
    }
}

impl Source {
    /// The stable name that its draws and its flows' ways are keyed by.
    pub fn key(&self) -> EntityKey {
        EntityKey::of("traffic").part(&self.name, 0)
    }
}
