//! Settings of the control plane, Docker, registries and Linux, and all of them in one list for comparison.

use std::collections::BTreeMap;

use serde_json::Value;
use sim_core::kernel::time::SimDuration;
use sim_core::model::Model;
use sim_core::model::front_proxy::{FrontProxies, FrontProxySettings};
use sim_core::model::orchestrators::{NomadSettings, SwarmSettings};
use sim_core::model::settings::{
    ClusterSettings, Discovery, DnsSettings, DockerSettings, Front, Limits, ProxyMode, RegistrySettings, Rescheduler,
    TransportSettings,
};

use super::{Lowering, networks};
use crate::arms::{DiscoveryKind, ReschedulerKind};
use crate::diagnostics::codes::BAD_VALUE;
use crate::nearest::did_you_mean;
use crate::schema::front_proxy::FrontProxySpec;
use crate::schema::orchestrators::{NomadSpec, SwarmSpec};
use crate::schema::settings::{
    BadSetting, ClusterSpec, DnsSpec, DockerSpec, FrontSpec, Heartbeat, IpvsSpec, KubeProxySpec, LimitsSpec,
    RegistrySpec, ReschedulerSpec, TransportSpec,
};

/// All settings of one arm.
pub(super) struct Settings {
    pub(super) cluster: ClusterSettings,
    pub(super) docker: DockerSettings,
    pub(super) transport: TransportSettings,
    pub(super) dns: DnsSettings,
    pub(super) limits: Limits,
    pub(super) discovery: Discovery,
    pub(super) rescheduler: Rescheduler,
}

pub(super) fn lower(ctx: &mut Lowering<'_>) -> Settings {
    let spec = ctx.spec;
    let mut cluster = ClusterSettings::default();
    let mut docker = DockerSettings::default();
    let mut transport = TransportSettings::default();
    let mut dns = DnsSettings::default();
    if ctx.plan.discovery == DiscoveryKind::EmbeddedDns {
        dns.ttl = networks::EMBEDDED_TTL;
    }
    let mut limits = Limits::default();
    let mut registry = RegistrySettings::default();
    let mut heartbeat = Heartbeat::default();
    let mut proxy = FrontProxySettings::default();
    let (mut swarm, mut nomad) = (SwarmSettings::default(), NomadSettings::default());
    let mut bad: Vec<(Vec<&str>, Vec<BadSetting>)> = Vec::new();
    if let Some(given) = &spec.cluster {
        bad.push((vec!["cluster"], given.apply(&mut cluster)));
        if let Some(proxy) = &given.kube_proxy {
            bad.push((vec!["cluster", "kubeProxy"], proxy.apply(&mut cluster)));
            if cluster.proxy_mode == ProxyMode::Ipvs && proxy.min_sync_period.is_none() {
                // C.1: the ipvs mode has no least time between two syncs.
                cluster.proxy_min_sync_period = SimDuration::ZERO;
            }
            if let Some(ipvs) = &proxy.ipvs {
                bad.push((vec!["cluster", "kubeProxy", "ipvs"], ipvs.apply(&mut cluster.ipvs)));
            }
        }
    }
    bad.push((vec!["docker"], spec.docker.as_ref().map(|given| given.apply(&mut docker)).unwrap_or_default()));
    bad.push((vec!["transport"], spec.transport.as_ref().map(|given| given.apply(&mut transport)).unwrap_or_default()));
    bad.push((vec!["dns"], spec.dns.as_ref().map(|given| given.apply(&mut dns)).unwrap_or_default()));
    bad.push((vec!["limits"], spec.limits.as_ref().map(|given| given.apply(&mut limits)).unwrap_or_default()));
    bad.push((vec!["registry"], spec.registry.as_ref().map(|given| given.apply(&mut registry)).unwrap_or_default()));
    let given = spec.rescheduler.as_ref().map(|given| given.apply(&mut heartbeat)).unwrap_or_default();
    bad.push((vec!["rescheduler"], given));
    bad.push((vec!["swarm"], spec.swarm.as_ref().map(|given| given.apply(&mut swarm)).unwrap_or_default()));
    bad.push((vec!["nomad"], spec.nomad.as_ref().map(|given| given.apply(&mut nomad)).unwrap_or_default()));
    bad.push((vec!["frontProxy"], spec.front_proxy.as_ref().map(|given| given.apply(&mut proxy)).unwrap_or_default()));
    let by_registry = proxies_follow_registry(ctx);
    for (group, problems) in bad {
        let place = group.iter().fold(ctx.place.clone(), |place, segment| place.at(segment));
        for (key, message) in problems {
            ctx.sink.report(BAD_VALUE, &place.at(key), message);
        }
    }
    if transport.initcwnd == 0 {
        ctx.sink.report(BAD_VALUE, &ctx.place.at("transport").at("initcwnd"), "a window holds at least one packet");
    }
    Settings {
        cluster,
        docker,
        transport,
        dns,
        limits,
        discovery: match ctx.plan.discovery {
            DiscoveryKind::Static => Discovery::Static,
            DiscoveryKind::Registry => Discovery::Registry(registry),
            DiscoveryKind::FrontProxy => {
                Discovery::FrontProxy(FrontProxies { settings: proxy, registry: by_registry.then_some(registry) })
            }
            DiscoveryKind::PodIp => Discovery::PodIp,
            DiscoveryKind::Service => Discovery::Service,
            DiscoveryKind::EmbeddedDns => Discovery::EmbeddedDns,
        },
        rescheduler: match ctx.plan.rescheduler {
            ReschedulerKind::None => Rescheduler::None,
            ReschedulerKind::Heartbeat => Rescheduler::Heartbeat { period: heartbeat.period, grace: heartbeat.grace },
            ReschedulerKind::Swarm => Rescheduler::Swarm(swarm),
            ReschedulerKind::Nomad => Rescheduler::Nomad(nomad),
        },
    }
}

