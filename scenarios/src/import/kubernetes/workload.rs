//! Deployments, `ReplicaSet`s, `StatefulSet`s, `DaemonSet`s, `ReplicationController`s and bare Pods.

use serde_json::Value;
use sim_core::kernel::time::SimDuration;
use sim_core::model::application::{Container, ContainerPort, RestartPolicy, WorkloadKind};
use sim_core::model::lifecycle::Updates;

use super::super::{port, scalar};
use super::types::{self, ContainerObject, Meta, PodSpec, Toleration};
use super::{boolean, identity, ignore_unknown, probes, protocol, termination, updates};
use crate::canonical::template_hash;
use crate::decode::decode;
use crate::diagnostics::codes::{BAD_VALUE, INCOMPLETE_OBJECT, LEFT_OUT, PARTLY_MODELLED};
use crate::diagnostics::{Place, Sink};
use crate::draft::{Clues, Draft, DraftContainer, DraftWorkload, Owner};
use crate::schema::values::Dict;

/// How long a pod without an own toleration stays on an unreachable node (D10).
pub(crate) const DEFAULT_TOLERATION: SimDuration = SimDuration::from_secs(300);

/// What all kinds of workload have in common, with the places of its parts.
struct Raw<'a> {
    kind: WorkloadKind,
    meta: Option<&'a Meta>,
    place: &'a Place,
    replicas: Option<i64>,
    selector: Dict<String>,
    selector_expressions: bool,
    selector_place: Place,
    labels: Dict<String>,
    pod: Option<&'a PodSpec>,
    pod_place: Place,
    template: Option<&'a Value>,
    updates: Updates,
}

/// A kind with a template and a selector of labels.
pub(crate) fn import(object: &Value, kind: WorkloadKind, place: &Place, draft: &mut Draft, sink: &mut Sink) {
    let Some(decoded) = decode::<types::Workload>(object.clone(), place, sink) else { return };
    ignore_unknown(&decoded.unknown, place, sink);
    let api_version = decoded.value.api_version;
    let spec = decoded.value.spec.unwrap_or_default();
    if api_version == "apps/v1" && spec.selector.is_none() {
        sink.report(INCOMPLETE_OBJECT, &place.at("spec").key(), "`spec.selector` is required in apps/v1");
    }
    let given = updates::Given {
        strategy: spec.strategy.as_ref(),
        update_strategy: spec.update_strategy.as_ref(),
        min_ready_seconds: spec.min_ready_seconds,
        pod_management_policy: spec.pod_management_policy.as_deref(),
    };
    let template = spec.template.clone().unwrap_or_default();
    let spec_place = place.at("spec");
    let raw = Raw {
        kind,
        meta: decoded.value.metadata.as_ref(),
        place,
        replicas: spec.replicas,
        selector: spec.selector.clone().unwrap_or_default().match_labels,
        selector_expressions: object.pointer("/spec/selector/matchExpressions").is_some(),
        selector_place: spec_place.at("selector"),
        labels: template.metadata.unwrap_or_default().labels,
        pod: template.spec.as_ref(),
        pod_place: spec_place.at("template").at("spec"),
        template: object.pointer("/spec/template"),
        updates: updates::read(&given, kind, &spec_place, sink),
    };
    draft.workloads.extend(build(&raw, sink));
}

/// A `ReplicationController`.
pub(crate) fn import_controller(object: &Value, place: &Place, draft: &mut Draft, sink: &mut Sink) {
    let Some(decoded) = decode::<types::Controller>(object.clone(), place, sink) else { return };
    ignore_unknown(&decoded.unknown, place, sink);
    let spec = decoded.value.spec.unwrap_or_default();
    let template = spec.template.unwrap_or_default();
    let raw = Raw {
        kind: WorkloadKind::ReplicationController,
        meta: decoded.value.metadata.as_ref(),
        place,
        replicas: spec.replicas,
        selector: spec.selector,
        selector_expressions: false,
        selector_place: place.at("spec").at("selector"),
        labels: template.metadata.unwrap_or_default().labels,
        pod: template.spec.as_ref(),
        pod_place: place.at("spec").at("template").at("spec"),
        template: object.pointer("/spec/template"),
        updates: Updates::default(),
    };
    draft.workloads.extend(build(&raw, sink));
}

