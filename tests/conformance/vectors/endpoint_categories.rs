//! `schema: endpoint-categories`: which endpoints a node's kube-proxy uses.

use serde_json::Value;
use sim_core::control::endpoint_categories::{Endpoint, Policies, Viewer, categorise_endpoints};

use super::{flag, list, only, port, text, texts};

pub(super) fn check(document: &Value) -> Result<usize, Vec<String>> {
    only(document, &["schema", "source", "cases"]);
    let cases = list(document, "cases");
    let problems: Vec<String> =
        cases.iter().filter_map(|case| Some(format!("{}: {}", text(case, "name"), difference(case)?))).collect();
    if problems.is_empty() { Ok(cases.len()) } else { Err(problems) }
}

fn difference(case: &Value) -> Option<String> {
    only(case, &["name", "node", "service", "sameNodeHints", "endpoints", "expect"]);
    let (node, service, expect) = (&case["node"], &case["service"], &case["expect"]);
    only(node, &["name", "zone"]);
    only(service, &["internal", "external", "nodePort"]);
    only(expect, &["cluster", "local", "all", "any"]);
    let given = list(case, "endpoints");
    let hints: Vec<_> = given.iter().map(|it| (texts(it, "zones"), texts(it, "nodes"))).collect();
    let endpoints: Vec<Endpoint<'_>> = given.iter().zip(&hints).map(|(it, hints)| endpoint(it, hints)).collect();
    let policies = Policies {
        internal_local: text(service, "internal") == "Local",
        external_local: text(service, "external") == "Local",
        accessible_from_outside: port(service, "nodePort").is_some(),
    };
    let viewer =
        Viewer { name: text(node, "name"), zone: text(node, "zone"), heeds_node_hints: flag(case, "sameNodeHints") };
    let found = categorise_endpoints(&endpoints, policies, viewer);
    let named = |places: &[usize]| -> Vec<&str> { places.iter().map(|place| text(&given[*place], "at")).collect() };
    for (kind, used, places) in
        [("cluster", policies.uses_cluster(), &found.cluster), ("local", policies.uses_local(), &found.local)]
    {
        if used != expect.get(kind).is_some() {
            return Some(format!("the Service uses {kind} endpoints: {used}"));
        }
        if named(places) != texts(expect, kind) {
            return Some(format!("{kind} {:?}", named(places)));
        }
    }
    if named(&found.all) != texts(expect, "all") {
        return Some(format!("all {:?}", named(&found.all)));
    }
    let any = expect.get("any").is_some_and(|any| *any != Value::Bool(found.any));
    any.then(|| format!("any {}", found.any))
}

fn endpoint<'a>(given: &Value, (zones, nodes): &'a (Vec<&'a str>, Vec<&'a str>)) -> Endpoint<'a> {
    only(given, &["at", "ready", "serving", "terminating", "local", "zones", "nodes"]);
    Endpoint {
        ready: flag(given, "ready"),
        serving: flag(given, "serving"),
        terminating: flag(given, "terminating"),
        local: flag(given, "local"),
        zone_hints: zones,
        node_hints: nodes,
    }
}