/// Whether a registry writes the front proxies' lists.
fn proxies_follow_registry(ctx: &mut Lowering<'_>) -> bool {
    let given = ctx.spec.front_proxy.as_ref().and_then(|given| given.upstreams.as_ref());
    match given.map(|text| text.0.as_str()) {
        None | Some("static") => false,
        Some("registry") => true,
        Some(other) => {
            let help = did_you_mean(other, ["static", "registry"]);
            let place = ctx.place.at("frontProxy").at("upstreams");
            ctx.sink.help(BAD_VALUE, &place, format!("`{other}` is no source of a proxy's upstreams"), &help);
            false
        }
    }
}

/// Every effective setting of an arm: what its scenario says, and the settings with their defaults.
pub(crate) fn settings_of(model: &Model, tree: &Value) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    if let Some(Value::Object(spec)) = tree.get("spec") {
        // These are the same in every arm by construction.
        let shared = ["arms", "include", "expect"];
        for (key, value) in spec.iter().filter(|(key, _)| !shared.contains(&key.as_str())) {
            flatten(key, value, &mut out);
        }
    }
    out.insert("model".to_owned(), model.address_model.name().to_owned());
    out.insert("discovery".to_owned(), model.discovery.name().to_owned());
    // The settings of the other address model, of absent registries and reschedulers mean nothing in this arm.
    let foreign = ["cluster.", "docker.", "registry.", "rescheduler.", "swarm.", "nomad.", "frontProxy."];
    out.retain(|path, _| !foreign.iter().any(|prefix| path.starts_with(prefix)));
    TransportSpec::show(&model.transport, "transport", &mut out);
    LimitsSpec::show(&model.limits, "limits", &mut out);
    match model.address_model {
        sim_core::model::settings::AddressModelKind::FlatPodIp => {
            ClusterSpec::show(&model.cluster, "cluster", &mut out);
            KubeProxySpec::show(&model.cluster, "cluster.kubeProxy", &mut out);
            if model.cluster.proxy_mode == ProxyMode::Ipvs {
                IpvsSpec::show(&model.cluster.ipvs, "cluster.kubeProxy.ipvs", &mut out);
            }
        }
        sim_core::model::settings::AddressModelKind::PortMapping => {
            out.insert("rescheduler".to_owned(), model.rescheduler.name().to_owned());
            DockerSpec::show(&model.docker, "docker", &mut out);
            if let Some(publish) = tree.pointer("/spec/docker/publish") {
                flatten("docker.publish", publish, &mut out);
            }
        }
    }
    if model.graph().edges.iter().any(|edge| edge.call.lookup.is_some()) {
        DnsSpec::show(&model.dns, "dns", &mut out);
    }
    for source in &model.sources {
        if let Front::LoadBalancer(front) = &source.front {
            FrontSpec::show(front, &format!("traffic.{}.front", source.name), &mut out);
        }
    }
    if let Discovery::FrontProxy(proxies) = &model.discovery {
        FrontProxySpec::show(&proxies.settings, "frontProxy", &mut out);
        let upstreams = if proxies.registry.is_some() { "registry" } else { "static" };
        out.insert("frontProxy.upstreams".to_owned(), upstreams.to_owned());
        if let Some(nodes) = tree.pointer("/spec/frontProxy/nodes") {
            flatten("frontProxy.nodes", nodes, &mut out);
        }
    }
    if let Some(registry) = model.discovery.registry() {
        RegistrySpec::show(registry, "registry", &mut out);
    }
    match &model.rescheduler {
        Rescheduler::None => {}
        Rescheduler::Heartbeat { period, grace } => {
            ReschedulerSpec::show(&Heartbeat { period: *period, grace: *grace }, "rescheduler", &mut out);
        }
        Rescheduler::Swarm(swarm) => SwarmSpec::show(swarm, "swarm", &mut out),
        Rescheduler::Nomad(nomad) => NomadSpec::show(nomad, "nomad", &mut out),
    }
    out
}

fn flatten(path: &str, value: &Value, out: &mut BTreeMap<String, String>) {
    match value {
        Value::Null => {}
        Value::Object(map) => map.iter().for_each(|(key, entry)| flatten(&format!("{path}.{key}"), entry, out)),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let name = item.get("name").and_then(Value::as_str).map_or_else(|| index.to_string(), str::to_owned);
                flatten(&format!("{path}.{name}"), item, out);
            }
        }
        Value::String(text) => {
            out.insert(path.to_owned(), text.clone());
        }
        scalar @ (Value::Bool(_) | Value::Number(_)) => {
            out.insert(path.to_owned(), scalar.to_string());
        }
    }
}
