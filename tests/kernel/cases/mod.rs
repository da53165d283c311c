//! The cases, by theme, and what they share: texts, and what counts as agreement.

mod addresses;
mod balancing;
mod conntrack;
mod datagrams;
mod refusals;
mod silence;
mod sockets;

use std::fmt::Write as _;
use std::time::Duration;

use crate::lab::{Ask, Lab};
use crate::needs::Need;
use crate::plan::{Case as Scenario, Plan};

/// One scenario, played by both.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) needs: &'static [Need],
    /// Panics when the two disagree; gives figures otherwise.
    pub(crate) run: fn() -> String,
}

macro_rules! cases {
    ($($theme:ident::$name:ident needs [$($need:ident)*];)*) => {
        /// All cases; those that take long begin first.
        pub(crate) const CASES: &[Case] = &[$(
            Case { name: stringify!($name), needs: &[$(Need::$need),*], run: $theme::$name },
        )*];
    };
}

cases! {
    silence::silence_to_the_end needs [LinearTimeouts];
    sockets::ports_run_out needs [];
    balancing::affinity needs [Recent];
    silence::few_retries needs [LinearTimeouts];
    silence::links_that_come_back needs [LinearTimeouts];
    sockets::data_into_silence needs [];
    refusals::backlog needs [LinearTimeouts];
    addresses::docker_published_port needs [BridgeNetfilter];
    addresses::docker_wrong_container needs [];
    addresses::pods_and_nodes needs [];
    addresses::hairpin needs [BridgeNetfilter];
    addresses::node_port_cluster needs [Reject];
    addresses::node_port_local needs [];
    balancing::even_spread needs [];
    balancing::dead_third needs [];
    silence::dead_neighbour needs [];
    silence::stale_endpoint needs [];
    sockets::killed_server needs [];
    refusals::closed_port needs [];
    refusals::no_endpoints needs [Reject];
    sockets::established_goes_on needs [Reject];
    conntrack::conntrack_full needs [];
    datagrams::datagrams_stale needs [];
    datagrams::datagrams_refused needs [];
}

/// A scenario of one arm with what follows in its `spec`, and manifests behind it.
fn scenario(arm: &str, spec: &str, manifests: &[String]) -> String {
    let head = format!(
        "apiVersion: podwire/v1\nkind: Scenario\nmetadata: {{name: case}}\nspec:\n  seed: 7\n  arms: [{arm}]\n"
    );
    head + spec.trim_start_matches('\n') + &manifests.concat()
}

/// A Deployment; without a port its pods are clients.
fn deployment(name: &str, replicas: u32, port: Option<u16>) -> String {
    let ports = port.map(|port| format!(", ports: [{{containerPort: {port}}}]")).unwrap_or_default();
    let labels = format!("{{app: {name}}}");
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec: {{replicas: {replicas}, selector: \
         {{matchLabels: {labels}}}, template: {{metadata: {{labels: {labels}}}, spec: {{containers: [{{name: c, image: \
         i{ports}}}]}}}}}}\n"
    )
}

/// A Service of a Deployment on port 80; with more keys of its `spec`.
fn service(name: &str, more: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{selector: {{app: {name}}}, ports: \
         [{{port: 80}}]{more}}}\n"
    )
}

/// The same with a node port.
fn node_port(name: &str, port: u16, more: &str) -> String {
    service(name, &format!(", type: NodePort{more}")).replace("{port: 80}", &format!("{{port: 80, nodePort: {port}}}"))
}

const fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

/// Kernel timers fire late, by up to an eighth (linux-kernel section 0); the rest is a busy machine's.
fn agrees(seen: Duration, told: Duration) -> bool {
    let early = Duration::from_millis(2);
    let late = told / 8 + Duration::from_millis(200);
    seen + early >= told && seen <= told + late
}

#[track_caller]
fn assert_agrees(what: &str, seen: Duration, told: Duration) {
    assert!(agrees(seen, told), "{what}: the kernel took {seen:?}, podwire {told:?}");
}

fn secs(length: Duration) -> String {
    format!("{:.3} s", length.as_secs_f64())
}

/// The namespace of an end as `podwire curl` names it.
fn end(name: &str) -> String {
    match name.strip_prefix("node/") {
        Some(node) => node.to_owned(),
        None if name == "external" || name.contains('#') => name.to_owned(),
        None => format!("{name}#0"),
    }
}

/// Whether the server sees the client's own port.
fn port_word(own: u16, seen: u16) -> &'static str {
    if own == seen { "kept" } else { "another" }
}

/// Compares single connections, `FROM TO` each, at a time of the run: outcome, time, pod, the address the server sees.
fn compare_connections(case: &Scenario, plan: &Plan, lab: &Lab, at: Duration, rows: &[&str]) -> String {
    let mut figures = String::new();
    let mut wrong = Vec::new();
    for row in rows {
        let (from, to) = row.split_once(' ').expect("a row is FROM and TO");
        let told = case.curl(from, to, at);
        let ask = Ask { patience: Some(seconds(8)), ..Ask::ONCE };
        let seen = lab.ask(&end(from), told.dialled, ask).remove(0);
        let pod = told.pod.as_ref().map_or("-", |name| {
            plan.pods.iter().find(|pod| pod.shown == *name).map_or("an unknown pod", |pod| pod.name.as_str())
        });
        let expected = told.seen.map(|(own, peer)| (peer.ip(), port_word(own.port(), peer.port())));
        let source = seen.local.zip(seen.peer).map(|(own, peer)| (peer.ip(), port_word(own.port(), peer.port())));
        let podwire = (told.outcome.as_str(), pod, expected);
        let kernel = (seen.outcome.as_str(), seen.pod.as_str(), source);
        // A connection that comes about is compared without the time of its service.
        let told_time = if told.outcome == "ok" { Duration::ZERO } else { told.took };
        if podwire != kernel || !agrees(seen.connect, told_time) {
            wrong.push(format!("{row}: kernel {kernel:?} {:?}, podwire {podwire:?} {told_time:?}", seen.connect));
        }
        let source = source.map_or("-".to_owned(), |(address, port)| format!("{address} {port}"));
        let _ = write!(figures, "\n         {row}: {} {source} {}", seen.outcome, secs(seen.connect));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    figures
}
