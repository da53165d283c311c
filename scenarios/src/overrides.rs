//! Values from the command line or from an arm, put into a scenario's tree by path: `cluster.maxPods`,
//! `traffic.curl.timeout`, `replicas.deployment/web`. Items of lists go by name or by number from 0.
//! A path that begins with a workload is short for one below `behaviour`.

use serde_json::{Map, Value};

use crate::lower::refs::KINDS;
use crate::nearest::did_you_mean;
use crate::schema::paths::{Keys, Paths};
use crate::yaml::escape;

/// What a caller changes in a scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// In place of `spec.seed`.
    pub seed: Option<u64>,
    /// Values by path below `spec`.
    pub set: Vec<(String, String)>,
    /// Lists of values by path below `spec`: every arm is multiplied by every combination of them.
    pub variants: Vec<(String, String)>,
    /// The scenario's arms to keep; all of them when empty.
    pub arms: Vec<String>,
    /// Warnings are errors.
    pub strict: bool,
}

/// Why a path leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadPath {
    pub(crate) message: String,
    pub(crate) help: String,
}

/// A path in full: one that begins with a workload says how its processes behave.
pub(crate) fn in_full(path: &str) -> String {
    let kind = path.split('.').next().and_then(|head| head.split_once('/')).map(|(kind, _)| kind);
    let workload = kind.is_some_and(|kind| KINDS.iter().any(|(known, _)| *known == kind));
    if workload { format!("behaviour.{path}") } else { path.to_owned() }
}

/// Puts a value into the tree of a scenario file and returns the JSON pointer where it now stands.
pub(crate) fn set(tree: &mut Value, path: &str, value: Value, paths: &Paths) -> Result<String, BadPath> {
    let path = &in_full(path);
    let mut pointer = "/spec".to_owned();
    let mut rest = path.as_str();
    let mut node = entry(tree, "spec");
    while !rest.is_empty() {
        let (segment, tail) = split(rest, node, paths, &pointer)?;
        rest = tail;
        if is_list(node, paths, &pointer) {
            let index = item(node, &segment, path)?;
            pointer = format!("{pointer}/{index}");
            let Value::Array(items) = node else { return Err(nowhere(path, &segment, "it is not a list")) };
            node = &mut items[index];
        } else {
            pointer = format!("{pointer}/{}", escape(&segment));
            node = entry(node, &segment);
        }
    }
    *node = value;
    Ok(pointer)
}

/// The first segment of a path, checked, and the rest. A key that the file chose may hold dots itself.
fn split<'a>(rest: &'a str, node: &Value, paths: &Paths, pointer: &str) -> Result<(String, &'a str), BadPath> {
    let (plain, tail) = rest.split_once('.').unwrap_or((rest, ""));
    match paths.keys_at(pointer) {
        _ if is_list(node, paths, pointer) => Ok((plain.to_owned(), tail)),
        Keys::Only(known) => {
            if known.iter().any(|key| key == plain) {
                return Ok((plain.to_owned(), tail));
            }
            let help = match plain.split_once('/') {
                Some((kind, _)) => did_you_mean(kind, KINDS.iter().map(|(known, _)| *known)),
                None => did_you_mean(plain, known.iter().map(String::as_str)),
            };
            Err(nowhere(rest, plain, &help))
        }
        Keys::Any => {
            let chosen = node.as_object().into_iter().flat_map(Map::keys);
            let whole = chosen.filter(|key| rest == *key || rest.starts_with(&format!("{key}.")));
            let Some(key) = whole.max_by_key(|key| key.len()) else { return Ok((plain.to_owned(), tail)) };
            Ok((key.clone(), rest[key.len()..].trim_start_matches('.')))
        }
        Keys::None => Err(nowhere(rest, plain, "nothing stands below a plain value")),
    }
}

/// Some values may be a list or a mapping; one that is not there yet becomes a mapping.
fn is_list(node: &Value, paths: &Paths, pointer: &str) -> bool {
    node.is_array() || (paths.is_list(pointer) && paths.keys_at(pointer) == Keys::None)
}

fn nowhere(path: &str, segment: &str, help: &str) -> BadPath {
    BadPath { message: format!("the path `{path}` leads nowhere: no `{segment}` here"), help: help.to_owned() }
}

/// The place of a list's item, by name or number.
fn item(node: &Value, segment: &str, path: &str) -> Result<usize, BadPath> {
    let items = node.as_array().map(Vec::as_slice).unwrap_or_default();
    let name = |item: &Value| item.as_str().or_else(|| item.get("name")?.as_str()).map(str::to_owned);
    let by_name = items.iter().position(|item| name(item).as_deref() == Some(segment));
    let by_number = segment.parse::<usize>().ok().filter(|index| *index < items.len());
    by_name.or(by_number).ok_or_else(|| {
        let names: Vec<String> = items.iter().filter_map(name).collect();
        nowhere(path, segment, &did_you_mean(segment, names.iter().map(String::as_str)))
    })
}

/// The entry of a mapping; whatever else stood there gives way.
fn entry<'a>(node: &'a mut Value, key: &str) -> &'a mut Value {
    if !node.is_object() {
        *node = Value::Object(Map::new());
    }
    // Indexing by a key inserts it when it is absent.
    &mut node[key]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_go_through_names_numbers_and_dots() {
        let paths = Paths::new();
        let mut tree = json!({"spec": {"traffic": [{"name": "curl"}], "replicas": {"deployment/a.b": 1}}});
        assert_eq!(set(&mut tree, "traffic.curl.timeout", json!("1s"), &paths).unwrap(), "/spec/traffic/0/timeout");
        assert_eq!(
            set(&mut tree, "traffic.0.arrivals.rate", json!("9/s"), &paths).unwrap(),
            "/spec/traffic/0/arrivals/rate"
        );
        assert_eq!(
            set(&mut tree, "replicas.deployment/a.b", json!(3), &paths).unwrap(),
            "/spec/replicas/deployment~1a.b"
        );
        assert_eq!(
            set(&mut tree, "cluster.kubeProxy.syncDelay", json!("5s"), &paths).unwrap(),
            "/spec/cluster/kubeProxy/syncDelay"
        );
        assert_eq!(
            set(&mut tree, "deploy/web.serviceTime.mean", json!("1ms"), &paths).unwrap(),
            "/spec/behaviour/deploy~1web/serviceTime/mean"
        );
        assert_eq!(tree["spec"]["replicas"]["deployment/a.b"], json!(3));
        assert_eq!(tree["spec"]["traffic"][0]["timeout"], json!("1s"));
    }

    #[test]
    fn an_unknown_path_names_the_nearest() {
        let paths = Paths::new();
        let mut tree = json!({"spec": {"traffic": [{"name": "curl"}]}});
        let error = set(&mut tree, "cluster.nodeMonitorGracPeriod", json!(1), &paths).unwrap_err();
        assert_eq!(error.help, "did you mean `nodeMonitorGracePeriod`?");
        let error = set(&mut tree, "traffic.crul.timeout", json!(1), &paths).unwrap_err();
        assert_eq!(error.help, "did you mean `curl`?");
        assert!(set(&mut tree, "seed.x", json!(1), &paths).is_err());
        let error = set(&mut tree, "deploymnet/web.startup", json!(1), &paths).unwrap_err();
        assert_eq!(error.help, "did you mean `deployment`?");
        let error = set(&mut tree, "deployment/web.startpu", json!(1), &paths).unwrap_err();
        assert_eq!(error.help, "did you mean `startup`?");
    }
}
