//! The keys of Kubernetes objects that podwire models; all others are counted as not modelled.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};
use serde_json::Value;

use crate::schema::values::{Dict, Flag, List};

#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Meta {
    pub(crate) name: Option<String>,
    pub(crate) namespace: Option<String>,
    pub(crate) labels: Dict<String>,
    pub(crate) owner_references: List<OwnerReference>,
}

#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct OwnerReference {
    #[serde(rename = "apiVersion")]
    pub(crate) _api_version: Value,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) controller: Flag,
    #[serde(rename = "uid")]
    pub(crate) _uid: Value,
    #[serde(rename = "blockOwnerDeletion")]
    pub(crate) _block_owner_deletion: Value,
}

/// A Deployment, `ReplicaSet`, `StatefulSet` or `DaemonSet`.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Workload {
    pub(crate) api_version: String,
    #[serde(rename = "kind")]
    pub(crate) _kind: String,
    pub(crate) metadata: Option<Meta>,
    pub(crate) spec: Option<WorkloadSpec>,
}

#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct WorkloadSpec {
    pub(crate) replicas: Option<i64>,
    pub(crate) min_ready_seconds: Option<u32>,
    pub(crate) pod_management_policy: Option<String>,
    pub(crate) strategy: Option<StrategyObject>,
    pub(crate) update_strategy: Option<StrategyObject>,
    pub(crate) selector: Option<Selector>,
    pub(crate) template: Option<Template>,
}

/// A Deployment's `strategy`, or the `updateStrategy` of a `StatefulSet` or `DaemonSet`.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct StrategyObject {
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) rolling_update: Option<RollingUpdateObject>,
}

#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RollingUpdateObject {
    pub(crate) max_surge: Option<IntOrString>,
    pub(crate) max_unavailable: Option<IntOrString>,
    pub(crate) partition: Option<u32>,
}

#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Selector {
    pub(crate) match_labels: Dict<String>,
}

/// A `ReplicationController`, whose selector is a plain mapping.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Controller {
    #[serde(rename = "apiVersion")]
    pub(crate) _api_version: String,
    #[serde(rename = "kind")]
    pub(crate) _kind: String,
    pub(crate) metadata: Option<Meta>,
    pub(crate) spec: Option<ControllerSpec>,
}

#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct ControllerSpec {
    pub(crate) replicas: Option<i64>,
    pub(crate) selector: Dict<String>,
    pub(crate) template: Option<Template>,
}

#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Template {
    pub(crate) metadata: Option<Meta>,
    pub(crate) spec: Option<PodSpec>,
}

#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Pod {
    #[serde(rename = "apiVersion")]
    pub(crate) _api_version: String,
    #[serde(rename = "kind")]
    pub(crate) _kind: String,
    pub(crate) metadata: Option<Meta>,
    pub(crate) spec: Option<PodSpec>,
    pub(crate) status: PodStatus,
}

#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct PodStatus {
    pub(crate) phase: Option<String>,
}

#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PodSpec {
    pub(crate) containers: List<ContainerObject>,
    pub(crate) restart_policy: Option<String>,
    pub(crate) tolerations: List<Toleration>,
    pub(crate) host_network: Flag,
    pub(crate) termination_grace_period_seconds: Option<u32>,
    pub(crate) node_name: Option<String>,
    pub(crate) readiness_gates: List<Value>,
}

#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ContainerObject {
    pub(crate) name: Option<String>,
    pub(crate) ports: List<PortObject>,
    pub(crate) startup_probe: Option<ProbeObject>,
    pub(crate) liveness_probe: Option<ProbeObject>,
    pub(crate) readiness_probe: Option<ProbeObject>,
    pub(crate) lifecycle: Option<LifecycleObject>,
    pub(crate) image_pull_policy: Option<String>,
    pub(crate) env: List<Variable>,
    pub(crate) command: List<Value>,
    pub(crate) args: List<Value>,
}

#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct LifecycleObject {
    pub(crate) pre_stop: Option<HookObject>,
}

#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct HookObject {
    pub(crate) sleep: Option<SleepObject>,
    pub(crate) exec: Option<ExecObject>,
    pub(crate) http_get: Option<serde_json::Value>,
    pub(crate) tcp_socket: Option<serde_json::Value>,
}

#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct SleepObject {
    pub(crate) seconds: Option<u32>,
}

