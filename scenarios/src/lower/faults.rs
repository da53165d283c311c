//! The fault plan: what breaks, when, for how long, and whom it hits.

use serde_json::{Map, Value};
use sim_core::faults::{Effect, FAULTS, FaultKind, Impairment};
use sim_core::kernel::time::SimDuration;
use sim_core::model::parameters::Victim;
use sim_core::model::settings::AddressModelKind;
use sim_core::model::{Fault, Renewal};
use sim_core::topology::NodeRole;

use super::{Lowering, Tables, parts};
use crate::arms::DiscoveryKind;
use crate::diagnostics::Place;
use crate::diagnostics::codes::{
    BAD_VALUE, DUPLICATE_NAME, MISSING_KEY, NEVER_HAPPENS, NO_COUNTERPART, NO_EXPECTED_END, UNUSED, WRONG_TYPE,
};
use crate::schema::FaultSpec;
use crate::schema::values::{DurationText, from_text};

/// Keys that every fault has; the others are its kind's.
const COMMON: &[&str] = &["name", "at", "for", "mtbf", "mttr"];

pub(super) fn lower(ctx: &mut Lowering<'_>, tables: &Tables) -> Vec<Fault> {
    let place = ctx.place.at("faults");
    let spec = ctx.spec;
    let mut faults: Vec<Fault> = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    for (index, given) in spec.faults.iter() {
        let at = place.item(index);
        if let Some(name) = given.name() {
            if names.contains(&name) {
                ctx.sink.report(DUPLICATE_NAME, &at.at("name"), format!("two faults are called `{name}`"));
            }
            names.push(name);
        }
        faults.extend(fault(ctx, tables, given, &at));
    }
    faults
}

impl FaultSpec {
    /// Its name, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.0.get("name").and_then(Value::as_str)
    }
}

fn fault(ctx: &mut Lowering<'_>, tables: &Tables, given: &FaultSpec, place: &Place) -> Option<Fault> {
    let built = parts::build(ctx, Some(tables), FAULTS, "fault", &given.0, COMMON, place);
    if given.name().is_none() {
        ctx.sink.report(MISSING_KEY, place, "a fault needs a `name`, which the report shows");
    }
    let random = ["mtbf", "mttr"].iter().any(|key| given.0.contains_key(*key));
    let kind = built.map(|(_, kind)| kind);
    let (at, given_length, renewal) = if random {
        (SimDuration::ZERO, None, Some(renewal(ctx, given, kind.as_ref(), place)?))
    } else {
        let (at, length) = times(ctx, tables, given, place)?;
        (at, length, None)
    };
    let kind = kind?;
    check_victim(ctx, tables, &kind, place);
    note_arm(ctx, &kind, place);
    if kind.end.is_none() && given_length.is_some() {
        let message = format!("`{}` happens at once; `for` has no effect on it", kind.name);
        ctx.sink.report(UNUSED, &place.at("for"), message);
    }
    Some(Fault { name: given.name()?.to_owned(), at, length: given_length.or(kind.default_length), kind, renewal })
}

/// `at` and `for`.
fn times(
    ctx: &mut Lowering<'_>,
    tables: &Tables,
    given: &FaultSpec,
    place: &Place,
) -> Option<(SimDuration, Option<SimDuration>)> {
    let at = length(ctx, &given.0, "at", place);
    let given_length = length(ctx, &given.0, "for", place);
    if !given.0.contains_key("at") {
        let message = "a fault needs `at`, the time when it begins, or `mtbf` and `mttr`, to come at random";
        ctx.sink.report(MISSING_KEY, place, message);
    }
    let at = at?;
    if at >= tables.duration {
        let message = format!("this fault begins at {at}, but the run ends at {}", tables.duration);
        ctx.sink.report(NEVER_HAPPENS, &place.at("at"), message);
    } else if given_length.is_some_and(|length| at.as_nanos().saturating_add(length.as_nanos()) > end(tables)) {
        let message = format!("this fault ends after the end of the run at {}", tables.duration);
        ctx.sink.report(NO_EXPECTED_END, &place.at("for"), message);
    }
    Some((at, given_length))
}

