//! `schema: service-packets`: what a node's rules do to the first packet of a connection.

use std::net::{IpAddr, SocketAddr};

use serde_json::Value;
use sim_core::control::endpoint_categories::{Endpoint, Policies, Viewer, categorise_endpoints};
use sim_core::dataplane::service_rules::{EndpointSet, Entry, Front, Sender, Usable, Verdict, decide, entry};
use sim_core::model::units::Subnet;

use super::{flag, list, only, port, text, texts};

/// The node whose rules are asked.
struct Here<'a> {
    name: &'a str,
    own: Vec<IpAddr>,
    pods: Subnet,
}

pub(super) fn check(document: &Value) -> Result<usize, Vec<String>> {
    only(document, &["schema", "source", "node", "podNetwork", "cases"]);
    let (network, prefix) = text(document, "podNetwork").split_once('/').unwrap();
    let here = Here {
        name: text(&document["node"], "name"),
        own: addresses(&document["node"], "addresses"),
        pods: Subnet { address: network.parse().unwrap(), prefix: prefix.parse().unwrap() },
    };
    let mut packets = 0;
    let mut problems = Vec::new();
    for case in list(document, "cases") {
        only(case, &["name", "services", "packets"]);
        for packet in list(case, "packets") {
            only(packet, &["name", "packet", "expect"]);
            only(&packet["expect"], &["to", "masquerade"]);
            packets += 1;
            let (to, masquerade) = outcome(&here, case, &packet["packet"]);
            let wanted = match &packet["expect"]["to"] {
                Value::String(word) => vec![word.as_str()],
                _ => texts(&packet["expect"], "to"),
            };
            if to != wanted || masquerade != flag(&packet["expect"], "masquerade") {
                let (case, packet) = (text(case, "name"), text(packet, "name"));
                problems.push(format!("{case}: {packet}: to {to:?}, masquerade {masquerade}"));
            }
        }
    }
    if problems.is_empty() { Ok(packets) } else { Err(problems) }
}

/// Where a packet may go, and whether the node hides its sender.
fn outcome(here: &Here<'_>, case: &Value, packet: &Value) -> (Vec<String>, bool) {
    only(packet, &["from", "dialled", "protocol"]);
    let dialled: SocketAddr = text(packet, "dialled").parse().unwrap();
    let from: IpAddr = text(packet, "from").parse().unwrap();
    let protocol = packet["protocol"].as_str().unwrap_or("TCP");
    for service in list(case, "services") {
        for served in list(service, "ports").iter().filter(|served| text(served, "protocol") == protocol) {
            let outside = [addresses(service, "externalIPs"), addresses(service, "loadBalancerIngress")].concat();
            let front = Front {
                cluster_ip: Some(text(service, "clusterIP").parse().unwrap()),
                outside: &outside,
                port: port(served, "port").unwrap(),
                node_port: port(served, "nodePort"),
            };
            if let Some(entry) = entry(front, dialled, &here.own) {
                return through(here, (service, served), entry, from);
            }
        }
    }
    (Vec::new(), false)
}

fn through(here: &Here<'_>, (service, served): (&Value, &Value), by: Entry, from: IpAddr) -> (Vec<String>, bool) {
    only(
        service,
        &["name", "clusterIP", "internal", "external", "externalIPs", "loadBalancerIngress", "ports", "endpoints"],
    );
    only(served, &["port", "targetPort", "protocol", "nodePort"]);
    let given = list(service, "endpoints");
    let endpoints: Vec<Endpoint<'_>> = given.iter().map(|it| endpoint(here, it)).collect();
    let policies = Policies {
        internal_local: text(service, "internal") == "Local",
        external_local: text(service, "external") == "Local",
        accessible_from_outside: port(served, "nodePort").is_some()
            || !list(service, "externalIPs").is_empty()
            || !list(service, "loadBalancerIngress").is_empty(),
    };
    let viewer = Viewer { name: here.name, zone: "", heeds_node_hints: true };
    let found = categorise_endpoints(&endpoints, policies, viewer);
    let usable = Usable { cluster: !found.cluster.is_empty(), local: !found.local.is_empty(), any: found.any };
    let sender = if here.own.contains(&from) {
        Sender::Node
    } else if here.pods.holds(from) {
        Sender::Pod
    } else {
        Sender::Other
    };
    match decide(by, sender, policies.internal_local, policies.external_local, usable) {
        Verdict::Reject => (vec!["REJECT".to_owned()], false),
        Verdict::Drop => (vec!["DROP".to_owned()], false),
        Verdict::Pass { set, masquerade } => {
            let places = match set {
                EndpointSet::Cluster => found.cluster,
                EndpointSet::Local => found.local,
            };
            let target = port(served, "targetPort").or(port(served, "port")).unwrap();
            let chosen: Vec<&str> = places.iter().map(|place| text(&given[*place], "address")).collect();
            let hairpin = chosen == [from.to_string()];
            (chosen.iter().map(|address| format!("{address}:{target}")).collect(), masquerade || hairpin)
        }
    }
}

fn endpoint<'a>(here: &Here<'_>, given: &Value) -> Endpoint<'a> {
    only(given, &["address", "node", "ready", "serving", "terminating"]);
    Endpoint {
        ready: flag(given, "ready"),
        serving: flag(given, "serving"),
        terminating: flag(given, "terminating"),
        local: text(given, "node") == here.name,
        ..Endpoint::default()
    }
}

fn addresses(value: &Value, key: &str) -> Vec<IpAddr> {
    texts(value, key).iter().map(|address| address.parse().unwrap()).collect()
}
