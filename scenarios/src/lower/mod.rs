//! From the draft and one arm's settings to a model: every name becomes a number, or an error at its place.

mod actions;
mod arrival_file;
mod balancing;
mod budgets;
mod calls;
mod datagrams;
mod faults;
mod front;
mod front_proxy;
pub(crate) mod holders;
mod names;
mod networks;
mod overload;
mod parts;
mod port_plan;
mod probes;
pub(crate) mod refs;
mod services;
mod settings;
mod topology;
mod traffic;
mod workloads;

use std::collections::BTreeMap;
use std::path::Path;

use sim_core::kernel::time::SimDuration;
use sim_core::model::application::{Service, ServicePort, Workload};
use sim_core::model::{Model, ModelParts};
use sim_core::topology::Topology;

use crate::arms::ArmPlan;
use crate::diagnostics::codes::{BAD_VALUE, INVALID_MODEL};
use crate::diagnostics::{Place, Sink};
use crate::directory::Directory;
use crate::draft::Draft;
use crate::load::Files;
use crate::schema::Spec;
use crate::schema::front_proxy::FrontProxySpec;
use crate::schema::orchestrators::{NomadSpec, SwarmSpec};
use crate::schema::settings::{
    ClusterSpec, DnsSpec, DockerSpec, IpvsSpec, KubeProxySpec, LimitsSpec, RegistrySpec, ReschedulerSpec, TransportSpec,
};
use crate::schema::values::DurationText;
use crate::units;
pub(crate) use settings::settings_of;

/// What the steps of lowering share.
pub(crate) struct Lowering<'a> {
    pub(crate) draft: &'a Draft,
    /// The same, by name.
    pub(crate) directory: &'a Directory<'a>,
    pub(crate) spec: &'a Spec,
    /// Where `spec` stands.
    pub(crate) place: Place,
    pub(crate) plan: &'a ArmPlan,
    pub(crate) sink: &'a mut Sink,
    /// Reads the files that the scenario names beside its includes.
    pub(crate) files: &'a dyn Files,
    /// The folder that they are relative to.
    pub(crate) base: &'a Path,
    /// Those that were read, by name, with the numbers of their sources; `None` for one that cannot be read.
    pub(crate) attached: &'a mut BTreeMap<String, Option<usize>>,
    /// The traffic source that is being lowered; a file of arrivals may hold those of others, too.
    pub(crate) traffic: String,
}

/// What is known once nodes, workloads and Services have their numbers.
pub(crate) struct Tables {
    pub(crate) topology: Topology,
    pub(crate) workloads: Vec<Workload>,
    pub(crate) services: Vec<Service>,
    pub(crate) service_ports: Vec<ServicePort>,
    pub(crate) duration: SimDuration,
}

impl Lowering<'_> {
    /// A duration, or the default with an error at its place.
    fn duration(&mut self, text: Option<&DurationText>, place: &Place, default: SimDuration) -> SimDuration {
        self.optional_duration(text, place).unwrap_or(default)
    }

    fn optional_duration(&mut self, text: Option<&DurationText>, place: &Place) -> Option<SimDuration> {
        self.read(text.map(|text| text.0.as_str()), place, units::duration)
    }

    /// A quantity read by `reader`; `None` when it is absent or wrong.
    fn read<T>(&mut self, text: Option<&str>, place: &Place, reader: fn(&str) -> Result<T, String>) -> Option<T> {
        match reader(text?) {
            Ok(value) => Some(value),
            Err(message) => {
                self.sink.report(BAD_VALUE, place, message);
                None
            }
        }
    }
}

/// The ports of a Service among all of them, which stand in the order of their Services.
fn ports_of(ports: &[ServicePort], service: usize) -> std::ops::Range<usize> {
    let before = |bound: usize| ports.partition_point(|port| port.service.index() < bound);
    before(service)..before(service + 1)
}