#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct ExecObject {
    pub(crate) command: List<String>,
}

/// An environment variable; one whose value comes from elsewhere has none here.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Variable {
    pub(crate) name: Value,
    pub(crate) value: Value,
}

#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PortObject {
    pub(crate) name: Option<String>,
    pub(crate) container_port: Option<i64>,
    pub(crate) host_port: Option<i64>,
    pub(crate) protocol: Option<String>,
}

#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ProbeObject {
    pub(crate) initial_delay_seconds: Option<u32>,
    pub(crate) period_seconds: Option<u32>,
    pub(crate) timeout_seconds: Option<u32>,
    pub(crate) success_threshold: Option<u32>,
    pub(crate) failure_threshold: Option<u32>,
    pub(crate) termination_grace_period_seconds: Option<u32>,
    pub(crate) http_get: Option<ProbedPort>,
    pub(crate) tcp_socket: Option<ProbedPort>,
    pub(crate) grpc: Option<ProbedPort>,
    #[serde(rename = "exec")]
    pub(crate) _exec: Value,
}

/// Whom a probe asks; what it asks for does not matter, because a server that listens answers all of it.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct ProbedPort {
    pub(crate) port: Option<IntOrString>,
    #[serde(rename = "path")]
    pub(crate) _path: Value,
    #[serde(rename = "scheme")]
    pub(crate) _scheme: Value,
    #[serde(rename = "httpHeaders")]
    pub(crate) _http_headers: Value,
    #[serde(rename = "service")]
    pub(crate) _service: Value,
}

#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Toleration {
    pub(crate) key: Option<String>,
    pub(crate) operator: Option<String>,
    pub(crate) effect: Option<String>,
    #[serde(rename = "tolerationSeconds")]
    pub(crate) seconds: Option<i64>,
}

#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Service {
    #[serde(rename = "apiVersion")]
    pub(crate) _api_version: String,
    #[serde(rename = "kind")]
    pub(crate) _kind: String,
    pub(crate) metadata: Option<Meta>,
    pub(crate) spec: Option<ServiceSpec>,
}

#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ServiceSpec {
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    #[serde(rename = "clusterIP")]
    pub(crate) cluster_ip: Option<String>,
    pub(crate) ports: List<ServicePortObject>,
    pub(crate) selector: Dict<String>,
    pub(crate) external_traffic_policy: Option<String>,
    pub(crate) internal_traffic_policy: Option<String>,
    pub(crate) publish_not_ready_addresses: Flag,
    pub(crate) session_affinity: Option<String>,
    pub(crate) session_affinity_config: AffinityConfig,
    pub(crate) traffic_distribution: Option<String>,
    #[serde(rename = "externalIPs")]
    pub(crate) external_ips: List<String>,
    pub(crate) load_balancer_source_ranges: List<String>,
    /// A name outside of the cluster; what it leads to is outside of the model, too.
    #[serde(rename = "externalName")]
    pub(crate) _external_name: Value,
    /// The port that tells load balancers whether a node has endpoints: any will do.
    #[serde(rename = "healthCheckNodePort")]
    pub(crate) _health_check_node_port: Value,
}

#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct AffinityConfig {
    #[serde(rename = "clientIP")]
    pub(crate) client_ip: ClientIpConfig,
}

#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ClientIpConfig {
    pub(crate) timeout_seconds: Option<i64>,
}

#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ServicePortObject {
    pub(crate) name: Option<String>,
    pub(crate) port: Option<i64>,
    pub(crate) target_port: Option<IntOrString>,
    pub(crate) protocol: Option<String>,
    pub(crate) node_port: Option<i64>,
}

/// A `PodDisruptionBudget`.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct DisruptionBudget {
    #[serde(rename = "apiVersion")]
    pub(crate) _api_version: String,
    #[serde(rename = "kind")]
    pub(crate) _kind: String,
    pub(crate) metadata: Option<Meta>,
    pub(crate) spec: Option<DisruptionBudgetSpec>,
}

#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct DisruptionBudgetSpec {
    pub(crate) min_available: Option<IntOrString>,
    pub(crate) max_unavailable: Option<IntOrString>,
    pub(crate) selector: Option<Selector>,
    pub(crate) unhealthy_pod_eviction_policy: Option<String>,
}

