//! The scenario format, one type per mapping of the file. Names of algorithms, fault kinds and the like are not
//! here: the registries know them.

pub mod calls;
mod forms;
pub mod front_proxy;
pub mod orchestrators;
pub(crate) mod paths;
pub mod settings;
pub mod synthetic;
pub mod values;

use calls::{ConnectionsSpec, OutlierEjectionSpec, RetriesSpec, StepSpec, TcpKeepaliveSpec};
use front_proxy::FrontProxySpec;
use orchestrators::{NomadSpec, SwarmSpec};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Deserialize;
use serde_json::Value;
use settings::{ClusterSpec, DnsSpec, DockerSpec, FrontSpec, LimitsSpec, RegistrySpec, ReschedulerSpec, TransportSpec};
use synthetic::SyntheticSpec;
use values::{
    BandwidthText, BoundText, Dict, DurationText, Flag, List, NameText, Part, PercentText, PortRangeText, Short,
    SizeText, SubnetText,
};

/// The `apiVersion` of scenario files.
pub const API_VERSION: &str = "podwire/v1";

/// A scenario file.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "podwire scenario")]
pub struct ScenarioFile {
    /// `podwire/v1`.
    pub api_version: String,
    /// `Scenario`.
    pub kind: String,
    /// Its name and what it shows.
    #[serde(default)]
    pub metadata: Option<Metadata>,
    /// What is simulated.
    #[serde(default)]
    #[schemars(required)]
    pub spec: Option<Spec>,
}

/// Name and description of a scenario.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Metadata {
    /// Its name.
    #[schemars(required)]
    pub name: Option<String>,
    /// What it shows, in a sentence or two.
    pub description: Option<String>,
}

/// What is simulated.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Spec {
    /// The seed of all draws (0).
    pub seed: Option<u64>,
    /// The run ends at this time.
    #[schemars(required)]
    pub duration: Option<DurationText>,
    /// Requests that arrive before this time are left out of the metrics.
    pub warm_up: Option<DurationText>,
    /// Requests that arrive in the last stretch of this length are left out of the metrics.
    pub drain: Option<DurationText>,
    /// Kubernetes manifests and compose files, by paths from this file's folder.
    pub include: List<String>,
    /// Groups of equal Deployments and Services without manifests.
    pub synthetic: List<SyntheticSpec>,
    /// Variants of the scenario that are compared: presets by name, or own ones.
    pub arms: List<Short<ArmSpec>>,
    /// The network.
    pub topology: Option<TopologySpec>,
    /// Nodes of the initial pods, in turn, by workload; replacements go to the scheduler.
    pub placement: Dict<List<String>>,
    /// Numbers of pods, by workload, in place of the manifest's.
    pub replicas: Dict<u32>,
    /// How the processes of a workload behave.
    pub behaviour: Dict<BehaviourSpec>,
    /// Balancing, by Service.
    pub services: Dict<ServiceSpec>,
    /// Who asks whom.
    pub traffic: List<TrafficSpec>,
    /// What breaks.
    pub faults: List<FaultSpec>,
    /// What is changed on purpose.
    pub actions: List<ActionSpec>,
    /// What must hold; a run that breaks one exits with 99.
    pub expect: List<ExpectSpec>,
    /// Settings of Kubernetes.
    pub cluster: Option<ClusterSpec>,
    /// Settings of Docker.
    pub docker: Option<DockerSpec>,
    /// Settings of the registry.
    pub registry: Option<RegistrySpec>,
    /// Settings of the rescheduler.
    pub rescheduler: Option<ReschedulerSpec>,
    /// Settings of TCP.
    pub transport: Option<TransportSpec>,
    /// Settings of the cluster's DNS.
    pub dns: Option<DnsSpec>,
    /// A plan of host ports, by team.
    pub ports: Option<PortPlanSpec>,
    /// The front proxies.
    pub front_proxy: Option<FrontProxySpec>,
    /// Settings of Docker Swarm.
    pub swarm: Option<SwarmSpec>,
    /// Settings of Nomad.
    pub nomad: Option<NomadSpec>,
    /// Limits of a run.
    pub limits: Option<LimitsSpec>,
}

/// A variant of the scenario.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ArmSpec {
    /// Its name, the preset's when absent.
    pub name: Option<String>,
    /// The preset it starts from.
    pub preset: Option<NameText>,
    /// `port-mapping` or `flat-pod-ip`.
    pub model: Option<NameText>,
    /// `static`, `registry` or `front-proxy` under port-mapping, `podIP` or `service` under flat-pod-ip.
    pub discovery: Option<NameText>,
    /// `none`, `heartbeat`, `swarm` or `nomad`, under port-mapping.
    pub rescheduler: Option<NameText>,
    /// Values that differ in this arm, by path below `spec`.
    pub set: Dict<Value>,
}

