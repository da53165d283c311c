//! What a scenario, its manifests and its compose files say of UDP.

#![allow(clippy::unwrap_used)]

mod common;

use common::{good, load_with, said};
use scenarios::{Loaded, Overrides};
use sim_core::kernel::time::SimDuration;
use sim_core::model::application::{HostPort, Protocol, Target};
use sim_core::model::call::{RetryOn, SocketUse};

/// A server of UDP and TCP on one number, and UDP alone on another.
const DNS: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: dns}
spec:
  selector: {matchLabels: {app: dns}}
  template:
    metadata: {labels: {app: dns}}
    spec:
      containers:
        - name: dns
          ports:
            - {containerPort: 53, protocol: TCP}
            - {containerPort: 53, protocol: UDP}
            - {containerPort: 123, protocol: UDP}
---
apiVersion: v1
kind: Service
metadata: {name: dns}
spec:
  type: NodePort
  selector: {app: dns}
  ports:
    - {name: dns-tcp, port: 53, protocol: TCP}
    - {name: dns, port: 53, protocol: UDP}
    - {name: time, port: 123, protocol: UDP}
    - {name: flood, port: 9, protocol: SCTP}
";

fn scenario(traffic: &str) -> String {
    format!(
        "apiVersion: podwire/v1\nkind: Scenario\nmetadata: {{name: test}}\nspec:\n  duration: 1m\n  include: [dns.yaml]\n  \
         arms: [docker-static, service]\n  traffic:\n    - {{name: t, from: node/node-1, arrivals: {{kind: constant, \
         rate: 1/s}}, {traffic}}}\n"
    )
}

fn load(traffic: &str) -> Loaded {
    load_with(&scenario(traffic), &[("dns.yaml", DNS)], &Overrides::default())
}

#[test]
fn the_ports_protocol_decides_and_tcp_comes_first() {
    let found = |traffic: &str| {
        let scenario = good(&scenario(traffic), &[("dns.yaml", DNS)]);
        let model = &scenario.arms[1].model;
        let call = &model.sources[0].call;
        let protocol = match call.to {
            Target::Service(port) => Some(model.service_port(port).protocol),
            Target::Services { .. } | Target::Pod { .. } | Target::Address { .. } => None,
        };
        (protocol, call.datagrams)
    };
    let (tcp, udp) = (Some(Protocol::Tcp), Some(Protocol::Udp));
    assert_eq!(found("to: 'service/dns:53'"), (tcp, None));
    assert_eq!(found("to: 'service/dns:53', protocol: udp"), (udp, Some(SocketUse::PerRequest)));
    assert_eq!(found("to: 'service/dns:dns'"), (udp, Some(SocketUse::PerRequest)));
    assert_eq!(found("to: 'service/dns:123', socket: kept"), (udp, Some(SocketUse::Kept)));
    assert_eq!(found("to: 'deployment/dns#0:53'"), (None, None));
    assert_eq!(
        found("to: 'deployment/dns#0:53', protocol: udp, socket: per-attempt"),
        (None, Some(SocketUse::PerAttempt))
    );
}

#[test]
fn a_client_of_udp_has_the_patience_of_a_resolver() {
    let call = |traffic: &str| good(&scenario(traffic), &[("dns.yaml", DNS)]).arms[1].model.sources[0].call.clone();
    assert_eq!(call("to: 'service/dns:123'").timeout, Some(SimDuration::from_secs(5)));
    assert_eq!(call("to: 'service/dns:123', timeout: 2s").timeout, Some(SimDuration::from_secs(2)));
    assert_eq!(call("to: 'service/dns:123', deadline: 9s").timeout, None);
    assert_eq!(call("to: 'service/dns:53'").timeout, None);
    let retried = call("to: 'service/dns:123', retries: {attempts: 2}").retries.unwrap().retry_on;
    assert_eq!(retried, RetryOn { connect: true, timeout: true, ..RetryOn::default() });
}

#[test]
fn what_means_nothing_is_an_error() {
    for key in
        ["connectTimeout: 1s", "connections: {pool: 1}", "tcpKeepalive: {}", "tcpUserTimeout: 1s", "connect: blocking"]
    {
        let codes = said(&load(&format!("to: 'service/dns:123', {key}")));
        assert_eq!(codes.iter().filter(|code| code.starts_with("E0205")).count(), codes.len(), "{key}: {codes:?}");
        assert!(!codes.is_empty(), "{key}");
    }
    let first = |traffic: &str| said(&load(traffic)).first().map(|said| said[..5].to_owned());
    assert_eq!(first("to: 'service/dns:53', socket: kept").as_deref(), Some("E0205"));
    assert_eq!(first("to: 'service/dns:123', socket: keep").as_deref(), Some("E0205"));
    assert_eq!(first("to: 'service/dns:123', protocol: upd").as_deref(), Some("E0205"));
    assert_eq!(first("to: 'service/dns:123', protocol: tcp").as_deref(), Some("E0404"));
    assert_eq!(first("to: 'service/dns:9'").as_deref(), Some("E0501"));
    let outside = scenario("to: 'service/dns:123', front: load-balancer").replace("node/node-1", "external");
    let loaded = load_with(&outside, &[("dns.yaml", DNS)], &Overrides::default());
    assert!(said(&loaded)[0].starts_with("E0501"), "{:?}", said(&loaded));
}

#[test]
fn ports_of_udp_are_published_beside_those_of_tcp() {
    let docker = scenario("to: 'service/dns:123'")
        .replace("  arms:", "  docker: {publish: {deployment/dns: ['53:53/udp']}}\n  arms:");
    let model = good(&docker, &[("dns.yaml", DNS)]).arms[0].model.clone();
    let publish = &model.workloads[0].publish;
    let published: Vec<_> = publish.iter().map(|it| (it.protocol, it.container_port, it.host_port)).collect();
    let dynamic = HostPort::Dynamic;
    assert_eq!(
        published,
        [(Protocol::Tcp, 53, dynamic), (Protocol::Udp, 123, dynamic), (Protocol::Udp, 53, HostPort::Fixed(53))]
    );
    let compose = "services:\n  dns:\n    image: i\n    ports: ['53:53/udp', '53:53']\n    expose: ['5353/udp']\n";
    let from_compose = scenario("to: 'service/dns:53', protocol: udp").replace("dns.yaml", "compose.yaml");
    let model = good(&from_compose, &[("compose.yaml", compose)]).arms[0].model.clone();
    let publish = &model.workloads[0].publish;
    let published: Vec<_> = publish.iter().map(|it| (it.protocol, it.container_port, it.host_port)).collect();
    let fixed = HostPort::Fixed(53);
    assert_eq!(published, [(Protocol::Udp, 53, fixed), (Protocol::Tcp, 53, fixed), (Protocol::Udp, 5_353, dynamic)]);
}
