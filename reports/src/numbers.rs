//! Integers in JSON: exact for every reader, so those above 2^53 stand as texts.

use serde::Serializer;

/// The largest integer that every JSON reader keeps exactly: 2^53.
pub(crate) const LARGEST_EXACT: u64 = 1 << 53;

/// Serialises an integer.
#[allow(clippy::trivially_copy_pass_by_ref)] // the signature that serde asks for
pub(crate) fn integer<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    if *number > LARGEST_EXACT { serializer.collect_str(number) } else { serializer.serialize_u64(*number) }
}

/// Serialises an integer or `null`.
#[allow(clippy::ref_option)] // the signature that serde asks for
pub(crate) fn optional<S: Serializer>(number: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    match number {
        Some(number) => integer(number, serializer),
        None => serializer.serialize_none(),
    }
}

/// Reads an integer written either way.
pub(crate) fn from_json(value: &serde_json::Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}
