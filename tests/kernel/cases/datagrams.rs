//! UDP: whom the kernel tells of a closed port, and how long a conntrack entry outlives the rule that made it.

use std::time::Duration;

use super::{deployment, scenario, seconds, service};
use crate::lab::{LIFE, Lab, Policies};
use crate::plan::Case;

/// Resolvers on node-1, a client that asks by datagrams on node-2, and what the client does.
fn case(replicas: u32, more: &str, traffic: &str) -> Case {
    let spec = format!(
        "
  duration: 30s
  topology: {{nodes: {{count: 2}}}}
  placement: {{deployment/web: [node-1], deployment/client: [node-2]}}
{more}  traffic:
    - {{name: t, from: deployment/client, to: 'service/web:80', timeout: 500ms, {traffic}}}\n"
    );
    let udp = |manifest: String, port: &str| manifest.replace(port, &port.replace('}', ", protocol: UDP}"));
    let manifests = [
        udp(deployment("web", replicas, Some(80)), "{containerPort: 80}"),
        deployment("client", 1, None),
        udp(service("web", ""), "{port: 80}"),
    ];
    Case::new(&scenario("service", &spec, &manifests), "service")
}

/// When a case's questions are asked, in milliseconds after the first one.
fn times(case: &Case) -> Vec<String> {
    let arrived: Vec<Duration> = case.requests().iter().map(|told| told.arrived).collect();
    arrived.iter().map(|at| at.saturating_sub(arrived[0]).as_millis().to_string()).collect()
}

fn words(fixed: &[&str], more: Vec<String>) -> Vec<String> {
    fixed.iter().map(|word| (*word).to_owned()).chain(more).collect()
}

/// A closed port: refused six times at once, then once a second (linux-kernel section 3).
pub(super) fn datagrams_refused() -> String {
    let fault =
        "  faults: [{name: shut, at: 1s, for: 20s, kind: container-kill, pod: {of: deployment/web, index: 0}}]\n";
    let case = case(1, fault, "arrivals: {kind: constant, rate: 10/s}, start: 2s, stop: 4450ms");
    let plan = case.plan(seconds(2));
    let lab = Lab::new("udp-refused", &plan, Policies::default());
    let target = plan.pods.iter().find(|pod| pod.name == "deployment/web#0").unwrap().address;
    let args = words(&["questions", &format!("{target}:80"), "own", "500"], times(&case));
    let seen = lab.space("deployment/client#0").run(&args, LIFE);
    let seen: Vec<&str> = seen.lines().collect();
    let told: Vec<&str> = case.requests().iter().map(|told| told.outcome.word()).collect();
    assert_eq!((seen.len(), told.len()), (24, 24));
    let refused = |all: &[&str]| -> Vec<usize> {
        all.iter().enumerate().filter(|(_, word)| **word == "ECONNREFUSED").map(|(place, _)| place).collect()
    };
    let (seen, told) = (refused(&seen), refused(&told));
    // The kernel's second may end just after the question that podwire's second has an error for.
    let near = seen.len() == told.len() && seen.iter().zip(&told).all(|(seen, told)| seen.abs_diff(*told) <= 1);
    assert!(near, "kernel {seen:?}, podwire {told:?}");
    format!("of 24 questions the kernel refused {seen:?}")
}

/// A kept socket: its datagrams go to the old pod for as long as the entry lives, whatever the rules say by then.
pub(super) fn datagrams_stale() -> String {
    let mut figures = Vec::new();
    // 2.5 s and 3.5 s after a second question; 5.5 s and 6.5 s after a fourth, when the entry is older than 2 s.
    for (pause, again) in [(2_500, 4_000), (2_500, 5_000), (4_500, 9_000), (4_500, 10_000)] {
        let steps = format!(
            "{{at: 0s, rate: 1/s}}, {{at: {pause}ms, rate: 0/s}}, {{at: {again}ms, rate: 1/s}}, {{at: {}ms, rate: 0/s}}",
            again + 1_000
        );
        let transport = "  transport: {nf_conntrack_udp_timeout: 3s, nf_conntrack_udp_timeout_stream: 6s}\n";
        let arrivals = format!("socket: kept, arrivals: {{kind: step, spacing: constant, steps: [{steps}]}}");
        let case = case(2, transport, &arrivals);
        let plan = case.plan(seconds(0));
        let lab = Lab::new("udp-stale", &plan, Policies::default());
        let node = lab.space("node-2");
        let limits = ["net.netfilter.nf_conntrack_udp_timeout=3", "net.netfilter.nf_conntrack_udp_timeout_stream=6"];
        node.run(&words(&["sysctl", limits[0], limits[1]], Vec::new()), seconds(10));
        let endpoints = &plan.services[0].endpoints;
        let mut servers = Vec::new();
        for (pod, socket) in endpoints {
            let name = plan.name(*pod);
            servers.push(lab.space(&name).serve(&words(&["resolver", &name, &socket.to_string()], Vec::new()), LIFE));
        }
        let address = plan.services[0].cluster_ip.to_string();
        let lead = |how: &[&str], place: usize| {
            let to = endpoints[place].1.to_string();
            let rule = ["-d", &address, "-p", "udp", "--dport", "80", "-j", "DNAT", "--to-destination", &to];
            let line = [&["iptables", "-w", "-t", "nat"][..], how, &rule].concat();
            node.command(&line, "").unwrap_or_else(|error| panic!("{error}"));
        };
        lead(&["-I", "PREROUTING"], 0);
        let args = words(&["questions", &format!("{address}:80"), "kept", "500"], times(&case));
        let client = lab.space("deployment/client#0").start(&args, LIFE);
        std::thread::sleep(Duration::from_millis(600));
        lead(&["-R", "PREROUTING", "1"], 1);
        let seen = client.wait(LIFE);
        // podwire's first entry stands for the old pod, its second for the new one.
        let told: Vec<String> = case.flows().iter().map(|flow| plan.name(endpoints[flow - 1].0)).collect();
        assert_eq!(seen.lines().collect::<Vec<_>>(), told, "{pause} {again}");
        figures.push(format!(
            "{} of {} by the old pod",
            told.iter().filter(|pod| **pod == told[0]).count(),
            told.len()
        ));
    }
    figures.join(", ")
}
