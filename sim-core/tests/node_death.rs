//! A model built by hand, without any file: the tutorial's two web servers, a client, and a node that dies.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test that cannot be set up must fail")]

use std::sync::Arc;

use sim_core::faults::FAULTS;
use sim_core::kernel::time::{SimDuration, SimTime};
use sim_core::model::application::{
    Behaviour, Container, ContainerPort, HostPort, Origin, Probes, Protocol, Publish, RestartPolicy, Service,
    ServiceKind, ServicePort, Source, Target, Workload, WorkloadKind,
};
use sim_core::model::balancing_choice::BalancingChoice;
use sim_core::model::call::Call;
use sim_core::model::ids::{NodeId, ServiceId, ServicePortId, WorkloadId};
use sim_core::model::lifecycle::{Termination, Updates};
use sim_core::model::parameters::{Argument, Arguments, Victim, find};
use sim_core::model::service_traffic::ServiceTraffic;
use sim_core::model::settings::{
    AddressModelKind, ClusterSettings, Discovery, DnsSettings, DockerSettings, Front, Limits, RegistrySettings,
    Rescheduler, TransportSettings,
};
use sim_core::model::units::{Bandwidth, Rate};
use sim_core::model::{Fault, Model, ModelParts};
use sim_core::topology::generators::{LinkProfile, star};
use sim_core::topology::{Fabric, Node, NodeRole, Topology};
use sim_core::trace::words::Outcome;
use sim_core::trace::{Body, Level, Record};
use sim_core::workload::arrivals::ARRIVALS;
use sim_core::workload::distribution::Distribution;
use sim_core::world::World;

fn node(name: &str, last: u8, role: NodeRole) -> Node {
    Node {
        name: name.to_owned(),
        zone: name.to_owned(),
        role,
        address: [192, 168, 0, last].into(),
        pod_cidr: None,
        unschedulable: false,
    }
}

fn workload(name: &str, replicas: u32, placement: &[u32], port: Option<u16>) -> Workload {
    let ports = port.map(|port| ContainerPort { name: String::new(), port, host_port: None, protocol: Protocol::Tcp });
    Workload {
        name: name.to_owned(),
        namespace: "default".to_owned(),
        kind: WorkloadKind::Deployment,
        replicas,
        template_hash: "5d69c8bb5c".to_owned(),
        labels: vec![],
        containers: vec![Container {
            name: name.to_owned(),
            ports: ports.into_iter().collect(),
            probes: Probes::default(),
        }],
        restart_policy: RestartPolicy::Always,
        unreachable_toleration: Some(SimDuration::from_secs(300)),
        placement: placement.iter().map(|node| NodeId(*node)).collect(),
        networks: Vec::new(),
        publish: port
            .map(|port| Publish { container_port: port, host_port: HostPort::Dynamic, protocol: Protocol::Tcp })
            .into_iter()
            .collect(),
        behaviour: Behaviour {
            service_time: Distribution::Exponential(SimDuration::from_millis(2)),
            concurrency: Some(8),
            startup: SimDuration::from_secs(3),
            ..Behaviour::default()
        },
        calls: vec![],
        updates: Updates::default(),
        termination: Termination::default(),
    }
}

fn service() -> Service {
    Service {
        name: "my-nginx".to_owned(),
        namespace: "default".to_owned(),
        kind: ServiceKind::ClusterIp,
        cluster_ip: None,
        publish_not_ready_addresses: false,
        traffic: ServiceTraffic::default(),
        balancing: BalancingChoice::default(),
        selector: vec![],
    }
}

fn service_port() -> ServicePort {
    ServicePort {
        service: ServiceId(0),
        name: String::new(),
        port: 80,
        protocol: Protocol::Tcp,
        node_port: None,
        backends: vec![(WorkloadId(0), 80)],
    }
}

fn source() -> Source {
    let mut rate = Arguments::default();
    rate.set("rate", Argument::Rate(Rate { events: 200, per: SimDuration::from_secs(1) }));
    Source {
        name: "curl".to_owned(),
        from: Origin::Workload(WorkloadId(1)),
        front: Front::NodePort,
        call: Call {
            connect_timeout: Some(SimDuration::from_secs(2)),
            timeout: Some(SimDuration::from_secs(5)),
            ..Call::plain(Target::Service(ServicePortId(0)), 200, 4_096)
        },
        arrivals: (find(ARRIVALS, "poisson").unwrap().build)(&rate).unwrap(),
        start: SimDuration::ZERO,
        stop: SimDuration::from_secs(600),
    }
}

