//! Metrics of hand-written records, computed by hand.

mod calls;

use sim_core::model::ids::{FaultId, LinkId, NodeId, PodId, ServicePortId, SourceId};
use sim_core::trace::fields::Client;
use sim_core::trace::header::ServicePortName;
use sim_core::trace::words::{ExitReason, Outcome};
use sim_core::trace::{Body, Level, TraceHeader, TraceSink};

use super::spec::{Selector, metric};
use super::{Metrics, Outage, RunMetrics, Stages};
use crate::testing::{Builder, MS, S, header, ip};
use crate::trace_io::{BinaryWriter, JsonlWriter, TraceReader};

fn measure(header: &TraceHeader, run: &Builder) -> RunMetrics {
    run.feed(Metrics::new(header)).finish()
}

/// Node-2 dies at 60 s with pod 1 on it; 112 s NotReady, 112.01 s out of the list, 113 s synced.
fn node_death(synced: bool) -> (Builder, u64) {
    let mut run = Builder::cluster();
    run.request(0, 10 * S, Some(0), Some((10 * S + 3 * MS, Outcome::Ok, 0)));
    run.at(60 * S);
    let fault = run.add(0, 0, Body::FaultStarted { fault: FaultId(0) });
    let down = run.add(fault, 0, Body::NodeDown { node: NodeId(2) });
    run.request(1, 61 * S, Some(1), Some((63 * S, Outcome::ConnectTimeout, down)));
    run.request(2, 62 * S, Some(0), Some((62 * S + 2 * MS, Outcome::Ok, 0)));
    run.at(112 * S);
    let not_ready = run.add(down, 0, Body::NodeNotReady { node: NodeId(2) });
    let pod = run.add(not_ready, 0, Body::PodNotReady { pod: PodId(1) });
    run.at(112 * S + 10 * MS);
    let removed = run.endpoint_gone(pod, 1, "10.244.2.2", 3);
    run.request(3, 112 * S + 500 * MS, Some(1), Some((114 * S + 500 * MS, Outcome::ConnectTimeout, down)));
    if synced {
        run.at(113 * S);
        run.add(removed, 0, Body::ProxySynced { node: NodeId(3), version: 3 });
    }
    run.request(4, 120 * S, Some(0), Some((120 * S + MS, Outcome::Ok, 0)));
    (run, down)
}

#[test]
fn an_outage_and_its_stages_by_hand() {
    let metrics = measure(&header(), &node_death(true).0);
    let stages = Stages {
        detection: Some(52 * S),
        propagation: Some(10 * MS),
        programming: Some(990 * MS),
        client: Some(1_500 * MS),
    };
    let expected = Outage {
        fault: "lost-node".into(),
        traffic: "curl".into(),
        from: 61 * S,
        to: 114 * S + 500 * MS,
        ended: true,
        stages,
        fault_at: 60 * S,
        failures: 2,
        calls: Vec::new(),
    };
    assert_eq!(metrics.outages, [expected]);
    let sum: u64 =
        [stages.detection, stages.propagation, stages.programming, stages.client].into_iter().flatten().sum();
    assert_eq!(metrics.outages[0].to - metrics.outages[0].fault_at, sum);
    assert_eq!((metrics.requests.total, metrics.requests.ok, metrics.requests.unfinished), (5, 3, 0));
    assert_eq!(metrics.requests.failed, [("connect-timeout", 2)].into());
    assert_eq!(metrics.traffic[0].attempts, 5);
    assert_eq!(metrics.latency.max, Some(3 * MS));
    assert_eq!(metrics.latency.mean, Some(2 * MS));
    let balance = &metrics.balance[0];
    let loads: Vec<_> = balance.instances.iter().map(|load| (load.address.as_str(), load.requests)).collect();
    assert_eq!(loads, [("10.244.1.2:80", 3), ("10.244.2.2:80", 0)]);
    assert_eq!(balance.max_over_mean, Some(2.0));
}

