//! Arms: variants of a scenario. A preset is one line of the table below.

use serde_json::Value;
use sim_core::model::settings::AddressModelKind;

use crate::diagnostics::codes::{BAD_VALUE, DISCOVERY, DUPLICATE_NAME, MISSING_KEY, UNKNOWN_KIND};
use crate::diagnostics::{Place, Sink};
use crate::nearest::did_you_mean;
use crate::schema::Spec;
use crate::schema::values::{NameText, Short};

/// How clients find a backend, by name; settings come later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiscoveryKind {
    /// Clients were given host:port pairs once.
    Static,
    /// Clients follow a registry.
    Registry,
    /// Clients were given the addresses of front proxies once.
    FrontProxy,
    /// Clients wrote down pod addresses once.
    PodIp,
    /// Clients dial the Service's clusterIP.
    Service,
    /// Containers ask the DNS of their host's Docker daemon.
    EmbeddedDns,
}

impl DiscoveryKind {
    const ALL: [Self; 6] =
        [Self::Static, Self::Registry, Self::FrontProxy, Self::PodIp, Self::Service, Self::EmbeddedDns];

    /// The name in scenario files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Registry => "registry",
            Self::FrontProxy => "front-proxy",
            Self::PodIp => "podIP",
            Self::Service => "service",
            Self::EmbeddedDns => "embedded-dns",
        }
    }

    /// The address model it belongs to.
    pub const fn model(self) -> AddressModelKind {
        match self {
            Self::Static | Self::Registry | Self::FrontProxy | Self::EmbeddedDns => AddressModelKind::PortMapping,
            Self::PodIp | Self::Service => AddressModelKind::FlatPodIp,
        }
    }
}

/// Who replaces the containers of a lost Docker host, by name; settings come later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReschedulerKind {
    /// Nobody.
    None,
    /// An orchestrator that hears evenly spaced heartbeats.
    Heartbeat,
    /// Docker Swarm.
    Swarm,
    /// Nomad.
    Nomad,
}

impl ReschedulerKind {
    const ALL: [Self; 4] = [Self::None, Self::Heartbeat, Self::Swarm, Self::Nomad];

    /// The name in scenario files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Heartbeat => "heartbeat",
            Self::Swarm => "swarm",
            Self::Nomad => "nomad",
        }
    }
}

/// A ready-made arm.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// The name in scenario files.
    pub name: &'static str,
    /// What it stands for, in one line.
    pub summary: &'static str,
    /// Its discovery, which says the address model too.
    pub discovery: DiscoveryKind,
    /// Who replaces the containers of a lost host.
    pub rescheduler: ReschedulerKind,
}

/// Every preset.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "docker-static",
        summary: "Docker hosts; clients hold a fixed list of host:port pairs; nobody replaces containers",
        discovery: DiscoveryKind::Static,
        rescheduler: ReschedulerKind::None,
    },
    Preset {
        name: "docker-registry",
        summary: "Docker hosts; clients follow a registry with health checks; nobody replaces containers",
        discovery: DiscoveryKind::Registry,
        rescheduler: ReschedulerKind::None,
    },
    Preset {
        name: "docker-orchestrated",
        summary: "Docker hosts; clients follow a registry; an orchestrator replaces the containers of a lost host",
        discovery: DiscoveryKind::Registry,
        rescheduler: ReschedulerKind::Heartbeat,
    },
    Preset {
        name: "pod-ip-direct",
        summary: "Kubernetes without Services: clients wrote pod addresses down",
        discovery: DiscoveryKind::PodIp,
        rescheduler: ReschedulerKind::None,
    },
    Preset {
        name: "service",
        summary: "Kubernetes: clients dial a Service's clusterIP",
        discovery: DiscoveryKind::Service,
        rescheduler: ReschedulerKind::None,
    },
];

/// The arms of a scenario that names none.
const DEFAULT_ARMS: [&str; 4] = ["docker-static", "docker-registry", "pod-ip-direct", "service"];

/// What an arm is, before its scenario is lowered.
#[derive(Clone, Debug)]
pub(crate) struct ArmPlan {
    pub(crate) name: String,
    /// The arm of the file that it is a variant of; its own name when it is that arm.
    pub(crate) base: String,
    /// Its value of each path that varies, as typed.
    pub(crate) levels: Vec<String>,
    pub(crate) discovery: DiscoveryKind,
    pub(crate) rescheduler: ReschedulerKind,
    /// Values to set by path, with their places.
    pub(crate) set: Vec<(String, Value, Place)>,
}

impl ArmPlan {
    pub(crate) fn model(&self) -> AddressModelKind {
        self.discovery.model()
    }

    fn of(preset: &Preset) -> Self {
        Self::new(preset.name.to_owned(), preset.discovery, preset.rescheduler)
    }

    fn new(name: String, discovery: DiscoveryKind, rescheduler: ReschedulerKind) -> Self {
        Self { base: name.clone(), name, levels: Vec::new(), discovery, rescheduler, set: Vec::new() }
    }
}