/// A bare Pod.
pub(crate) fn import_pod(object: &Value, place: &Place, draft: &mut Draft, sink: &mut Sink) {
    let Some(decoded) = decode::<types::Pod>(object.clone(), place, sink) else { return };
    ignore_unknown(&decoded.unknown, place, sink);
    if let Some(phase @ ("Succeeded" | "Failed")) = decoded.value.status.phase.as_deref() {
        let message = format!("the pod has ended ({phase}), so it is left out");
        sink.report(LEFT_OUT, &place.at("metadata").at("name"), message);
        super::skip(object, "Pod", draft);
        return;
    }
    let labels = decoded.value.metadata.as_ref().map(|meta| meta.labels.clone()).unwrap_or_default();
    let raw = Raw {
        kind: WorkloadKind::Pod,
        meta: decoded.value.metadata.as_ref(),
        place,
        replicas: None,
        selector: Dict::default(),
        selector_expressions: false,
        selector_place: place.clone(),
        labels,
        pod: decoded.value.spec.as_ref(),
        pod_place: place.at("spec"),
        template: object.get("spec"),
        updates: Updates::default(),
    };
    draft.workloads.extend(build(&raw, sink));
}

fn build(raw: &Raw<'_>, sink: &mut Sink) -> Option<DraftWorkload> {
    let (name, namespace) = identity(raw.meta, raw.place, sink)?;
    let default = PodSpec::default();
    let pod = raw.pod.unwrap_or(&default);
    if boolean(pod.host_network, &raw.pod_place.at("hostNetwork"), sink) {
        let message = "hostNetwork is not modelled: the pod gets an address of its own";
        sink.report(PARTLY_MODELLED, &raw.pod_place.at("hostNetwork"), message);
    }
    if pod.readiness_gates.iter().next().is_some() {
        let message = "nobody sets the conditions of readiness gates here, so they are taken to be true from the start";
        sink.report(PARTLY_MODELLED, &raw.pod_place.at("readinessGates"), message);
    }
    let containers = containers(pod, &raw.pod_place, sink);
    if containers.is_empty() {
        sink.report(INCOMPLETE_OBJECT, &raw.place.at("metadata").at("name"), format!("{name} has no container"));
    }
    let daemon = raw.kind == WorkloadKind::DaemonSet;
    Some(DraftWorkload {
        place: raw.place.at("metadata").at("name"),
        kind: raw.kind,
        name,
        namespace,
        replicas: replicas(raw, sink),
        labels: raw.labels.0.clone().into_iter().collect(),
        containers,
        restart_policy: restart_policy(pod, raw.kind, &raw.pod_place, sink),
        unreachable_toleration: if daemon { None } else { toleration(pod) },
        updates: raw.updates,
        termination: termination::read(pod, &raw.pod_place, sink),
        template_hash: template_hash(raw.template.unwrap_or(&Value::Null)),
        own_labels: raw.meta.map(|meta| meta.labels.0.clone()).unwrap_or_default().into_iter().collect(),
        selector: raw.selector.0.clone().into_iter().collect(),
        selector_expressions: raw.selector_expressions,
        selector_place: raw.selector_place.clone(),
        node_name: pod.node_name.clone().map(|node| (raw.pod_place.at("nodeName"), node)),
        published: None,
        networks: Vec::new(),
        owner: owner(raw.meta),
        pod_nodes: Vec::new(),
        made_up: false,
        clues: clues(pod),
    })
}

/// The controller among the owners.
fn owner(meta: Option<&Meta>) -> Option<Owner> {
    let owners = meta.iter().flat_map(|meta| meta.owner_references.iter()).map(|(_, owner)| owner);
    let controller = owners.into_iter().find(|owner| owner.controller.value)?;
    Some(Owner { kind: controller.kind.clone(), name: controller.name.clone() })
}

fn clues(pod: &PodSpec) -> Clues {
    let mut clues = Clues::default();
    for (_, container) in pod.containers.iter() {
        let variables =
            container.env.iter().filter_map(|(_, entry)| Some((scalar(&entry.name)?, scalar(&entry.value)?)));
        clues.environment.extend(variables);
        let words = container.command.iter().chain(container.args.iter());
        clues.words.extend(words.filter_map(|(_, word)| scalar(word)));
    }
    clues
}