/// A plan of host ports: who publishes which.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PortPlanSpec {
    /// `refuse`: what breaks the plan is an error (default); `run`: it is a warning, and happens.
    pub conflicts: Option<NameText>,
    /// The teams.
    pub teams: Dict<TeamSpec>,
}

/// A team of a port plan.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TeamSpec {
    /// Its host ports.
    #[schemars(required)]
    pub range: Option<PortRangeText>,
    /// Its workloads; published ports that nobody has fixed get the range's next ones.
    pub workloads: List<String>,
}

/// The network.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TopologySpec {
    /// Nodes that host no workload (1).
    pub control_plane: Option<ControlPlaneSpec>,
    /// Nodes that host workload: a number with zones, or a list of names.
    pub nodes: Option<NodesSpec>,
    /// A node outside the cluster; implied by traffic `from: external`.
    pub external: Option<Flag>,
    /// `routed` (a dead node is silence) or `l2` (ARP for a dead node fails).
    pub fabric: Option<NameText>,
    /// `star`, or `{kind: leaf-spine, leaves, spines}`; a list of `links` makes the network explicit.
    pub generator: Option<Short<GeneratorSpec>>,
    /// Qualities of all links; or, for an explicit network, the list of links.
    pub links: Option<LinksSpec>,
    /// Switches of an explicit network.
    pub switches: List<String>,
}

/// The nodes that host no workload.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ControlPlaneSpec {
    /// How many (1).
    pub nodes: Option<u32>,
}

/// A number of nodes dealt over zones in turn, or named nodes.
#[derive(Clone, Debug)]
pub enum NodesSpec {
    /// So many.
    Count(NodeCount),
    /// These.
    Named(List<NodeSpec>),
}

/// A number of nodes.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct NodeCount {
    /// How many.
    #[schemars(required)]
    pub count: Option<u32>,
    /// Their zones in turn.
    pub zones: List<String>,
}

/// A named node.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct NodeSpec {
    /// Its name.
    #[schemars(required)]
    pub name: Option<String>,
    /// Its zone.
    pub zone: Option<String>,
    /// Its block of pod addresses (the next one of `cluster.clusterCIDR` that no other node has).
    #[serde(rename = "podCIDR")]
    pub pod_cidr: Option<SubnetText>,
    /// It takes no new pods: cordoned from the start (false).
    pub unschedulable: Option<Flag>,
}

/// How the network is made.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct GeneratorSpec {
    /// `star` or `leaf-spine`.
    #[schemars(required)]
    pub kind: Option<NameText>,
    /// Leaf switches of a leaf-spine network (2).
    pub leaves: Option<u32>,
    /// Spine switches of a leaf-spine network (2).
    pub spines: Option<u32>,
}

/// One set of qualities for all links, or links one by one.
#[derive(Clone, Debug)]
pub enum LinksSpec {
    /// All alike.
    Profile(LinkProfileSpec),
    /// One by one.
    Explicit(List<CableSpec>),
}

/// Qualities of links.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LinkProfileSpec {
    /// Propagation time (50us).
    pub latency: Option<DurationText>,
    /// Bits per second (unlimited).
    pub bandwidth: Option<BandwidthText>,
    /// Packets that may wait for each direction (1000).
    pub queue: Option<u32>,
    /// Share of packets that get lost (0%).
    pub loss: Option<PercentText>,
}

/// A link of an explicit network.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CableSpec {
    /// Its name, `FROM--TO` when absent.
    pub name: Option<String>,
    /// A node or switch.
    #[schemars(required)]
    pub from: Option<String>,
    /// Another node or switch.
    #[schemars(required)]
    pub to: Option<String>,
    /// Propagation time.
    pub latency: Option<DurationText>,
    /// Bits per second.
    pub bandwidth: Option<BandwidthText>,
    /// Packets that may wait for each direction.
    pub queue: Option<u32>,
    /// Share of packets that get lost.
    pub loss: Option<PercentText>,
}

/// How processes behave.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct BehaviourSpec {
    /// Time one request keeps a worker busy: a distribution.
    pub service_time: Option<Part>,
    /// Requests a pod serves at once (unlimited).
    pub concurrency: Option<u32>,
    /// `listen()` backlog.
    pub backlog: Option<u32>,
    /// The server closes a kept connection on which no request has come for so long (never).
    pub keep_alive_timeout: Option<DurationText>,
    /// From starting a container to its listening.
    pub startup: Option<DurationText>,
    /// How long a node needs to pull the image, the first time that one of its pods starts there (0s).
    pub image_pull_time: Option<DurationText>,
    /// Share of the requests that fail by themselves after their service (0%).
    pub error_rate: Option<PercentText>,
    /// `sync`: a worker waits for the calls it makes; `async`: it takes other requests meanwhile (sync).
    pub worker: Option<NameText>,
    /// What a request calls after its service and before its answer: steps in order; a list is steps at once.
    pub calls: List<StepSpec>,
    /// How long the preStop hook runs (the manifest's).
    pub pre_stop_sleep: Option<DurationText>,
    /// What a server does on SIGTERM.
    pub shutdown: Option<ShutdownSpec>,
}