#[test]
fn values_by_name() {
    let metrics = measure(&header(), &node_death(true).0);
    let value = |name: &str, selector| metric(name).unwrap().value(&metrics, selector);
    let all = Selector::default();
    assert_eq!(value("request_success_rate", all), Some(0.6));
    assert_eq!(value("outage_duration", all), Some(53.5e9));
    assert_eq!(
        value("detection_time", Selector { fault: Some("lost-node"), traffic: Some("curl"), edge: None }),
        Some(52e9)
    );
    assert_eq!(value("outage_duration", Selector { fault: Some("other"), traffic: None, edge: None }), Some(0.0));
    assert_eq!(value("outage_ended", Selector { fault: Some("other"), traffic: None, edge: None }), Some(1.0));
    assert_eq!(value("detection_time", Selector { fault: Some("other"), traffic: None, edge: None }), None);
    assert_eq!(value("outage_duration", Selector { fault: Some("nothing"), traffic: None, edge: None }), None);
    assert_eq!(value("request_total", Selector { fault: None, traffic: Some("nobody"), edge: None }), None);
    assert_eq!(value("translations", all), Some(5.0));
    assert!(metric("no_such_metric").is_none());
}

#[test]
fn an_outage_has_not_ended_while_a_node_holds_the_dead_endpoint() {
    let outage = measure(&header(), &node_death(false).0).outages.remove(0);
    assert!(!outage.ended);
    assert_eq!(outage.stages.programming, None);
    assert_eq!(outage.stages.client, None);
    assert_eq!(outage.stages.propagation, Some(10 * MS));
}

#[test]
fn an_outage_has_not_ended_while_a_request_to_the_dead_pod_is_pending() {
    let (mut run, _) = node_death(true);
    run.request(5, 121 * S, Some(1), None);
    let metrics = measure(&header(), &run);
    assert!(!metrics.outages[0].ended);
    assert_eq!(metrics.requests.unfinished, 1);
}

#[test]
fn stages_end_with_the_outage() {
    let (mut run, _) = node_death(true);
    run.records.retain(|record| !(record.time.as_nanos() > 112 * S && record.body.kind().starts_with("request")));
    let outage = measure(&header(), &run).outages.remove(0);
    assert_eq!(outage.to, 63 * S);
    let (detection, zero) = (Some(3 * S), Some(0));
    assert_eq!(outage.stages, Stages { detection, propagation: zero, programming: zero, client: zero });
}

#[test]
fn a_new_node_does_not_delay_programming() {
    let (mut run, _) = node_death(true);
    run.at(400 * S);
    run.add(1, 0, Body::ProxySynced { node: NodeId(1), version: 4 });
    let number = 9;
    let client = Client::Node(NodeId(1));
    let body =
        Body::RequestArrived { source: SourceId(0), number, client, request_bytes: 0, response_bytes: 0, demand: 0 };
    run.add(0, 0, body);
    assert_eq!(measure(&header(), &run).outages[0].stages.programming, Some(990 * MS));
}

/// Docker: pods 0 and 1 behind host ports of node-1 and node-2, `curl` on node-3.
fn docker() -> (TraceHeader, Builder) {
    let mut head = header();
    (head.model, head.discovery) = ("port-mapping".into(), "static".into());
    let mut run = Builder::cluster();
    run.records.truncate(6);
    for (pod, workload) in [(0, 0), (1, 0), (2, 1)] {
        run.pod(1, pod, workload, pod + 1, "172.17.0.2");
    }
    for pod in 0..2 {
        publish(&mut run, 1, pod, 32_768);
    }
    let client = Client::Pod(PodId(2));
    run.add(1, 0, Body::ClientConfigured { source: SourceId(0), client, addresses: 2, version: 0 });
    for pod in 0..2_u8 {
        let (address, pod) = (std::net::IpAddr::from([192, 168, 0, 11 + pod]), PodId(u32::from(pod)));
        run.add(1, 0, Body::AddressWritten { source: SourceId(0), client, pod, address, port: 32_768 });
    }
    (head, run)
}

fn publish(run: &mut Builder, cause: u64, pod: u32, host_port: u16) -> u64 {
    let (pod, node) = (PodId(pod), NodeId(pod + 1));
    run.add(cause, 0, Body::PortPublished { pod, node, container_port: 80, host_port })
}