/// The arms of a scenario in the order of the file.
pub(crate) fn plan(spec: &Spec, spec_place: &Place, sink: &mut Sink) -> Vec<ArmPlan> {
    let place = spec_place.at("arms");
    let mut arms: Vec<ArmPlan> = Vec::new();
    if spec.arms.is_empty() {
        return PRESETS.iter().filter(|preset| DEFAULT_ARMS.contains(&preset.name)).map(ArmPlan::of).collect();
    }
    for (index, entry) in spec.arms.iter() {
        let at = place.item(index);
        let arm = match entry {
            Short::Text(name) => preset(name, &at, sink).map(ArmPlan::of),
            Short::Long(long) => own_arm(long, &at, sink),
        };
        let Some(arm) = arm else { continue };
        if arms.iter().any(|known| known.name == arm.name) {
            sink.report(DUPLICATE_NAME, &at, format!("two arms are called `{}`", arm.name));
        }
        arms.push(arm);
    }
    arms
}

fn preset(name: &str, place: &Place, sink: &mut Sink) -> Option<&'static Preset> {
    let found = PRESETS.iter().find(|preset| preset.name == name);
    if found.is_none() {
        let help = did_you_mean(name, PRESETS.iter().map(|preset| preset.name));
        sink.help(UNKNOWN_KIND, place, format!("`{name}` is no preset of an arm"), &help);
    }
    found
}

fn own_arm(spec: &crate::schema::ArmSpec, place: &Place, sink: &mut Sink) -> Option<ArmPlan> {
    let base = match &spec.preset {
        Some(name) => Some(preset(&name.0, &place.at("preset"), sink)?),
        None => None,
    };
    let model = spec.model.as_ref().and_then(|name| model_kind(name, &place.at("model"), sink));
    let discovery = match &spec.discovery {
        Some(name) => Some(discovery_kind(name, &place.at("discovery"), sink)?),
        None => None,
    };
    let Some(name) = spec.name.clone().or_else(|| base.map(|preset| preset.name.to_owned())) else {
        sink.help(MISSING_KEY, place, "an arm needs a `name`", "or a `preset`, whose name it then takes");
        return None;
    };
    let Some(discovery) = discovery.or(base.map(|preset| preset.discovery)).or(model.map(default_discovery)) else {
        let help = "say `preset`, `discovery` or `model`";
        sink.help(MISSING_KEY, place, format!("arm `{name}` does not say how clients find a backend"), help);
        return None;
    };
    if let Some(model) = model.filter(|model| *model != discovery.model()) {
        let fitting = DiscoveryKind::ALL.iter().filter(|kind| kind.model() == model).map(|kind| kind.name());
        let message = format!("discovery {} does not fit the address model {}", discovery.name(), model.name());
        let help = format!("with {} goes {}", model.name(), fitting.collect::<Vec<_>>().join(" or "));
        let at = if spec.discovery.is_some() { place.at("discovery") } else { place.at("model") };
        sink.help(DISCOVERY, &at, message, &help);
    }
    let rescheduler = match &spec.rescheduler {
        Some(name) => rescheduler(name, discovery, &place.at("rescheduler"), sink),
        None => base.map_or(ReschedulerKind::None, |preset| preset.rescheduler),
    };
    let at = place.at("set");
    let set = spec.set.0.iter().map(|(path, value)| (path.clone(), value.clone(), at.at(path))).collect();
    Some(ArmPlan { set, ..ArmPlan::new(name, discovery, rescheduler) })
}

const fn default_discovery(model: AddressModelKind) -> DiscoveryKind {
    match model {
        AddressModelKind::PortMapping => DiscoveryKind::Static,
        AddressModelKind::FlatPodIp => DiscoveryKind::Service,
    }
}

fn model_kind(name: &NameText, place: &Place, sink: &mut Sink) -> Option<AddressModelKind> {
    let all = [AddressModelKind::PortMapping, AddressModelKind::FlatPodIp];
    let found = all.into_iter().find(|kind| kind.name() == name.0);
    if found.is_none() {
        let help = did_you_mean(&name.0, all.iter().map(|kind| kind.name()));
        sink.help(BAD_VALUE, place, format!("`{}` is no address model", name.0), &help);
    }
    found
}

fn discovery_kind(name: &NameText, place: &Place, sink: &mut Sink) -> Option<DiscoveryKind> {
    let found = DiscoveryKind::ALL.into_iter().find(|kind| kind.name() == name.0);
    if found.is_none() {
        let help = did_you_mean(&name.0, DiscoveryKind::ALL.iter().map(|kind| kind.name()));
        sink.help(BAD_VALUE, place, format!("`{}` is no discovery", name.0), &help);
    }
    found
}

fn rescheduler(name: &NameText, discovery: DiscoveryKind, place: &Place, sink: &mut Sink) -> ReschedulerKind {
    let found = ReschedulerKind::ALL.into_iter().find(|kind| kind.name() == name.0);
    if found.is_none() {
        let help = did_you_mean(&name.0, ReschedulerKind::ALL.iter().map(|kind| kind.name()));
        sink.help(BAD_VALUE, place, format!("`{}` is no rescheduler", name.0), &help);
    }
    let kind = found.unwrap_or(ReschedulerKind::None);
    if kind != ReschedulerKind::None && discovery.model() == AddressModelKind::FlatPodIp {
        let message = "under flat-pod-ip Kubernetes' own controllers replace pods";
        sink.help(DISCOVERY, place, message, "leave `rescheduler` out");
        return ReschedulerKind::None;
    }
    kind
}