fn replicas(raw: &Raw<'_>, sink: &mut Sink) -> u32 {
    let wanted = raw.replicas.unwrap_or(1);
    u32::try_from(wanted).unwrap_or_else(|_| {
        let message = format!("{wanted} replicas cannot be");
        sink.help(BAD_VALUE, &raw.place.at("spec").at("replicas"), message, "write 0 or more");
        1
    })
}

fn containers(pod: &PodSpec, place: &Place, sink: &mut Sink) -> Vec<DraftContainer> {
    let place = place.at("containers");
    pod.containers.iter().map(|(index, object)| container(object, &place.item(index), sink)).collect()
}

fn container(object: &ContainerObject, place: &Place, sink: &mut Sink) -> DraftContainer {
    let name = object.name.clone().unwrap_or_default();
    if name.is_empty() {
        sink.report(INCOMPLETE_OBJECT, place, "a container without a name");
    }
    let mut ports = Vec::new();
    let mut port_places = Vec::new();
    for (index, entry) in object.ports.iter() {
        let at = place.at("ports").item(index);
        let protocol = protocol(entry.protocol.as_deref(), &at, sink);
        let Some(number) = entry.container_port else {
            sink.report(INCOMPLETE_OBJECT, &at, "a port without `containerPort`");
            continue;
        };
        // A hostPort of 0 means none.
        let wanted = entry.host_port.filter(|number| *number != 0);
        let host_port = wanted.and_then(|number| port(number, "hostPort", &at.at("hostPort"), sink));
        let Some(number) = port(number, "containerPort", &at.at("containerPort"), sink) else { continue };
        ports.push(ContainerPort { name: entry.name.clone().unwrap_or_default(), port: number, host_port, protocol });
        port_places.push(at);
    }
    if object.image_pull_policy.as_deref() == Some("Never") {
        let message = "a node without the image pulls it here all the same, if `imagePullTime` is set";
        sink.report(PARTLY_MODELLED, &place.at("imagePullPolicy"), message);
    }
    let (probes, probe_places) = probes::read(object, &ports, place, sink);
    DraftContainer { container: Container { name, ports, probes }, port_places, probe_places }
}

fn restart_policy(pod: &PodSpec, kind: WorkloadKind, place: &Place, sink: &mut Sink) -> RestartPolicy {
    let place = place.at("restartPolicy");
    let policy = match pod.restart_policy.as_deref().unwrap_or("Always") {
        "Always" => RestartPolicy::Always,
        "OnFailure" => RestartPolicy::OnFailure { max: 0 },
        "Never" => RestartPolicy::Never,
        other => {
            let message = format!("`{other}` is not a restart policy");
            sink.help(BAD_VALUE, &place, message, "known: Always, OnFailure, Never");
            RestartPolicy::Always
        }
    };
    if kind != WorkloadKind::Pod && policy != RestartPolicy::Always {
        let message = format!("a template of a {} allows the restart policy Always alone", kind.reference());
        sink.report(INCOMPLETE_OBJECT, &place, message);
    }
    policy
}

/// The shortest of the tolerations that match the taint, or the default when none does (D10).
fn toleration(pod: &PodSpec) -> Option<SimDuration> {
    let matching: Vec<&Toleration> = pod.tolerations.iter().map(|(_, entry)| entry).filter(|e| tolerates(e)).collect();
    if matching.is_empty() {
        return Some(DEFAULT_TOLERATION);
    }
    let shortest = matching.iter().filter_map(|entry| entry.seconds).min()?;
    Some(SimDuration::from_secs(u64::try_from(shortest).unwrap_or(0)))
}

fn tolerates(entry: &Toleration) -> bool {
    let key = entry.key.as_deref().unwrap_or_default();
    let exists = entry.operator.as_deref() == Some("Exists");
    let effect = entry.effect.as_deref().unwrap_or_default();
    let key_matches = key == "node.kubernetes.io/unreachable" || (key.is_empty() && exists);
    key_matches && (effect.is_empty() || effect == "NoExecute")
}