fn lost_node() -> Fault {
    let mut victim = Arguments::default();
    victim.set("node", Argument::Victim(Victim::NodeHosting { workload: WorkloadId(0), index: 1 }));
    Fault {
        name: "lost-node".to_owned(),
        at: SimDuration::from_secs(60),
        length: None,
        kind: (find(FAULTS, "node-crash").unwrap().build)(&victim).unwrap(),
        renewal: None,
    }
}

fn topology() -> Topology {
    let nodes = vec![
        node("control-plane", 10, NodeRole::ControlPlane),
        node("node-1", 11, NodeRole::Worker),
        node("node-2", 12, NodeRole::Worker),
        node("node-3", 13, NodeRole::Worker),
    ];
    let profile = LinkProfile { bandwidth: Some(Bandwidth(10_000_000_000)), ..LinkProfile::default() };
    star(nodes, &profile, Fabric::Routed).unwrap()
}

fn model(address_model: AddressModelKind, discovery: Discovery, seed: u64) -> Model {
    let parts = ModelParts {
        seed,
        duration: SimDuration::from_secs(600),
        warm_up: SimDuration::ZERO,
        drain: SimDuration::ZERO,
        address_model,
        discovery,
        rescheduler: Rescheduler::None,
        topology: topology(),
        cluster: ClusterSettings::default(),
        docker: DockerSettings::default(),
        transport: TransportSettings::default(),
        dns: DnsSettings::default(),
        limits: Limits::default(),
        workloads: vec![workload("my-nginx", 2, &[1, 2], Some(80)), workload("curl", 1, &[3], None)],
        services: vec![service()],
        service_ports: vec![service_port()],
        sources: vec![source()],
        faults: vec![lost_node()],
        actions: Vec::new(),
        budgets: Vec::new(),
    };
    Model::new(parts).unwrap()
}

fn run(address_model: AddressModelKind, discovery: Discovery) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    World::new(Arc::new(model(address_model, discovery, 42)), Level::Connection).run(&mut records);
    records
}

fn failures(records: &[Record]) -> Vec<(SimTime, Outcome)> {
    let ended = records.iter().filter_map(|record| match record.body {
        Body::RequestEnded { outcome, .. } if outcome != Outcome::Ok => Some((record.time, outcome)),
        _ => None,
    });
    ended.collect()
}

fn first(records: &[Record], kind: &str) -> Option<Record> {
    records.iter().find(|record| record.body.kind() == kind).copied()
}

#[test]
fn a_service_recovers_after_detection_and_replaces_the_pod() {
    let records = run(AddressModelKind::FlatPodIp, Discovery::Service);
    let crash = SimTime::from_nanos(60_000_000_000);
    let not_ready = first(&records, "node-not-ready").unwrap().time.since(crash).as_nanos();
    assert!((39_600_000_000..55_100_000_000).contains(&not_ready), "{not_ready}");
    let failed = failures(&records);
    assert!(
        failed.iter().all(|(_, outcome)| *outcome == Outcome::ConnectTimeout || *outcome == Outcome::RequestTimeout)
    );
    let last = failed.last().unwrap().0.since(crash).as_nanos();
    assert!(last > not_ready && last < not_ready + 2_200_000_000, "{last}");
    let replaced = records.iter().rfind(|record| record.body.kind() == "pod-created").unwrap();
    let after = replaced.time.since(crash).as_nanos() - not_ready;
    assert!((305_000_000_000..=305_300_000_000).contains(&after), "{after}");
}

#[test]
fn fixed_lists_never_recover_and_a_registry_does() {
    let crash = SimTime::from_nanos(60_000_000_000);
    let last = |records: &[Record]| failures(records).last().unwrap().0.since(crash).as_nanos() / 1_000_000_000;
    assert!(last(&run(AddressModelKind::FlatPodIp, Discovery::PodIp)) > 535);
    assert!(last(&run(AddressModelKind::PortMapping, Discovery::Static)) > 535);
    let registry = run(AddressModelKind::PortMapping, Discovery::Registry(RegistrySettings::default()));
    assert!((21..36).contains(&last(&registry)), "{}", last(&registry));
}

#[test]
fn arrivals_and_demands_are_equal_in_both_models() {
    let roots = |records: &[Record]| -> Vec<(SimTime, u64)> {
        let arrived = records.iter().filter_map(|record| match record.body {
            Body::RequestArrived { demand, .. } => Some((record.time, demand)),
            _ => None,
        });
        arrived.collect()
    };
    let flat = run(AddressModelKind::FlatPodIp, Discovery::Service);
    let docker = run(AddressModelKind::PortMapping, Discovery::Static);
    assert!(roots(&flat).len() > 100_000);
    assert_eq!(roots(&flat), roots(&docker));
}
