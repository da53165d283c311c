//! Kubernetes objects: block and flow style, JSON, lists, many documents to a file.

mod budget;
mod ingress;
mod node;
mod probes;
pub(crate) mod service;
mod service_traffic;
mod termination;
pub(crate) mod types;
mod updates;
pub(crate) mod workload;

use serde_json::Value;
use sim_core::model::application::{Protocol, WorkloadKind};

use super::ignore_all;
use crate::decode::decode;
use crate::diagnostics::codes::{BAD_VALUE, INCOMPLETE_OBJECT, LENIENT_BOOLEAN, SKIPPED_KIND};
use crate::diagnostics::{Place, Sink};
use crate::draft::Draft;
use crate::nearest::nearest;
use crate::schema::values::Flag;
use types::Meta;

/// Imports one object, or all objects of a list.
pub(crate) fn import(object: &Value, place: &Place, draft: &mut Draft, sink: &mut Sink) {
    let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
    match kind {
        "Deployment" => workload::import(object, WorkloadKind::Deployment, place, draft, sink),
        "ReplicaSet" => workload::import(object, WorkloadKind::ReplicaSet, place, draft, sink),
        "StatefulSet" => workload::import(object, WorkloadKind::StatefulSet, place, draft, sink),
        "DaemonSet" => workload::import(object, WorkloadKind::DaemonSet, place, draft, sink),
        "ReplicationController" => workload::import_controller(object, place, draft, sink),
        "Pod" => workload::import_pod(object, place, draft, sink),
        "Service" => service::import(object, place, draft, sink),
        "Node" => node::import(object, place, draft, sink),
        "PodDisruptionBudget" => budget::import(object, place, draft, sink),
        "Namespace" => import_namespace(object, place, sink),
        // What controllers derive from the objects above, podwire derives itself.
        "EndpointSlice" | "Endpoints" | "Event" | "Lease" | "ControllerRevision" => {}
        "List" => {
            let items = object.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            for (index, item) in items.iter().enumerate() {
                import(item, &place.at("items").item(index), draft, sink);
            }
        }
        "" => sink.report(INCOMPLETE_OBJECT, place, "an object without `kind`"),
        other => {
            if other == "Ingress" {
                ingress::read(object, draft);
            }
            skip(object, other, draft);
            let place = place.at("kind");
            let message = format!("objects of kind {other} are skipped");
            match nearest(other, KINDS.iter().copied()) {
                Some(kind) => sink.help(SKIPPED_KIND, &place, message, &format!("did you mean `{kind}`?")),
                None => sink.report(SKIPPED_KIND, &place, message),
            }
        }
    }
}

/// Kinds that are imported.
const KINDS: &[&str] = &[
    "Deployment",
    "ReplicaSet",
    "StatefulSet",
    "DaemonSet",
    "ReplicationController",
    "Pod",
    "Service",
    "Node",
    "PodDisruptionBudget",
    "Namespace",
    "List",
];

/// Remembers an object that is not imported.
fn skip(object: &Value, kind: &str, draft: &mut Draft) {
    let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    draft.skipped.push(format!("{kind}/{name}"));
}

fn import_namespace(object: &Value, place: &Place, sink: &mut Sink) {
    let Some(decoded) = decode::<types::Named>(object.clone(), place, sink) else { return };
    ignore_unknown(&decoded.unknown, place, sink);
    identity(decoded.value.metadata.as_ref(), place, sink);
}

/// What the API server writes into `metadata`, whoever made the object.
const WRITTEN_BY_THE_SERVER: [&str; 6] =
    ["creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"];

/// Reports keys without a model, but those that the API server writes itself.
fn ignore_unknown(unknown: &[String], place: &Place, sink: &mut Sink) {
    let of_server = |pointer: &str| {
        let (parent, key) = pointer.rsplit_once('/').unwrap_or_default();
        pointer == "/status"
            || pointer.starts_with("/status/")
            || (parent.ends_with("/metadata") && WRITTEN_BY_THE_SERVER.contains(&key))
    };
    let unknown: Vec<String> = unknown.iter().filter(|pointer| !of_server(pointer)).cloned().collect();
    ignore_all(&unknown, place, sink);
}

/// Name and namespace of an object.
fn identity(meta: Option<&Meta>, place: &Place, sink: &mut Sink) -> Option<(String, String)> {
    let name = meta.and_then(|meta| meta.name.clone()).filter(|name| !name.is_empty());
    if name.is_none() {
        sink.report(INCOMPLETE_OBJECT, &place.at("metadata").key(), "the object has no `metadata.name`");
    }
    let namespace = meta.and_then(|meta| meta.namespace.clone()).unwrap_or_else(|| "default".to_owned());
    Some((name?, namespace))
}

fn protocol(text: Option<&str>, place: &Place, sink: &mut Sink) -> Protocol {
    match text.unwrap_or("TCP") {
        "TCP" => Protocol::Tcp,
        "UDP" => Protocol::Udp,
        "SCTP" => Protocol::Sctp,
        other => {
            let message = format!("`{other}` is not a protocol");
            sink.help(BAD_VALUE, &place.at("protocol"), message, "known: TCP, UDP, SCTP");
            Protocol::Tcp
        }
    }
}

/// Warns of a boolean that only YAML 1.1 takes for one.
fn boolean(flag: Flag, place: &Place, sink: &mut Sink) -> bool {
    flag.read(|message| sink.help(LENIENT_BOOLEAN, place, message, "write true or false"))
}