/// Pod 1 is killed at 60 s, fails one request and comes back under `host_port`.
fn restart_under(run: &mut Builder, host_port: u16) {
    run.at(60 * S);
    let fault = run.add(0, 0, Body::FaultStarted { fault: FaultId(0) });
    let exit = run.add(fault, 0, Body::ContainerExited { pod: PodId(1), container: 0, reason: ExitReason::Killed });
    let released = run.add(exit, 0, Body::PortReleased { pod: PodId(1), node: NodeId(2), host_port: 32_768 });
    run.request(0, 60 * S + MS, Some(1), Some((60 * S + 2 * MS, Outcome::ConnectionRefused, released)));
    run.at(60 * S + 100 * MS);
    let again = run.add(exit, 0, Body::ContainerStarted { pod: PodId(1), container: 0 });
    publish(run, again, 1, host_port);
    run.request(1, 61 * S, Some(0), Some((61 * S + MS, Outcome::Ok, 0)));
}

#[test]
fn each_port_of_a_service_has_addresses_of_its_own() {
    let mut head = header();
    head.service_ports.push(ServicePortName { port: 9_229, ..head.service_ports[0].clone() });
    let mut run = Builder::cluster();
    let (service_port, pod, address) = (ServicePortId(1), PodId(0), ip("10.244.1.2"));
    run.add(1, 0, Body::EndpointAdded { service_port, pod, address, port: 9_229, version: 3 });
    let metrics = measure(&head, &run);
    let address = |port: usize| metrics.balance[port].instances[0].address.as_str();
    assert_eq!((address(0), address(1)), ("10.244.1.2:80", "10.244.1.2:9229"));

    let (head, mut run) = docker();
    let (pod, node) = (PodId(0), NodeId(1));
    for (container_port, host_port) in [(9_229, 9_229), (80, 8_081), (9_230, 9_230)] {
        run.add(1, 0, Body::PortPublished { pod, node, container_port, host_port });
    }
    assert_eq!(measure(&head, &run).balance[0].instances[0].address, "192.168.0.11:8081");
}

#[test]
fn a_fixed_list_is_mended_only_by_the_same_address() {
    for (host_port, ended) in [(32_768, true), (32_769, false)] {
        let (head, mut run) = docker();
        restart_under(&mut run, host_port);
        let metrics = measure(&head, &run);
        assert_eq!(metrics.outages[0].ended, ended, "back under {host_port}");
        assert_eq!(metrics.outages[0].stages, Stages::default());
        assert_eq!(metrics.addressing.host_ports, 2);
        assert_eq!(metrics.addressing.addresses_per_client, 2);
        assert_eq!(metrics.addressing.reconfigurations, 0);
        assert_eq!(metrics.balance[0].instances[0].address, "192.168.0.11:32768");
    }
}

#[test]
fn a_registry_outage_ends_when_every_client_has_followed() {
    for followed in [true, false] {
        let (mut head, mut run) = docker();
        head.discovery = "registry".into();
        run.records
            .retain(|record| !matches!(record.body, Body::AddressWritten { .. } | Body::ClientConfigured { .. }));
        let (source, client, service_port) = (SourceId(0), Client::Pod(PodId(2)), ServicePortId(0));
        let (pod, address, port) = (PodId(1), ip("192.168.0.12"), 32_768);
        run.add(1, 0, Body::RegistryAdded { service_port, pod, address, port, version: 1 });
        run.add(1, 0, Body::ClientConfigured { source, client, addresses: 1, version: 1 });
        run.at(60 * S);
        let fault = run.add(0, 0, Body::FaultStarted { fault: FaultId(0) });
        let down = run.add(fault, 0, Body::NodeDown { node: NodeId(2) });
        run.request(0, 61 * S, Some(1), Some((63 * S, Outcome::ConnectTimeout, down)));
        run.at(90 * S);
        let failed = run.add(down, 0, Body::CheckFailed { service_port, pod });
        let removed = run.add(failed, 0, Body::RegistryRemoved { service_port, pod, address, port, version: 2 });
        if followed {
            run.at(90 * S + 700 * MS);
            run.add(removed, 0, Body::ClientConfigured { source, client, addresses: 0, version: 2 });
        }
        run.request(1, 90 * S + 600 * MS, Some(1), Some((92 * S + 600 * MS, Outcome::ConnectTimeout, down)));
        run.request(2, 95 * S, Some(0), Some((95 * S + MS, Outcome::Ok, 0)));
        let metrics = measure(&head, &run);
        let outage = &metrics.outages[0];
        assert_eq!(outage.ended, followed);
        assert_eq!((outage.stages.detection, outage.stages.propagation), (Some(30 * S), Some(0)));
        assert_eq!(outage.stages.programming, followed.then_some(700 * MS));
        assert_eq!(outage.stages.client, followed.then_some(1_900 * MS));
        assert_eq!(metrics.addressing.reconfigurations, u64::from(followed));
    }
}

