//! Foreign files: Kubernetes manifests and compose files, told apart by what they hold.

pub(crate) mod compose;
mod compose_networks;
mod compose_ports;
mod image_ports;
pub(crate) mod kubernetes;
pub(crate) mod owners;

use serde_json::Value;

use crate::diagnostics::codes::{PORT_RANGE, UNRECOGNISED};
use crate::diagnostics::{Place, Sink};
use crate::draft::Draft;
use crate::yaml::unescape;

/// What a document is, by its contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DocumentKind {
    /// podwire's own.
    Scenario,
    /// A Kubernetes object or list.
    Kubernetes,
    /// A compose file.
    Compose,
    /// Nothing.
    Empty,
    /// Something else.
    Unknown,
}

/// Tells a document apart by its top-level keys.
pub(crate) fn kind_of(document: &Value) -> DocumentKind {
    let text = |key: &str| document.get(key).and_then(Value::as_str).unwrap_or_default();
    if document.is_null() {
        DocumentKind::Empty
    } else if text("apiVersion").starts_with("podwire/") || text("kind") == "Scenario" {
        DocumentKind::Scenario
    } else if document.get("kind").is_some() {
        DocumentKind::Kubernetes
    } else if document.get("services").is_some() {
        DocumentKind::Compose
    } else {
        DocumentKind::Unknown
    }
}

/// Imports one foreign document into the draft.
pub(crate) fn import(document: &Value, place: &Place, draft: &mut Draft, sink: &mut Sink) {
    match kind_of(document) {
        DocumentKind::Kubernetes => kubernetes::import(document, place, draft, sink),
        DocumentKind::Compose => compose::import(document, place, draft, sink),
        DocumentKind::Empty => {}
        DocumentKind::Scenario => {
            let message = "a scenario cannot stand inside another one";
            sink.help(UNRECOGNISED, place, message, "include manifests and compose files only");
        }
        DocumentKind::Unknown => sink.help(
            UNRECOGNISED,
            place,
            "this is neither a scenario nor a Kubernetes manifest nor a compose file",
            "a scenario has `apiVersion: podwire/v1`, a manifest has `kind`, a compose file has `services`",
        ),
    }
}

/// Reports every key that a foreign file holds and podwire does not model; extensions are meant to be skipped.
fn ignore_all(unknown: &[String], place: &Place, sink: &mut Sink) {
    for pointer in unknown {
        if pointer.split('/').any(|segment| segment.starts_with("x-")) {
            continue;
        }
        let key = unescape(pointer.rsplit('/').next().unwrap_or_default());
        let at = Place { pointer: format!("{}{pointer}", place.pointer), ..place.clone() };
        sink.ignore(&at, &key);
    }
}

/// The text of a scalar; a list, a mapping and nothing have none.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A port, or an error at its place.
fn port(number: i64, what: &str, place: &Place, sink: &mut Sink) -> Option<u16> {
    let valid = u16::try_from(number).ok().filter(|port| *port > 0);
    if valid.is_none() {
        sink.help(PORT_RANGE, place, format!("the {what} {number} is no port"), "ports go from 1 to 65535");
    }
    valid
}
