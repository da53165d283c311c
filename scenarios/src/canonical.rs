//! One text per value, whatever the order of its keys, and hashes of it. Knows no files.

use serde_json::Value;

/// The value as JSON with sorted keys and no spaces.
pub(crate) fn canonical(value: &Value) -> String {
    sorted(value).to_string()
}

/// The value as indented JSON with sorted keys.
pub(crate) fn canonical_pretty(value: &Value) -> String {
    let sorted = sorted(value);
    serde_json::to_string_pretty(&sorted).unwrap_or_else(|_| sorted.to_string())
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_by_key(|(key, _)| key.as_str());
            Value::Object(entries.into_iter().map(|(key, entry)| (key.clone(), sorted(entry))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// What stands in the pod names of a Deployment: a 32-bit hash in decimal, each digit spelt in Kubernetes'
/// alphabet without vowels (`SafeEncodeString`), so 9 or 10 characters as a rule.
pub(crate) fn template_hash(template: &Value) -> String {
    const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let hash = fnv_1a(canonical(template).as_bytes());
    let folded = (hash >> 32) ^ (hash & 0xffff_ffff);
    folded.to_string().bytes().map(|digit| char::from(ALPHABET[usize::from(digit) % ALPHABET.len()])).collect()
}

/// The 64-bit FNV-1a hash.
fn fnv_1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_order_of_keys_does_not_count() {
        assert_eq!(canonical(&json!({"b": 1, "a": [{"d": 1, "c": 2}]})), r#"{"a":[{"c":2,"d":1}],"b":1}"#);
    }

    #[test]
    fn fnv_1a_gives_the_published_values() {
        assert_eq!(fnv_1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv_1a(b"a"), 0xaf63_dc4c_8601_ec8c);
    }

    #[test]
    fn a_hash_looks_like_kubectls_and_follows_the_template() {
        let (one, other) = (template_hash(&json!({"image": "nginx"})), template_hash(&json!({"image": "httpd"})));
        assert_ne!(one, other);
        assert!((7..=10).contains(&one.len()) && one.chars().all(|c| "456789bcdf".contains(c)), "{one}");
    }
}
