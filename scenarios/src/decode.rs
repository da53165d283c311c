//! From a JSON value to a typed value, with the place of every problem: a value of the wrong type is reported,
//! taken out and the rest read again, so that all such problems come to light at once.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::diagnostics::codes::{MISSING_KEY, WRONG_TYPE};
use crate::diagnostics::{Place, Sink};
use crate::yaml::escape;

/// A typed value and the JSON pointers of the keys that its type does not know.
pub(crate) struct Decoded<T> {
    pub(crate) value: T,
    pub(crate) unknown: Vec<String>,
}

/// Reads `value`, which stands at `place`, as a `T`. `None` when not even a part of it is readable.
pub(crate) fn decode<T: DeserializeOwned>(mut value: Value, place: &Place, sink: &mut Sink) -> Option<Decoded<T>> {
    let mut removed: Vec<String> = Vec::new();
    loop {
        match attempt::<T>(&value) {
            Ok(decoded) => return Some(decoded),
            Err(failure) => {
                let Failure { pointer, message } = failure;
                let at = Place { pointer: format!("{}{pointer}", place.pointer), ..place.clone() };
                report(&pointer, &message, &at, &removed, sink);
                if pointer.is_empty() || removed.contains(&pointer) || !remove(&mut value, &pointer) {
                    return None;
                }
                removed.push(pointer);
            }
        }
    }
}

fn report(pointer: &str, message: &str, at: &Place, removed: &[String], sink: &mut Sink) {
    let missing = message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    match missing {
        // Its value was taken out above, and reported then.
        Some(field) if removed.contains(&format!("{pointer}/{}", escape(field))) => {}
        Some(field) => sink.report(MISSING_KEY, &at.key(), format!("`{field}` is missing here")),
        None => sink.report(WRONG_TYPE, at, message),
    }
}

struct Failure {
    pointer: String,
    message: String,
}

fn attempt<T: DeserializeOwned>(value: &Value) -> Result<Decoded<T>, Failure> {
    let mut unknown = Vec::new();
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(value, &mut track);
    let mut collect = |path: serde_ignored::Path<'_>| unknown.push(pointer_of_ignored(&path));
    let result = T::deserialize(serde_ignored::Deserializer::new(tracked, &mut collect));
    match result {
        Ok(value) => Ok(Decoded { value, unknown }),
        Err(error) => {
            let pointer = pointer_of_error(&track.path());
            Err(Failure { pointer, message: plain(&error.to_string()) })
        }
    }
}

/// Rust's names for types, in the words of a YAML file.
fn plain(message: &str) -> String {
    let words = [
        ("u16", "a whole number from 0 to 65535"),
        ("u32", "a whole number from 0 to 4294967295"),
        ("u64", "a whole number, 0 or more"),
        ("i64", "a whole number"),
        ("a sequence", "a list"),
        ("sequence", "list"),
        ("map", "mapping"),
    ];
    let Some((given, expected)) = message.split_once(", expected ") else { return message.to_owned() };
    let given = given.replace("sequence", "list").replace("invalid type: map", "invalid type: mapping");
    let known = words.iter().find(|(rust, _)| *rust == expected).map_or(expected, |(_, word)| word);
    let known = if expected.starts_with("struct ") { "a mapping" } else { known };
    format!("{given}, expected {known}")
}

fn pointer_of_error(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.extend(["/", &index.to_string()]),
            Segment::Map { key } => pointer.extend(["/", &escape(key)]),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

fn pointer_of_ignored(path: &serde_ignored::Path<'_>) -> String {
    use serde_ignored::Path;
    match path {
        Path::Root => String::new(),
        Path::Seq { parent, index } => format!("{}/{index}", pointer_of_ignored(parent)),
        Path::Map { parent, key } => format!("{}/{}", pointer_of_ignored(parent), escape(key)),
        Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => {
            pointer_of_ignored(parent)
        }
    }
}

/// Takes the value at a pointer out; an item of a list becomes `null` so that the others keep their places.
fn remove(value: &mut Value, pointer: &str) -> bool {
    let Some((parent, last)) = pointer.rsplit_once('/') else { return false };
    match value.pointer_mut(parent) {
        Some(Value::Object(map)) => map.shift_remove(&crate::yaml::unescape(last)).is_some(),
        Some(Value::Array(items)) => match last.parse::<usize>().ok().and_then(|index| items.get_mut(index)) {
            Some(item) if !item.is_null() => {
                *item = Value::Null;
                true
            }
            _ => false,
        },
        _ => false,
    }
}