#[test]
fn a_link_that_stays_down_keeps_the_outage_open() {
    for (up, ended) in [(true, true), (false, false)] {
        let mut run = Builder::cluster();
        run.at(60 * S);
        let fault = run.add(0, 0, Body::FaultStarted { fault: FaultId(1) });
        let down = run.add(fault, 0, Body::LinkDown { link: LinkId(1) });
        run.request(0, 61 * S, Some(1), Some((63 * S, Outcome::ConnectTimeout, down)));
        if up {
            run.at(70 * S);
            let over = run.add(fault, 0, Body::FaultEnded { fault: FaultId(1) });
            run.add(over, 0, Body::LinkUp { link: LinkId(1) });
        }
        run.request(1, 80 * S, Some(0), Some((80 * S + MS, Outcome::Ok, 0)));
        let metrics = measure(&header(), &run);
        assert_eq!((metrics.outages[0].fault.as_str(), metrics.outages[0].ended), ("other", ended));
    }
}

#[test]
fn failures_without_a_fault_are_no_outage() {
    let mut run = Builder::cluster();
    run.at(60 * S);
    run.add(0, 0, Body::FaultStarted { fault: FaultId(0) });
    run.request(0, 61 * S, Some(1), Some((63 * S, Outcome::RequestTimeout, 0)));
    let metrics = measure(&header(), &run);
    assert!(metrics.outages.is_empty());
    assert_eq!(metrics.requests.failures(), 1);
}

#[test]
fn only_the_observation_window_counts() {
    let mut head = header();
    head.warm_up = sim_core::kernel::time::SimDuration::from_secs(5);
    head.drain = sim_core::kernel::time::SimDuration::from_secs(100);
    let mut run = Builder::cluster();
    for (number, second) in [4, 5, 499, 500].into_iter().enumerate() {
        run.request(number as u64, second * S, Some(0), Some((second * S + MS, Outcome::Ok, 0)));
    }
    let metrics = measure(&head, &run);
    assert_eq!((metrics.requests.total, metrics.requests.ok), (2, 2));
    assert_eq!((metrics.traffic[0].attempts, metrics.addressing.translations), (2, 2));
    assert_eq!(metrics.balance[0].instances[0].requests, 2);
}

#[test]
fn translations_and_conflicts_by_hand() {
    // A clusterIP costs one DNAT, a container's host:port one SNAT and one DNAT, a pod IP nothing.
    let mut run = Builder::cluster();
    run.at(S);
    for (number, translations) in [1, 2, 0].into_iter().enumerate() {
        run.request(number as u64, S, Some(0), None);
        let opened = run.records.last_mut().unwrap();
        if let Body::ConnectionOpened { translations: count, .. } = &mut opened.body {
            *count = translations;
        }
    }
    let (pod, node, holder) = (PodId(1), NodeId(1), PodId(0));
    run.add(1, 0, Body::PortConflict { pod, node, host_port: 8_080, holder });
    let addressing = measure(&header(), &run).addressing;
    assert_eq!((addressing.translations, addressing.port_conflicts, addressing.host_ports), (3, 1, 0));
    assert_eq!(addressing.addresses_per_client, 1);
}

#[test]
fn a_saved_trace_gives_the_same_metrics() {
    let (run, _) = node_death(true);
    let online = measure(&header(), &run);
    let jsonl = run.feed(JsonlWriter::new(Vec::new(), &header(), Level::Connection).unwrap()).finish().unwrap();
    let binary = run.feed(BinaryWriter::new(Vec::new(), &header(), Level::Connection)).finish().unwrap();
    for bytes in [jsonl, binary] {
        let mut reader = TraceReader::open(bytes.as_slice()).unwrap();
        let mut metrics = Metrics::new(reader.header());
        reader.by_ref().for_each(|record| metrics.record(&record.unwrap()));
        assert_eq!(metrics.finish(), online);
    }
}