/// `mtbf` and `mttr`.
fn renewal(ctx: &mut Lowering<'_>, given: &FaultSpec, kind: Option<&FaultKind>, place: &Place) -> Option<Renewal> {
    for key in ["at", "for"].into_iter().filter(|key| given.0.contains_key(*key)) {
        let message = format!("a fault that comes at random has no `{key}`: `mtbf` and `mttr` stand in its place");
        ctx.sink.report(BAD_VALUE, &place.at(key), message);
    }
    let at_once = kind.is_some_and(|kind| kind.end.is_none());
    let mut mean = |key: &str, needed: bool| {
        if needed && !given.0.contains_key(key) {
            ctx.sink.missing(place, key, format!("a fault that comes at random needs `{key}`, a mean time"), "");
        }
        let mean = length(ctx, &given.0, key, place);
        if mean.is_some_and(SimDuration::is_zero) {
            ctx.sink.report(BAD_VALUE, &place.at(key), format!("`{key}` is a mean time above zero"));
        }
        mean.filter(|mean| !mean.is_zero())
    };
    let (mtbf, mttr) = (mean("mtbf", true), mean("mttr", !at_once));
    if let Some(kind) = kind.filter(|kind| kind.end.is_none() && mttr.is_some()) {
        let message = format!("`{}` happens at once; `mttr` has no effect on it", kind.name);
        ctx.sink.report(UNUSED, &place.at("mttr"), message);
    }
    let nothing = at_once.then_some(SimDuration::ZERO);
    Some(Renewal { mtbf: mtbf?, mttr: mttr.or(nothing)? })
}

/// Some faults hit what one of the two address models does not have.
fn note_arm(ctx: &mut Lowering<'_>, kind: &FaultKind, place: &Place) {
    let Effect::Impair(impairment) = &kind.begin else { return };
    let in_cluster = ctx.plan.model() == AddressModelKind::FlatPodIp;
    let upstreams = ctx.spec.front_proxy.as_ref().and_then(|given| given.upstreams.as_ref());
    let by_registry = upstreams.is_some_and(|text| text.0 == "registry");
    let proxied = ctx.plan.discovery == DiscoveryKind::FrontProxy && by_registry;
    let with_registry = ctx.plan.discovery == DiscoveryKind::Registry || proxied;
    let needed = [
        (matches!(impairment, Impairment::ProxyStall(_)), in_cluster, "kube-proxy"),
        (*impairment == Impairment::ApiOutage, in_cluster, "API server"),
        (*impairment == Impairment::RegistryOutage, with_registry, "registry"),
        (matches!(impairment, Impairment::DockerDaemon { .. }), !in_cluster, "Docker daemon"),
    ];
    let missing = needed.into_iter().find(|(needs, has, _)| *needs && !has);
    let Some((_, _, missing)) = missing else { return };
    let arm = &ctx.plan.name;
    let message = format!("{} does nothing in arm {arm}: there is no {missing}", kind.name);
    ctx.sink.report(NO_COUNTERPART, &place.at("kind"), message);
}

/// Only workers can be stopped: a control plane that is down is not modelled.
fn check_victim(ctx: &mut Lowering<'_>, tables: &Tables, kind: &FaultKind, place: &Place) {
    let of_node = matches!(kind.begin, Effect::StopNode(_) | Effect::Impair(_));
    let Some(Victim::Node(node)) = kind.begin.victim().filter(|_| of_node) else { return };
    let hit = tables.topology.node(node);
    if hit.role != NodeRole::Worker {
        let workers = tables.topology.with_role(NodeRole::Worker);
        let names: Vec<&str> = workers.map(|worker| tables.topology.node(worker).name.as_str()).collect();
        let message = format!("`{}` runs no workload; {} of it is not modelled", hit.name, kind.name);
        ctx.sink.help(BAD_VALUE, &place.at("node"), message, &format!("workers: {}", names.join(", ")));
    }
}

fn end(tables: &Tables) -> u64 {
    tables.duration.as_nanos()
}

/// The length of time under a key of a fault or action.
pub(super) fn length(
    ctx: &mut Lowering<'_>,
    given: &Map<String, Value>,
    key: &str,
    place: &Place,
) -> Option<SimDuration> {
    let value = given.get(key).filter(|value| !value.is_null())?;
    let text = match value {
        Value::String(text) => from_text::<DurationText>(text),
        Value::Number(number) => Some(DurationText(number.to_string())),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    let Some(text) = text else {
        ctx.sink.report(WRONG_TYPE, &place.at(key), "expected a duration such as 60s");
        return None;
    };
    ctx.optional_duration(Some(&text), &place.at(key))
}