/// Lowers one arm. `None` when anything is in error; all errors are in the sink.
pub(crate) fn lower(ctx: &mut Lowering<'_>) -> Option<Model> {
    let seconds = |seconds| SimDuration::from_secs(seconds);
    let spec = ctx.spec;
    let place = ctx.place.clone();
    if spec.duration.is_none() {
        ctx.sink.missing(&place, "duration", "`duration` is missing here", "for example `duration: 10m`");
    }
    let duration = ctx.duration(spec.duration.as_ref(), &place.at("duration"), seconds(u64::from(u32::MAX)));
    let warm_up = ctx.duration(spec.warm_up.as_ref(), &place.at("warmUp"), SimDuration::ZERO);
    let drain = ctx.duration(spec.drain.as_ref(), &place.at("drain"), SimDuration::ZERO);
    let mut settings = settings::lower(ctx);
    let topology = topology::lower(ctx, &settings.cluster)?;
    settings.docker.networks = networks::lower(ctx, &topology, settings.docker.bridge_subnet);
    let mut workloads = workloads::lower(ctx, &topology);
    let (mut services, service_ports) = services::lower(ctx, &mut workloads, &settings.cluster);
    balancing::lower(ctx, &workloads, &mut services, &service_ports, &settings.discovery);
    port_plan::lower(ctx, &mut workloads, &settings.docker);
    probes::check(ctx, &workloads);
    let budgets = budgets::lower(ctx, &workloads);
    let mut tables = Tables { topology, workloads, services, service_ports, duration };
    calls::lower(ctx, &mut tables);
    let mut sources = traffic::lower(ctx, &tables);
    let faults = faults::lower(ctx, &tables);
    let actions = actions::lower(ctx, &tables);
    front_proxy::insert(ctx, &mut tables, &mut sources, &settings.discovery);
    if ctx.sink.has_errors() {
        return None;
    }
    let Tables { topology, workloads, services, service_ports, .. } = tables;
    let parts = ModelParts {
        seed: spec.seed.unwrap_or(0),
        duration,
        warm_up,
        drain,
        address_model: ctx.plan.model(),
        discovery: settings.discovery,
        rescheduler: settings.rescheduler,
        topology,
        cluster: settings.cluster,
        docker: settings.docker,
        transport: settings.transport,
        dns: settings.dns,
        limits: settings.limits,
        workloads,
        services,
        service_ports,
        sources,
        faults,
        actions,
        budgets,
    };
    match Model::new(parts) {
        Ok(model) => {
            overload::tell(ctx, &model);
            Some(model)
        }
        Err(problems) => {
            for problem in problems {
                let at = place_of(&place, &problem.message);
                ctx.sink.report(INVALID_MODEL, &at, problem.message);
            }
            None
        }
    }
}

/// The place of a setting whose name begins a message of the model.
fn place_of(spec: &Place, message: &str) -> Place {
    let word = message.split(' ').next().unwrap_or_default();
    let groups: [(&str, &[&str]); 12] = [
        ("cluster", ClusterSpec::KEYS),
        ("cluster/kubeProxy", KubeProxySpec::KEYS),
        ("cluster/kubeProxy/ipvs", IpvsSpec::KEYS),
        ("docker", DockerSpec::KEYS),
        ("registry", RegistrySpec::KEYS),
        ("transport", TransportSpec::KEYS),
        ("dns", DnsSpec::KEYS),
        ("limits", LimitsSpec::KEYS),
        ("rescheduler", ReschedulerSpec::KEYS),
        ("frontProxy", FrontProxySpec::KEYS),
        ("swarm", SwarmSpec::KEYS),
        ("nomad", NomadSpec::KEYS),
    ];
    let group = groups.iter().find(|(_, keys)| keys.contains(&word));
    match (group, word) {
        (Some((group, _)), _) => group.split('/').fold(spec.clone(), |place, key| place.at(key)).at(word),
        (None, "a") if message.starts_with("a lookup") => spec.at("dns"),
        (None, "a") if message.starts_with("a registry") => spec.at("registry"),
        (None, "a") if message.starts_with("a rescheduler") => spec.at("rescheduler"),
        (None, "calls") => spec.at("behaviour").key(),
        (None, "the") if message.starts_with("the calls") => spec.at("behaviour").key(),
        (None, "more") if message.starts_with("more than") => spec.at("behaviour").key(),
        (None, "warm-up") => spec.at("warmUp"),
        (None, "the") if message.starts_with("the duration") => spec.at("duration"),
        _ => spec.key(),
    }
}
