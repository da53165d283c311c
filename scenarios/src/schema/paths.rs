//! Which keys the format knows at a path: read from the JSON schema, so that they stand in one place.

use serde_json::Value;

use crate::yaml::unescape;

/// The schema of the format, ready to be asked.
pub(crate) struct Paths {
    root: Value,
}

/// What may stand below a mapping.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    /// These keys alone.
    Only(Vec<String>),
    /// Any key: the file chooses names, or a registry knows them.
    Any,
    /// It is not a mapping.
    None,
}

impl Paths {
    pub(crate) fn new() -> Self {
        Self { root: super::schema_value() }
    }

    /// The keys that the format knows below a JSON pointer.
    pub(crate) fn keys_at(&self, pointer: &str) -> Keys {
        let mut nodes = self.expand(&self.root);
        for segment in pointer.split('/').skip(1) {
            let segment = unescape(segment);
            let below = nodes.iter().flat_map(|node| self.below(node, &segment)).collect();
            nodes = below;
        }
        let mut known = Vec::new();
        for node in &nodes {
            if node.get("additionalProperties").is_some_and(|more| *more != Value::Bool(false)) {
                return Keys::Any;
            }
            if let Some(Value::Object(properties)) = node.get("properties") {
                known.extend(properties.keys().cloned());
            }
        }
        if known.is_empty() { Keys::None } else { Keys::Only(known) }
    }

    /// True when a list may stand at a JSON pointer.
    pub(crate) fn is_list(&self, pointer: &str) -> bool {
        let mut nodes = self.expand(&self.root);
        for segment in pointer.split('/').skip(1) {
            let segment = unescape(segment);
            let below = nodes.iter().flat_map(|node| self.below(node, &segment)).collect();
            nodes = below;
        }
        nodes.iter().any(|node| node.get("items").is_some())
    }

    fn below<'a>(&'a self, node: &'a Value, segment: &str) -> Vec<&'a Value> {
        let mut found = Vec::new();
        if let Some(property) = node.get("properties").and_then(|properties| properties.get(segment)) {
            found.push(property);
        } else if let Some(more) = node.get("additionalProperties").filter(|more| more.is_object()) {
            found.push(more);
        }
        if segment.bytes().all(|byte| byte.is_ascii_digit()) {
            found.extend(node.get("items"));
        }
        found.into_iter().flat_map(|found| self.expand(found)).collect()
    }

    /// A node with its references and alternatives followed.
    fn expand<'a>(&'a self, node: &'a Value) -> Vec<&'a Value> {
        let mut nodes = vec![node];
        if let Some(Value::String(reference)) = node.get("$ref") {
            let target = self.root.pointer(reference.trim_start_matches('#'));
            nodes.extend(target.into_iter().flat_map(|target| self.expand(target)));
        }
        for alternatives in ["anyOf", "allOf", "oneOf"] {
            if let Some(Value::Array(items)) = node.get(alternatives) {
                nodes.extend(items.iter().flat_map(|item| self.expand(item)));
            }
        }
        nodes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_knows_the_keys() {
        let paths = Paths::new();
        let Keys::Only(top) = paths.keys_at("/spec") else { panic!("spec has fixed keys") };
        assert!(top.contains(&"warmUp".to_owned()) && top.contains(&"traffic".to_owned()));
        let Keys::Only(source) = paths.keys_at("/spec/traffic/0") else { panic!("traffic has fixed keys") };
        assert!(source.contains(&"connectTimeout".to_owned()));
        assert_eq!(paths.keys_at("/spec/traffic/0/arrivals"), Keys::Any);
        assert_eq!(paths.keys_at("/spec/placement"), Keys::Any);
        assert_eq!(paths.keys_at("/spec/seed"), Keys::None);
        let Keys::Only(cluster) = paths.keys_at("/spec/cluster/kubeProxy") else { panic!("kubeProxy has fixed keys") };
        assert!(cluster.contains(&"minSyncPeriod".to_owned()));
        assert!(paths.is_list("/spec/traffic"));
        assert!(!paths.is_list("/spec/topology"));
    }
}
