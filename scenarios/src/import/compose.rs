//! Compose files: a service becomes a workload and, for the clients inside, a Service of the same name.

use serde::Deserialize;
use serde_json::Value;
use sim_core::model::application::{
    Container, ContainerPort, HostPort, Probes, Protocol, Publish, RestartPolicy, ServiceKind, WorkloadKind,
};
use sim_core::model::lifecycle::{Termination, Updates};
use sim_core::model::service_traffic::ServiceTraffic;

use super::compose_networks::{Healthcheck, NetworkSpec, Networks, aliases, attached, note_healthcheck};
use super::kubernetes::workload::DEFAULT_TOLERATION;
use super::{ignore_all, scalar};
use crate::canonical::template_hash;
use crate::decode::decode;
use crate::diagnostics::codes::{BAD_VALUE, IMAGE_PORT, SKIPPED_SERVICE, UNKNOWN_SERVICE};
use crate::diagnostics::{Place, Sink};
use crate::draft::{Clues, Draft, DraftContainer, DraftService, DraftServicePort, DraftWorkload, TargetPort};
use crate::import::compose_ports::{Mapping, expose, long_port, short_port};
use crate::import::image_ports;
use crate::nearest::did_you_mean;
use crate::schema::values::{Dict, List, NameText, Names, Short};

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct ComposeFile {
    #[serde(rename = "version")]
    _version: Option<NameText>,
    #[serde(rename = "name")]
    _name: Option<String>,
    services: Dict<ComposeService>,
    networks: Dict<Option<NetworkSpec>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct ComposeService {
    ports: List<Short<LongPort>>,
    expose: List<NameText>,
    image: Option<String>,
    deploy: Option<Deploy>,
    scale: Option<u32>,
    depends_on: Names,
    links: List<Value>,
    environment: Value,
    command: Value,
    entrypoint: Value,
    restart: Option<String>,
    networks: Networks,
    healthcheck: Option<Healthcheck>,
    profiles: List<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Deploy {
    replicas: Option<u32>,
}

/// The long form of a port.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct LongPort {
    pub(crate) target: Option<NameText>,
    pub(crate) published: Option<NameText>,
    pub(crate) protocol: Option<String>,
    pub(crate) host_ip: Option<String>,
}

/// The label that compose itself puts on containers.
const SERVICE_LABEL: &str = "com.docker.compose.service";

/// Imports a compose file.
pub(crate) fn import(document: &Value, place: &Place, draft: &mut Draft, sink: &mut Sink) {
    let Some(decoded) = decode::<ComposeFile>(document.clone(), place, sink) else { return };
    ignore_all(&decoded.unknown, place, sink);
    let services = place.at("services");
    let file = &decoded.value;
    for (name, service) in &file.services.0 {
        let at = services.at(name);
        depends_on(service, file, &at, sink);
        if !service.profiles.is_empty() {
            let message = format!("`{name}` belongs to a profile, so it is not started");
            sink.report(SKIPPED_SERVICE, &at.at("profiles"), message);
            draft.skipped.push(format!("compose service/{name}"));
            continue;
        }
        let definition = document.get("services").and_then(|services| services.get(name));
        if let Some(check) = &service.healthcheck {
            note_healthcheck(name, check, &at.at("healthcheck"), sink);
        }
        let networks = attached(&service.networks, &file.networks, &at.at("networks"), sink);
        import_service(name, service, (definition, networks), &at, draft, sink);
    }
}

fn depends_on(service: &ComposeService, file: &ComposeFile, place: &Place, sink: &mut Sink) {
    for (name, segment) in &service.depends_on.0 {
        if !file.services.0.contains_key(name) {
            let help = did_you_mean(name, file.services.0.keys().map(String::as_str));
            let at = place.at("depends_on").at(segment);
            sink.help(UNKNOWN_SERVICE, &at, format!("`{name}` is no service of this file"), &help);
        }
    }
}

fn import_service(
    name: &str,
    service: &ComposeService,
    (definition, networks): (Option<&Value>, Vec<String>),
    place: &Place,
    draft: &mut Draft,
    sink: &mut Sink,
) {
    let published = mappings(service, place, sink);
    let mut exposed = exposed(service, place, sink);
    if published.is_empty() && exposed.is_empty() {
        let of_image = exposed_by_image(service, name, place, sink);
        exposed.extend(of_image.map(|(at, port)| (at, (port, Protocol::Tcp))));
    }
    let mut ports: Vec<(Place, u16, Protocol)> = Vec::new();
    let of_published = published.iter().map(|(at, mapping)| (at, mapping.target, mapping.protocol));
    for (at, port, protocol) in of_published.chain(exposed.iter().map(|(at, (port, protocol))| (at, *port, *protocol)))
    {
        if !ports.iter().any(|known| (known.1, known.2) == (port, protocol)) {
            ports.push((at.clone(), port, protocol));
        }
    }
    let carried = |(_, mapping): &&(Place, Mapping)| mapping.protocol != Protocol::Sctp;
    let mut publish: Vec<Publish> = published.iter().filter(carried).map(|(_, mapping)| mapping.publish()).collect();
    // Other hosts can only reach what is published, so an exposed port gets a dynamic one.
    for (_, (container_port, protocol)) in exposed.iter().cloned() {
        if !publish.iter().any(|known| (known.container_port, known.protocol) == (container_port, protocol)) {
            publish.push(Publish { container_port, host_port: HostPort::Dynamic, protocol });
        }
    }
    let deployed = service.deploy.as_ref().and_then(|deploy| deploy.replicas);
    let labels = vec![(SERVICE_LABEL.to_owned(), name.to_owned())];
    draft.workloads.push(DraftWorkload {
        place: place.key(),
        kind: WorkloadKind::Deployment,
        name: name.to_owned(),
        namespace: "default".to_owned(),
        replicas: deployed.or(service.scale).unwrap_or(1),
        labels: labels.clone(),
        containers: vec![container(name, &ports)],
        restart_policy: restart(service, place, sink),
        unreachable_toleration: Some(DEFAULT_TOLERATION),
        updates: Updates::default(),
        termination: Termination::default(),
        template_hash: template_hash(definition.unwrap_or(&Value::Null)),
        own_labels: labels.clone(),
        selector: Vec::new(),
        selector_expressions: false,
        selector_place: place.clone(),
        node_name: None,
        published: Some(publish),
        networks,
        owner: None,
        pod_nodes: Vec::new(),
        made_up: false,
        clues: clues(service),
    });
    // A further name of its own finds the same containers.
    for alias in aliases(&service.networks) {
        if !draft.services.iter().any(|known| known.name == alias) {
            draft.services.push(cluster_service(alias, labels.clone(), &ports, false, place));
        }
    }
    draft.services.push(cluster_service(name, labels, &ports, !published.is_empty(), place));
}

/// The ports of `expose`.
fn exposed(service: &ComposeService, place: &Place, sink: &mut Sink) -> Vec<(Place, (u16, Protocol))> {
    let mut all = Vec::new();
    for (index, text) in service.expose.iter() {
        let at = place.at("expose").item(index);
        all.extend(expose(&text.0, &at, sink).into_iter().map(|port| (at.clone(), port)));
    }
    all
}

/// The port of a service that names none, if its image is known to expose one.
fn exposed_by_image(service: &ComposeService, name: &str, place: &Place, sink: &mut Sink) -> Option<(Place, u16)> {
    let image = service.image.as_deref()?;
    let port = image_ports::exposed(image)?;
    let at = place.at("image");
    sink.report(IMAGE_PORT, &at, format!("`{name}` names no port; its image {image} is known to expose {port}"));
    Some((at, port))
}

fn clues(service: &ComposeService) -> Clues {
    let environment = match &service.environment {
        Value::Object(map) => {
            map.iter().filter_map(|(name, value)| Some((name.clone(), scalar(value)?))).collect::<Vec<_>>()
        }
        Value::Array(entries) => {
            let split = |entry: String| entry.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
            entries.iter().filter_map(scalar).filter_map(split).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    let words = [&service.entrypoint, &service.command].into_iter().flat_map(|value| match value {
        Value::Array(words) => words.iter().filter_map(scalar).collect::<Vec<_>>(),
        Value::Null | Value::Object(_) => Vec::new(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => scalar(value).into_iter().collect(),
    });
    let links = service.links.iter().filter_map(|(_, link)| scalar(link)).map(|link| {
        let (name, alias) = link.split_once(':').unwrap_or((&link, &link));
        (name.to_owned(), alias.to_owned())
    });
    Clues {
        environment,
        words: words.collect(),
        depends_on: service.depends_on.0.iter().map(|(name, _)| name.clone()).collect(),
        links: links.collect(),
    }
}

fn container(name: &str, ports: &[(Place, u16, Protocol)]) -> DraftContainer {
    let listens = |(_, port, protocol): &(Place, u16, Protocol)| ContainerPort {
        name: String::new(),
        port: *port,
        host_port: None,
        protocol: *protocol,
    };
    DraftContainer {
        container: Container {
            name: name.to_owned(),
            ports: ports.iter().map(listens).collect(),
            probes: Probes::default(),
        },
        port_places: ports.iter().map(|(at, ..)| at.clone()).collect(),
        probe_places: Vec::new(),
    }
}

/// A published service can be reached from outside, so it is a `NodePort`; one without ports has only a name.
fn cluster_service(
    name: &str,
    selector: Vec<(String, String)>,
    ports: &[(Place, u16, Protocol)],
    published: bool,
    place: &Place,
) -> DraftService {
    let port = |(at, port, protocol): &(Place, u16, Protocol)| DraftServicePort {
        place: at.clone(),
        name: String::new(),
        port: *port,
        protocol: *protocol,
        node_port: None,
        target: TargetPort::Number(*port),
    };
    DraftService {
        place: place.key(),
        name: name.to_owned(),
        namespace: "default".to_owned(),
        kind: match (ports.is_empty(), published) {
            (true, _) => ServiceKind::Headless,
            (false, true) => ServiceKind::NodePort,
            (false, false) => ServiceKind::ClusterIp,
        },
        cluster_ip: None,
        publish_not_ready_addresses: false,
        traffic: ServiceTraffic::default(),
        labels: selector.clone(),
        selector,
        ports: ports.iter().map(port).collect(),
    }
}

fn mappings(service: &ComposeService, place: &Place, sink: &mut Sink) -> Vec<(Place, Mapping)> {
    let mut all = Vec::new();
    for (index, entry) in service.ports.iter() {
        let at = place.at("ports").item(index);
        let read = match entry {
            Short::Text(text) => short_port(text, &at, sink),
            Short::Long(long) => long_port(long, &at, sink),
        };
        all.extend(read.into_iter().map(|mapping| (at.clone(), mapping)));
    }
    all
}

fn restart(service: &ComposeService, place: &Place, sink: &mut Sink) -> RestartPolicy {
    let text = service.restart.as_deref().unwrap_or("no");
    match text.split_once(':').unwrap_or((text, "0")) {
        ("no", _) => RestartPolicy::Never,
        ("always" | "unless-stopped", _) => RestartPolicy::Always,
        ("on-failure", max) if max.parse::<u32>().is_ok() => {
            RestartPolicy::OnFailure { max: max.parse().unwrap_or_default() }
        }
        _ => {
            let message = format!("`{text}` is not a restart policy");
            let help = "known: no, always, on-failure, on-failure:N, unless-stopped";
            sink.help(BAD_VALUE, &place.at("restart"), message, help);
            RestartPolicy::Never
        }
    }
}

/// Supported keys, for the documentation.
pub(crate) const SUPPORTED: &[(&str, &str)] = &[
    ("file", "services, networks (their names; version and name are read and mean nothing; x- extensions are skipped)"),
    (
        "service",
        "ports, expose, image (only the port that a well-known one exposes), deploy.replicas, scale, depends_on (names are checked), restart, networks (with aliases), healthcheck (a note: it has no effect), profiles",
    ),
    ("service, for `podwire init`", "environment, command, entrypoint, depends_on, links"),
    ("port, short form", "[IP:][HOST[-HOST]:]CONTAINER[-CONTAINER][/PROTOCOL]"),
    ("port, long form", "target, published, protocol, host_ip"),
];
