//! Cases that others' tests and measurements have laid down, as data: every file of `tests/vectors` says by its `schema`
//! how it is read, so a new file is a new test.

mod affinity;
mod balancing;
mod endpoint_categories;
mod kernel;
mod ports;
mod service_packets;
mod transfers;

use std::path::Path;

use serde_json::Value;

/// Says what is wrong with a file's cases, a line each.
type Check = fn(&Value) -> Result<usize, Vec<String>>;

/// Every kind of file.
const SCHEMAS: &[(&str, Check)] = &[
    ("balancing", balancing::check),
    ("endpoint-categories", endpoint_categories::check),
    ("service-packets", service_packets::check),
    ("kernel-affinity", affinity::check),
    ("kernel-connect", |file| Ok(kernel::each(file, kernel::connect))),
    ("kernel-udp", |file| Ok(kernel::each(file, kernel::connect))),
    ("kernel-established", |file| Ok(kernel::each(file, kernel::established))),
    ("kernel-ports", |file| Ok(kernel::each(file, ports::check))),
    ("transfers", transfers::check),
    // `tests/curl.rs` asks podwire for each of its rows.
    ("kernel-addresses", |file| Ok(list(file, "rows").len())),
];

#[test]
fn all_vectors_hold() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut cases = 0;
    let mut problems = Vec::new();
    for file in &files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let documents = scenarios::read_yaml(&std::fs::read_to_string(file).unwrap());
        let documents = documents.unwrap_or_else(|problem| panic!("{name}: {problem}"));
        let [document] = &documents[..] else { panic!("{name}: {} documents", documents.len()) };
        let schema = text(document, "schema");
        assert!(!text(document, "source").is_empty(), "{name} names no source");
        let check = SCHEMAS.iter().find(|(known, _)| *known == schema);
        let (_, check) = check.unwrap_or_else(|| panic!("{name}: `{schema}` is no schema of vectors"));
        match check(document) {
            Ok(checked) => cases += checked,
            Err(found) => problems.extend(found.into_iter().map(|problem| format!("{name}: {problem}"))),
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(cases >= 26 + 64 + 69, "{cases} cases in {} files", files.len());
}

/// The text under a key; empty when there is none.
fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// Whether a key is `true`.
fn flag(value: &Value, key: &str) -> bool {
    value[key].as_bool().unwrap_or_default()
}

/// The list under a key; empty when there is none.
fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

/// The texts under a key.
fn texts<'a>(value: &'a Value, key: &str) -> Vec<&'a str> {
    list(value, key).iter().map(|item| item.as_str().unwrap()).collect()
}

/// The port under a key.
fn port(value: &Value, key: &str) -> Option<u16> {
    value.get(key).map(|port| u16::try_from(port.as_u64().unwrap()).unwrap())
}

/// Nothing stands in a mapping but these keys.
fn only(value: &Value, keys: &[&str]) {
    let unknown = value.as_object().into_iter().flatten().find(|(key, _)| !keys.contains(&key.as_str()));
    assert!(unknown.is_none(), "unknown key {unknown:?}");
}
