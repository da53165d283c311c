//! A small world for tests: one header, a builder of record sequences, one record of every kind.

pub(crate) mod calls;
pub(crate) mod pictured;

use std::net::IpAddr;

use sim_core::kernel::time::{SimDuration, SimTime};
use sim_core::model::ids::{FaultId, LinkId, NodeId, PodId, ServiceId, ServicePortId, SourceId, WorkloadId};
use sim_core::model::settings::Subnet;
use sim_core::trace::body::KINDS;
use sim_core::trace::fields::{Client, FieldType, Suffix, TemplateHash, Value};
use sim_core::trace::header::{EdgeName, NodeName, ServiceName, ServicePortName, SourceName, WorkloadName};
use sim_core::trace::words::Outcome;
use sim_core::trace::{Body, Record, TraceHeader, TraceSink};

pub(crate) const MS: u64 = 1_000_000;
pub(crate) const S: u64 = 1_000_000_000;

/// Three workers, a control plane, `my-nginx` with two replicas behind `my-nginx:80`, one `curl` and its source.
pub(crate) fn header() -> TraceHeader {
    let node = |name: &str, role: &str| NodeName { name: name.into(), zone: "a".into(), role: role.into() };
    let workload = |name: &str, replicas| WorkloadName {
        name: name.into(),
        namespace: "default".into(),
        kind: "deployment".into(),
        template_hash: "5b56ccd65f".into(),
        labels: vec![format!("run={name}")],
        containers: 1,
        replicas,
    };
    TraceHeader {
        version: "0.1.0".into(),
        scenario: "test".into(),
        effective_scenario: "spec: {}\n".into(),
        arm: "service".into(),
        model: "flat-pod-ip".into(),
        discovery: "service".into(),
        seed: 42,
        duration: SimDuration::from_secs(600),
        warm_up: SimDuration::ZERO,
        drain: SimDuration::ZERO,
        nodes: vec![
            node("control-plane-1", "control-plane"),
            node("node-1", "worker"),
            node("node-2", "worker"),
            node("node-3", "worker"),
        ],
        links: vec!["node-1-switch".into(), "node-2-switch".into()],
        workloads: vec![workload("my-nginx", 2), workload("curl", 1)],
        services: vec![ServiceName {
            name: "my-nginx".into(),
            namespace: "default".into(),
            kind: "ClusterIP".into(),
            selector: vec!["run=my-nginx".into()],
        }],
        service_ports: vec![ServicePortName { service: 0, port: 80, workloads: vec![0] }],
        sources: vec![SourceName { name: "curl".into(), service_port: Some(0), parent: None, edge: 0 }],
        edges: vec![EdgeName {
            name: "curl".into(),
            caller: None,
            service_port: Some(0),
            workload: Some(0),
            fails_caller: 1,
        }],
        faults: vec!["lost-node".into(), "other".into()],
    }
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Builds a sequence of records with ids from 1.
#[derive(Clone, Default)]
pub(crate) struct Builder {
    pub(crate) records: Vec<Record>,
    pub(crate) time: u64,
}

impl Builder {
    /// The next records happen at this time (ns).
    pub(crate) fn at(&mut self, time: u64) -> &mut Self {
        self.time = time;
        self
    }

    /// Adds a record and gives its id.
    pub(crate) fn add(&mut self, cause: u64, because: u64, body: Body) -> u64 {
        let id = self.records.len() as u64 + 1;
        self.records.push(Record { id, time: SimTime::from_nanos(self.time), cause, because, body });
        id
    }

    /// A pod that runs and is ready.
    pub(crate) fn pod(&mut self, cause: u64, pod: u32, workload: u32, node: u32, address: &str) -> u64 {
        let id = PodId(pod);
        let suffix = Suffix([b'a', b'b', b'c', b'd', b'e' + u8::try_from(pod).unwrap()]);
        let body = Body::PodCreated { pod: id, workload: WorkloadId(workload), ordinal: pod, suffix };
        let created = self.add(cause, 0, body);
        self.add(created, 0, Body::PodScheduled { pod: id, node: NodeId(node) });
        self.add(created, 0, Body::AddressAssigned { pod: id, address: ip(address) });
        self.add(created, 0, Body::ContainerStarted { pod: id, container: 0 });
        self.add(created, 0, Body::PodReady { pod: id })
    }

    /// An endpoint of `my-nginx:80` on port 80.
    pub(crate) fn endpoint(&mut self, cause: u64, pod: u32, address: &str, version: u64) -> u64 {
        let (service_port, pod) = (ServicePortId(0), PodId(pod));
        self.add(cause, 0, Body::EndpointAdded { service_port, pod, address: ip(address), port: 80, version })
    }

    /// That endpoint's end.
    pub(crate) fn endpoint_gone(&mut self, cause: u64, pod: u32, address: &str, version: u64) -> u64 {
        let (service_port, pod) = (ServicePortId(0), PodId(pod));
        self.add(cause, 0, Body::EndpointRemoved { service_port, pod, address: ip(address), port: 80, version })
    }

    /// The set-up that most tests start from: plan 1, pods 0 and 1 (`my-nginx` on node-1 and node-2), pod 2 (curl on
    /// node-3), endpoints 1 and 2, node-3 synced.
    pub(crate) fn cluster() -> Self {
        let mut run = Self::default();
        run.add(0, 0, Body::PlanApplied {});
        for node in 0..4_u8 {
            let (address, subnet) = (IpAddr::from([192, 168, 0, 10 + node]), Subnet::v4(10, 244, node, 0, 24));
            run.add(1, 0, Body::NodeRegistered { node: NodeId(u32::from(node)), address, subnet });
        }
        run.add(1, 0, Body::ServiceCreated { service: ServiceId(0), cluster_ip: ip("10.96.3.4") });
        let first = run.pod(1, 0, 0, 1, "10.244.1.2");
        let second = run.pod(1, 1, 0, 2, "10.244.2.2");
        run.pod(1, 2, 1, 3, "10.244.3.2");
        run.endpoint(first, 0, "10.244.1.2", 1);
        let last = run.endpoint(second, 1, "10.244.2.2", 2);
        run.add(last, 0, Body::ProxySynced { node: NodeId(3), version: 2 });
        run
    }

    /// A request of source 0 that arrives at `from`, dials `pod` at `address` and ends at `to` (`None`: never).
    pub(crate) fn request(&mut self, number: u64, from: u64, pod: Option<u32>, to: Option<(u64, Outcome, u64)>) {
        let (source, pod) = (SourceId(0), pod.map(PodId));
        self.at(from);
        let client = Client::Pod(PodId(2));
        let arrived = self.add(
            0,
            0,
            Body::RequestArrived { source, number, client, request_bytes: 200, response_bytes: 4_096, demand: 2 * MS },
        );
        let opened = self.add(
            arrived,
            0,
            Body::ConnectionOpened {
                source,
                number,
                client_port: 32_768,
                address: ip("10.96.3.4"),
                port: 80,
                pod,
                via: None,
                translations: 1,
            },
        );
        if let Some((time, outcome, because)) = to {
            self.at(time);
            let closed = self.add(opened, because, Body::ConnectionClosed { source, number, outcome });
            self.add(closed, because, Body::RequestEnded { source, number, outcome, pod });
        }
    }

    /// Feeds a sink.
    pub(crate) fn feed<S: TraceSink>(&self, mut sink: S) -> S {
        self.records.iter().for_each(|record| sink.record(record));
        sink
    }
}

/// A short trace that spans two seconds and two levels.
pub(crate) fn sample_records() -> Vec<Record> {
    let mut run = Builder::cluster();
    run.request(0, 10 * MS, Some(0), Some((13 * MS, Outcome::Ok, 0)));
    run.request(1, S + 5, Some(1), Some((S + 9 * MS, Outcome::Ok, 0)));
    run.records
}

/// A value of a field's type; `variant` 0 and 1 differ.
pub(crate) fn value(field_type: FieldType, variant: u8) -> Value {
    let id = u32::from(variant);
    let number = u64::from(variant) + 1;
    match field_type {
        FieldType::U64 if variant == 1 => Value::Number(u64::MAX),
        FieldType::U64 | FieldType::U32 | FieldType::U16 | FieldType::U8 => Value::Number(number),
        FieldType::Word(list) => Value::Word(word(list, variant)),
        FieldType::Node => Value::Node(NodeId(id)),
        FieldType::Link => Value::Link(LinkId(id)),
        FieldType::Workload => Value::Workload(WorkloadId(id)),
        FieldType::Service => Value::Service(ServiceId(id)),
        FieldType::ServicePort => Value::ServicePort(ServicePortId(id)),
        FieldType::Pod => Value::Pod(PodId(id)),
        FieldType::OptionalPod => [Value::Nothing, Value::Pod(PodId(7))][usize::from(variant)],
        FieldType::OptionalNode => [Value::Nothing, Value::Node(NodeId(0))][usize::from(variant)],
        FieldType::Source => Value::Source(SourceId(id)),
        FieldType::Fault => Value::Fault(FaultId(id)),
        FieldType::Client => Value::Client([Client::Node(NodeId(2)), Client::Pod(PodId(2))][usize::from(variant)]),
        FieldType::Address => Value::Address([ip("10.0.0.1"), ip("fd00::1")][usize::from(variant)]),
        FieldType::Subnet => Value::Subnet(Subnet::v4(10, variant, 0, 0, 24)),
        FieldType::Ends => {
            [Value::Nothing, Value::Ends("10.0.0.1:40000>10.96.0.1:80".parse().unwrap())][usize::from(variant)]
        }
        FieldType::TemplateHash => Value::TemplateHash(TemplateHash::of(["5b56ccd65f", "d9f8"][usize::from(variant)])),
        FieldType::Suffix => Value::Suffix([Suffix::NONE, Suffix(*b"x2kz9")][usize::from(variant)]),
    }
}

fn word(list: &str, variant: u8) -> &'static str {
    use sim_core::trace::words::{
        AddressPart, ChoiceRule, DeleteReason, DropReason, End, ExitReason, PendingReason, ProbeKind, SegmentKind,
        TranslationRule,
    };
    match list {
        "Outcome" => Outcome::from_code(variant).unwrap().word(),
        "End" => End::from_code(variant).unwrap().word(),
        "ExitReason" => ExitReason::from_code(variant).unwrap().word(),
        "PendingReason" => PendingReason::from_code(variant).unwrap().word(),
        "DeleteReason" => DeleteReason::from_code(variant).unwrap().word(),
        "SegmentKind" => SegmentKind::from_code(variant).unwrap().word(),
        "DropReason" => DropReason::from_code(variant).unwrap().word(),
        "ChoiceRule" => ChoiceRule::from_code(variant).unwrap().word(),
        "TranslationRule" => TranslationRule::from_code(variant).unwrap().word(),
        "AddressPart" => AddressPart::from_code(variant).unwrap().word(),
        "ProbeKind" => ProbeKind::from_code(variant).unwrap().word(),
        other => panic!("a word list without values here: {other}"),
    }
}

/// For every kind: a record, and the same with each field changed in turn.
pub(crate) fn every_kind() -> Vec<Vec<Record>> {
    let body = |kind: &str, changed: Option<&str>| {
        let mut look_up = |name: &'static str, field_type| Some(value(field_type, u8::from(changed == Some(name))));
        Body::from_values(kind, &mut look_up).unwrap()
    };
    let record = |body| Record { id: 5, time: SimTime::from_nanos(3), cause: 2, because: 0, body };
    let variants = |kind: &sim_core::trace::body::KindInfo| {
        let changed = kind.fields.iter().map(|(name, _)| Some(*name));
        std::iter::once(None).chain(changed).map(|changed| record(body(kind.name, changed))).collect()
    };
    KINDS.iter().map(variants).collect()
}
