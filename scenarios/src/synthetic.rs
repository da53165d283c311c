//! Applications that no manifest describes: groups of equal Deployments, each behind a Service of its own, as many as a
//! test of scale asks for. They go into the draft like objects of a manifest, so nothing behind it knows of them.

use sim_core::kernel::time::SimDuration;
use sim_core::model::application::{
    Container, ContainerPort, Probes, Protocol, RestartPolicy, ServiceKind, WorkloadKind,
};
use sim_core::model::lifecycle::{Termination, Updates};
use sim_core::model::service_traffic::ServiceTraffic;

use crate::canonical::template_hash;
use crate::diagnostics::codes::{BAD_VALUE, DUPLICATE_NAME, PORT_RANGE, UNKNOWN_WORKLOAD};
use crate::diagnostics::{Place, Sink};
use crate::draft::{
    Clues, Draft, DraftContainer, DraftGroup, DraftService, DraftServicePort, DraftWorkload, TargetPort,
};
use crate::nearest::did_you_mean;
use crate::schema::Spec;
use crate::schema::synthetic::SyntheticSpec;

/// How references name a group: `synthetic/NAME`.
const PREFIX: &str = "synthetic/";
/// The label by which a Service finds its Deployment's pods.
const LABEL: &str = "app";
/// The port of the objects of a group that names none.
const DEFAULT_PORT: u16 = 80;
/// Most Services of all groups: ten times what Kubernetes is tested with.
const MOST_SERVICES: u64 = 100_000;
/// Most pods of all groups: almost seven times what Kubernetes is tested with.
const MOST_PODS: u64 = 1_000_000;
/// Longest name of a group, which leaves room for numbers in a label of 63 bytes.
const LONGEST_NAME: usize = 50;

/// Adds the objects of every group.
pub(crate) fn generate(spec: &Spec, place: &Place, draft: &mut Draft, sink: &mut Sink) {
    let place = place.at("synthetic");
    let (mut services, mut pods) = (0_u64, 0_u64);
    for (index, given) in spec.synthetic.iter() {
        let at = place.item(index);
        let Some(name) = name(given, &at, draft, sink) else { continue };
        let (count, replicas) = (given.services.unwrap_or(1), given.replicas.unwrap_or(1));
        if count == 0 {
            sink.report(BAD_VALUE, &at.at("services"), "a group has at least one Service");
        }
        let port = given.port.unwrap_or(DEFAULT_PORT);
        if port == 0 {
            sink.help(PORT_RANGE, &at.at("port"), "`0` is no port", "ports go from 1 to 65535");
        }
        services += u64::from(count);
        pods += u64::from(count) * u64::from(replicas);
        if services > MOST_SERVICES || pods > MOST_PODS {
            let message = format!("the groups have {services} Services and {pods} pods");
            sink.help(BAD_VALUE, &at, message, &format!("at most {MOST_SERVICES} and {MOST_PODS}"));
            return;
        }
        add(&name, (count, replicas, port), &at, draft);
    }
}

/// The name of a group, fit for a Service.
fn name(given: &SyntheticSpec, place: &Place, draft: &Draft, sink: &mut Sink) -> Option<String> {
    let Some(name) = &given.name else {
        sink.missing(place, "name", "a group needs a `name`", "");
        return None;
    };
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let fits = name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(inner)
        && name.len() <= LONGEST_NAME;
    if !fits {
        let message = format!("`{name}` cannot begin the name of a Service");
        let help = format!("write a-z, 0-9 and `-`, a letter first, at most {LONGEST_NAME} characters");
        sink.help(BAD_VALUE, &place.at("name"), message, &help);
        return None;
    }
    if draft.groups.iter().any(|group| group.name == *name) {
        sink.report(DUPLICATE_NAME, &place.at("name"), format!("two groups are called `{name}`"));
        return None;
    }
    Some(name.clone())
}

fn add(group: &str, (count, replicas, port): (u32, u32, u16), place: &Place, draft: &mut Draft) {
    draft.groups.push(DraftGroup {
        name: group.to_owned(),
        workloads: draft.workloads.len()..draft.workloads.len() + count as usize,
        services: draft.services.len()..draft.services.len() + count as usize,
    });
    for number in 1..=count {
        let name = format!("{group}-{number}");
        let labels = vec![(LABEL.to_owned(), name.clone())];
        draft.workloads.push(deployment(&name, &labels, replicas, port, place));
        draft.services.push(service(name, labels, port, place));
    }
}

fn deployment(name: &str, labels: &[(String, String)], replicas: u32, port: u16, place: &Place) -> DraftWorkload {
    let listens = ContainerPort { name: String::new(), port, host_port: None, protocol: Protocol::Tcp };
    let container = Container { name: "server".to_owned(), ports: vec![listens], probes: Probes::default() };
    DraftWorkload {
        place: place.clone(),
        kind: WorkloadKind::Deployment,
        name: name.to_owned(),
        namespace: "default".to_owned(),
        replicas,
        labels: labels.to_vec(),
        containers: vec![DraftContainer { container, port_places: vec![place.clone()], probe_places: Vec::new() }],
        restart_policy: RestartPolicy::Always,
        // What Kubernetes' admission gives to pods without tolerations of their own (D10).
        unreachable_toleration: Some(SimDuration::from_secs(300)),
        template_hash: template_hash(&name.into()),
        own_labels: labels.to_vec(),
        updates: Updates::default(),
        termination: Termination::default(),
        selector: labels.to_vec(),
        selector_expressions: false,
        selector_place: place.clone(),
        node_name: None,
        published: None,
        networks: Vec::new(),
        owner: None,
        pod_nodes: Vec::new(),
        made_up: false,
        clues: Clues::default(),
    }
}

fn service(name: String, labels: Vec<(String, String)>, port: u16, place: &Place) -> DraftService {
    let own_port = DraftServicePort {
        place: place.clone(),
        name: String::new(),
        port,
        protocol: Protocol::Tcp,
        node_port: None,
        target: TargetPort::Number(port),
    };
    DraftService {
        place: place.clone(),
        name,
        namespace: "default".to_owned(),
        kind: ServiceKind::ClusterIp,
        cluster_ip: None,
        publish_not_ready_addresses: false,
        traffic: ServiceTraffic::default(),
        labels: labels.clone(),
        selector: labels,
        ports: vec![own_port],
    }
}

/// True for a reference to a group: `synthetic/NAME`.
pub(crate) fn is_group(text: &str) -> bool {
    text.starts_with(PREFIX)
}

/// The group that a reference means, or an error at its place.
pub(crate) fn group<'a>(text: &str, draft: &'a Draft, place: &Place, sink: &mut Sink) -> Option<&'a DraftGroup> {
    let name = text.strip_prefix(PREFIX).unwrap_or(text);
    let found = draft.groups.iter().find(|group| group.name == name);
    if found.is_none() {
        let help = did_you_mean(name, draft.groups.iter().map(|group| group.name.as_str()));
        sink.help(UNKNOWN_WORKLOAD, place, format!("there is no group `{text}`"), &help);
    }
    // The size of one without Services was a mistake, which has been told.
    found.filter(|group| !group.services.is_empty())
}
