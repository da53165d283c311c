//! Clients that a Service remembers.

#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the files hold seconds with one digit")]

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sim_core::model::ids::{NodeId, PodId};
use sim_core::trace::words::Outcome;
use sim_core::trace::{Body, Record};

use super::{flag, list, only, text};
use crate::lab::run_manifest;

/// Holds every row of a file against what its run shows; the number of rows.
pub(super) fn check(file: &Value) -> Result<usize, Vec<String>> {
    let rows = list(file, "rows");
    let problems: Vec<String> = rows.iter().filter_map(|row| problem(row).err()).collect();
    if problems.is_empty() { Ok(rows.len()) } else { Err(problems) }
}

fn number(row: &Value, key: &str) -> usize {
    row[key].as_u64().unwrap_or_else(|| panic!("`{key}` of {row}")) as usize
}

fn problem(row: &Value) -> Result<(), String> {
    only(row, &["name", "from", "clients", "endpoints", "timeoutSeconds", "gap", "rounds", "same", "pods", "perNode"]);
    let name = text(row, "name");
    let (clients, rounds) = (number(row, "clients"), number(row, "rounds"));
    let served = served(&records(row));
    if served.len() != clients * rounds {
        return Err(format!("{name}: {} connections", served.len()));
    }
    let pods: Vec<PodId> = served.iter().map(|(_, pod)| *pod).collect();
    if let [least, most] = list(row, "same") {
        // Clients ask in turn, so each has the same place in every round.
        let (before, last) = (&pods[clients * (rounds - 2)..clients * (rounds - 1)], &pods[clients * (rounds - 1)..]);
        let same = before.iter().zip(last).filter(|(before, last)| before == last).count() as u64;
        if !(least.as_u64().unwrap()..=most.as_u64().unwrap()).contains(&same) {
            return Err(format!("{name}: {same} the same"));
        }
    }
    let distinct: BTreeSet<PodId> = pods.into_iter().collect();
    if let Some(expected) = row["pods"].as_u64()
        && distinct.len() as u64 != expected
    {
        return Err(format!("{name}: {} pods", distinct.len()));
    }
    if flag(row, "perNode") {
        let by_node: BTreeMap<Option<NodeId>, PodId> = served.iter().copied().collect();
        if distinct.len() < 2 || served.iter().any(|(node, pod)| by_node[node] != *pod) {
            return Err(format!("{name}: {served:?}"));
        }
    }
    Ok(())
}

fn records(row: &Value) -> Vec<Record> {
    let (clients, rounds) = (number(row, "clients"), number(row, "rounds"));
    let from = row["from"].as_str().unwrap_or("deployment/curl");
    // Milliseconds between two connections of all clients together.
    let gap = (row["gap"].as_f64().unwrap() * 1_000_000.0).round() as usize / clients;
    let stop = gap * (clients * rounds) + gap / 2;
    let rest = format!(
        "  duration: {}s
  topology: {{nodes: {{count: 4}}}}
  cluster: {{maxPods: 251}}
  replicas: {{deployment/web: {}, deployment/curl: {}}}
  placement: {{deployment/web: [node-1, node-2, node-3, node-1], deployment/curl: [node-4]}}
  traffic:
    - name: curl
      from: {from}
      to: service/near:80
      arrivals: {{kind: constant, rate: 1/{gap}us}}
      stop: {stop}us
---
apiVersion: v1
kind: Service
metadata: {{name: near}}
spec:
  type: NodePort
  selector: {{app: web}}
  ports: [{{port: 80}}]
  sessionAffinity: ClientIP
  sessionAffinityConfig: {{clientIP: {{timeoutSeconds: {}}}}}
",
        stop / 1_000_000 + 5,
        number(row, "endpoints"),
        if from == "external" { 1 } else { clients },
        number(row, "timeoutSeconds"),
    );
    run_manifest("web.yaml", "service", &rest)
}

/// The node whose node port was dialled, and the pod that answered, by number of the request.
fn served(records: &[Record]) -> Vec<(Option<NodeId>, PodId)> {
    let mut via = BTreeMap::new();
    let mut all = BTreeMap::new();
    for record in records {
        match record.body {
            Body::ConnectionOpened { number, via: node, .. } => {
                via.insert(number, node);
            }
            Body::RequestEnded { number, outcome: Outcome::Ok, pod: Some(pod), .. } => {
                all.insert(number, (via[&number], pod));
            }
            _ => {}
        }
    }
    all.into_values().collect()
}
