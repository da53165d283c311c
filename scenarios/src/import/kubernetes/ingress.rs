//! Ingresses: only the Services they name, as a clue to where requests come in. No Ingress is simulated.

use serde_json::Value;

use super::super::scalar;
use crate::draft::{Draft, DraftBackend};

/// Remembers the Services of an Ingress, in its order, the default one last.
pub(super) fn read(object: &Value, draft: &mut Draft) {
    let text = |pointer: &str| object.pointer(pointer).and_then(scalar);
    let ingress = text("/metadata/name").unwrap_or_default();
    let namespace = text("/metadata/namespace").unwrap_or_else(|| "default".to_owned());
    let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    let rules = list(object.pointer("/spec/rules"));
    let paths = rules.iter().flat_map(|rule| list(rule.pointer("/http/paths")));
    let backends: Vec<Value> = paths.filter_map(|path| path.get("backend").cloned()).collect();
    let default = object.pointer("/spec/defaultBackend").or_else(|| object.pointer("/spec/backend"));
    for backend in backends.iter().chain(default) {
        // The second form is that of the API before v1.
        let first = |pointers: &[&str]| pointers.iter().find_map(|pointer| backend.pointer(pointer).and_then(scalar));
        let Some(service) = first(&["/service/name", "/serviceName"]) else { continue };
        let port = first(&["/service/port/number", "/service/port/name", "/servicePort"]).unwrap_or_default();
        let found = DraftBackend { ingress: ingress.clone(), namespace: namespace.clone(), service, port };
        if !draft.ingress_backends.contains(&found) {
            draft.ingress_backends.push(found);
        }
    }
}