/// What a server does on SIGTERM.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ShutdownSpec {
    /// It listens no more and finishes what it serves (true), or exits at once.
    pub drain: Option<Flag>,
    /// It exits after this time even if requests have not ended (waits for SIGKILL).
    pub timeout: Option<DurationText>,
}

/// What a scenario adds to a Service.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ServiceSpec {
    /// The balancing algorithm, by name or as `{kind: NAME, ...}` with its parameters (what the holder of the list does by
    /// itself).
    pub algorithm: Option<Short<Part>>,
    /// By workload: what each of its pods weighs for algorithms that read weights, 0 to 65535 (1).
    pub weights: Dict<u64>,
}

/// A source of requests.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TrafficSpec {
    /// Its name, unique.
    #[schemars(required)]
    pub name: Option<String>,
    /// `deployment/NAME` (any workload), `synthetic/NAME`, `node/NAME`, `zone/NAME` or `external`.
    #[schemars(required)]
    pub from: Option<String>,
    /// `service/NAME:PORT`, `dns/NAME:PORT`, `synthetic/NAME`, `pod/NAME:PORT`, or `deployment/NAME#INDEX:PORT`.
    #[schemars(required)]
    pub to: Option<String>,
    /// `node-port` or `{kind: load-balancer}`: what stands before traffic `from: external` (node-port).
    pub front: Option<Short<FrontSpec>>,
    /// When requests start: an arrival process.
    #[schemars(required)]
    pub arrivals: Option<Part>,
    /// What is sent.
    pub request: Option<PayloadSpec>,
    /// What comes back.
    pub response: Option<PayloadSpec>,
    /// The client gives a connect up after this time.
    pub connect_timeout: Option<DurationText>,
    /// The client gives an attempt up after this time; the first one starts at the intended arrival.
    pub timeout: Option<DurationText>,
    /// The request with all its attempts, and every call made for it, ends by then.
    pub deadline: Option<DurationText>,
    /// When a failed attempt is followed by another.
    pub retries: Option<RetriesSpec>,
    /// A second attempt starts beside the first one after this time.
    pub hedge_after: Option<DurationText>,
    /// When an address that fails is left out.
    pub outlier_ejection: Option<OutlierEjectionSpec>,
    /// How connections are kept.
    pub connections: Option<ConnectionsSpec>,
    /// Keepalive probes of the client's kernel.
    pub tcp_keepalive: Option<TcpKeepaliveSpec>,
    /// `TCP_USER_TIMEOUT` of the client's sockets.
    pub tcp_user_timeout: Option<DurationText>,
    /// `nonblocking` or `blocking`: how the client waits for `connect()` (nonblocking).
    pub connect: Option<NameText>,
    /// `tcp` or `udp`: which of the ports of one number is meant (the port's own protocol).
    pub protocol: Option<NameText>,
    /// `per-attempt`, `per-request` or `kept`: what shares a UDP socket (per-request).
    pub socket: Option<NameText>,
    /// First instant of arrivals (0s).
    pub start: Option<DurationText>,
    /// End of arrivals (the run's end).
    pub stop: Option<DurationText>,
}

/// A payload.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PayloadSpec {
    /// Its size.
    pub bytes: Option<SizeText>,
}

/// A fault: `name`, `at`, `kind`, `for`, and the victim under the key that its kind asks for.
#[derive(Clone, Debug, Default)]
pub struct FaultSpec(pub serde_json::Map<String, Value>);

/// An action: `name`, `at` or `after`, `kind`, and what it changes under the keys that its kind asks for.
#[derive(Clone, Debug, Default)]
pub struct ActionSpec(pub serde_json::Map<String, Value>);

/// A threshold.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ExpectSpec {
    /// The metric.
    #[schemars(required)]
    pub metric: Option<String>,
    /// In this arm (in every arm when absent).
    pub arm: Option<String>,
    /// Of this traffic source (of all together when absent).
    pub traffic: Option<String>,
    /// After this fault or action.
    pub fault: Option<String>,
    /// Of this edge of the call graph: a traffic source, or `WORKLOAD > CALL`.
    pub edge: Option<String>,
    /// The least value allowed: a number, or a duration.
    pub min: Option<BoundText>,
    /// The greatest value allowed: a number, or a duration.
    pub max: Option<BoundText>,
}

/// The JSON schema (draft 07) of scenario files, as a value; own mappings take no unknown keys.
pub(crate) fn schema_value() -> Value {
    let mut schema: Value = SchemaSettings::draft07().into_generator().into_root_schema_for::<ScenarioFile>().into();
    close(&mut schema);
    schema
}

/// Forbids unknown keys wherever keys are listed and nothing else is said.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            map.values_mut().for_each(close);
            if map.get("properties").is_some_and(Value::is_object) && map.get("type").is_some() {
                map.entry("additionalProperties").or_insert(Value::Bool(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