/// A Namespace: its name is all that matters.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Named {
    #[serde(rename = "apiVersion")]
    pub(crate) _api_version: String,
    #[serde(rename = "kind")]
    pub(crate) _kind: String,
    pub(crate) metadata: Option<Meta>,
}

#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Node {
    #[serde(rename = "apiVersion")]
    pub(crate) _api_version: String,
    #[serde(rename = "kind")]
    pub(crate) _kind: String,
    pub(crate) metadata: Option<Meta>,
    pub(crate) spec: Option<NodeSpec>,
}

#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct NodeSpec {
    #[serde(rename = "podCIDR")]
    pub(crate) pod_cidr: Option<String>,
    #[serde(rename = "podCIDRs")]
    pub(crate) _pod_cidrs: Value,
    pub(crate) unschedulable: Flag,
    pub(crate) taints: List<Taint>,
}

#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Taint {
    pub(crate) key: String,
    pub(crate) effect: String,
    #[serde(rename = "value")]
    pub(crate) _value: Value,
    #[serde(rename = "timeAdded")]
    pub(crate) _time_added: Value,
}

/// `targetPort`: a number or the name of a container port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IntOrString {
    Int(i64),
    Text(String),
}

struct IntOrStringVisitor;

impl Visitor<'_> for IntOrStringVisitor {
    type Value = IntOrString;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a port or the name of one")
    }

    fn visit_i64<E>(self, number: i64) -> Result<IntOrString, E> {
        Ok(IntOrString::Int(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<IntOrString, E> {
        Ok(IntOrString::Int(i64::try_from(number).unwrap_or(i64::MAX)))
    }

    fn visit_str<E>(self, text: &str) -> Result<IntOrString, E> {
        Ok(IntOrString::Text(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for IntOrString {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IntOrStringVisitor)
    }
}

/// Supported keys by object, for the documentation.
pub(crate) const SUPPORTED: &[(&str, &str)] = &[
    ("any object", "apiVersion, kind, metadata.{name, namespace, labels, ownerReferences}"),
    ("Pod", "status.phase"),
    (
        "Deployment, ReplicaSet, StatefulSet, DaemonSet",
        "spec.{replicas, selector.matchLabels, template, minReadySeconds}",
    ),
    ("Deployment", "spec.strategy.{type, rollingUpdate.{maxSurge, maxUnavailable}}"),
    ("StatefulSet, DaemonSet", "spec.updateStrategy.{type, rollingUpdate.maxUnavailable}"),
    ("StatefulSet", "spec.{podManagementPolicy, updateStrategy.rollingUpdate.partition}"),
    ("ReplicationController", "spec.{replicas, selector, template}"),
    (
        "Pod and template",
        "metadata.labels, spec.{containers, restartPolicy, tolerations, hostNetwork, nodeName, \
         terminationGracePeriodSeconds, readinessGates}",
    ),
    (
        "container",
        "name, ports, imagePullPolicy, startupProbe, livenessProbe, readinessProbe, lifecycle.preStop.{sleep.seconds, exec.command}; env.{name, value}, command and args \
         for `podwire init`",
    ),
    ("container port", "name, containerPort, hostPort, protocol"),
    (
        "startupProbe, livenessProbe, readinessProbe",
        "initialDelaySeconds, periodSeconds, timeoutSeconds, successThreshold, failureThreshold, \
         terminationGracePeriodSeconds, httpGet.{port, path, scheme, httpHeaders}, tcpSocket.port, grpc.{port, service}, exec",
    ),
    ("toleration", "key, operator, effect, tolerationSeconds"),
    (
        "Service",
        "spec.{type, clusterIP, ports, selector, internalTrafficPolicy, externalTrafficPolicy, healthCheckNodePort, \
         sessionAffinity, sessionAffinityConfig.clientIP.timeoutSeconds, trafficDistribution, \
         loadBalancerSourceRanges, publishNotReadyAddresses, externalIPs, externalName}",
    ),
    ("Service port", "name, port, targetPort, protocol, nodePort"),
    ("Node", "metadata.{name, labels}, spec.{podCIDR, taints, unschedulable}"),
    ("PodDisruptionBudget", "spec.{minAvailable, maxUnavailable, selector.matchLabels, unhealthyPodEvictionPolicy}"),
    ("Namespace", "metadata.name"),
    ("Ingress", "spec.{defaultBackend, rules.http.paths.backend}, for `podwire init`"),
    ("List", "items"),
];
