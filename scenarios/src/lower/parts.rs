//! Replaceable parts: `kind` is looked up in a registry, the other keys are checked against its parameters.

use std::sync::Arc;

use serde_json::{Map, Value};
use sim_core::kernel::time::SimDuration;
use sim_core::model::ids::{NodeId, ServiceId, WorkloadId};
use sim_core::model::parameters::{Argument, Arguments, Parameter, ParameterKind, Spec, Victim};
use sim_core::model::units::Rate;
use sim_core::workload::distribution::DISTRIBUTIONS;

use super::{Lowering, Tables, arrival_file, refs};
use crate::diagnostics::Place;
use crate::diagnostics::codes::{BAD_VALUE, MISSING_KEY, NEVER_HAPPENS, UNKNOWN_KEY, UNKNOWN_KIND, WRONG_TYPE};
use crate::nearest::{did_you_mean, nearest};
use crate::units;

/// Builds the part that `given` describes; keys in `common` are somebody else's. Gives its name too.
pub(super) fn build<T>(
    ctx: &mut Lowering<'_>,
    tables: Option<&Tables>,
    registry: &'static [Spec<T>],
    what: &str,
    given: &Map<String, Value>,
    common: &[&str],
    place: &Place,
) -> Option<(&'static str, T)> {
    let registry: Vec<&'static Spec<T>> = registry.iter().collect();
    let (spec, _, built) = build_from(ctx, tables, &registry, what, given, common, place)?;
    Some((spec.name, built))
}

/// The same from specs that stand in a registry of something else; gives the spec and the arguments too.
pub(super) fn build_from<T>(
    ctx: &mut Lowering<'_>,
    tables: Option<&Tables>,
    registry: &[&'static Spec<T>],
    what: &str,
    given: &Map<String, Value>,
    common: &[&str],
    place: &Place,
) -> Option<(&'static Spec<T>, Arguments, T)> {
    let Some(kind) = given.get("kind").and_then(Value::as_str) else {
        let help = did_you_mean("", registry.iter().map(|spec| spec.name));
        ctx.sink.help(MISSING_KEY, place, format!("a {what} needs `kind`"), &help);
        return None;
    };
    let Some(spec) = registry.iter().copied().find(|spec| spec.name == kind) else {
        let help = did_you_mean(kind, registry.iter().map(|spec| spec.name));
        ctx.sink.help(UNKNOWN_KIND, &place.at("kind"), format!("`{kind}` is no {what}"), &help);
        return None;
    };
    let known = || spec.parameters.iter().map(|parameter| parameter.name).chain(common.iter().copied());
    for key in given.keys().filter(|key| *key != "kind" && !known().any(|name| name == key.as_str())) {
        let help = did_you_mean(key, known());
        if let Some(name) = nearest(key, known()) {
            ctx.sink.meant(&place.at(name));
        }
        ctx.sink.help(UNKNOWN_KEY, &place.at(key).key(), format!("{what} {kind} knows no `{key}`"), &help);
    }
    let mut arguments = Arguments::default();
    let mut complete = true;
    for parameter in spec.parameters {
        match given.get(parameter.name).filter(|value| !value.is_null()) {
            Some(value) => match argument(ctx, tables, parameter, value, &place.at(parameter.name)) {
                Some(argument) => arguments.set(parameter.name, argument),
                None => complete = false,
            },
            None if parameter.required => {
                let message = format!("{what} {kind} needs `{}`: {}", parameter.name, parameter.summary);
                ctx.sink.missing(place, parameter.name, message, "");
                complete = false;
            }
            None => {}
        }
    }
    if !complete {
        return None;
    }
    let built = (spec.build)(&arguments);
    if built.is_none() {
        let message = format!("the values of {what} {kind} do not fit together");
        let meaning = spec.meaning(&arguments);
        let help = if meaning.is_empty() { spec.summary } else { &meaning };
        ctx.sink.help(BAD_VALUE, &place.key(), message, help);
    }
    built.map(|built| (spec, arguments, built))
}

fn argument(
    ctx: &mut Lowering<'_>,
    tables: Option<&Tables>,
    parameter: &Parameter,
    value: &Value,
    place: &Place,
) -> Option<Argument> {
    match parameter.kind {
        ParameterKind::Duration => read(ctx, value, place, units::duration).map(Argument::Duration),
        ParameterKind::Rate => read(ctx, value, place, units::rate).map(Argument::Rate),
        ParameterKind::RateOrZero => read(ctx, value, place, units::rate_or_zero).map(Argument::Rate),
        ParameterKind::Choice { names } => {
            let text = scalar(ctx, value, place)?;
            let found = names.iter().copied().find(|name| *name == text);
            if found.is_none() {
                let help = did_you_mean(&text, names.iter().copied());
                ctx.sink.help(BAD_VALUE, place, format!("`{text}` is no {}", parameter.name), &help);
            }
            found.map(Argument::Choice)
        }
        ParameterKind::Steps => steps(ctx, value, place).map(Argument::Steps),
        ParameterKind::ArrivalFile => {
            let path = scalar(ctx, value, place)?;
            arrival_file::read(ctx, &path, place).map(Argument::Arrivals)
        }
        ParameterKind::Count { min } => {
            let count = value.as_u64().filter(|count| *count >= min);
            if count.is_none() {
                ctx.sink.report(BAD_VALUE, place, format!("`{value}` is no whole number of {min} or more"));
            }
            count.map(Argument::Count)
        }
        ParameterKind::Within { min, max, .. } => {
            let count = value.as_u64().filter(|count| (min..=max).contains(count));
            if count.is_none() {
                ctx.sink.report(BAD_VALUE, place, format!("`{value}` is no whole number from {min} to {max}"));
            }
            count.map(Argument::Count)
        }
        ParameterKind::Distribution => {
            let Value::Object(part) = value else {
                ctx.sink.report(WRONG_TYPE, place, "a distribution is a mapping: {kind: ..., ...}");
                return None;
            };
            let built = build(ctx, tables, DISTRIBUTIONS, "distribution", part, &[], place);
            built.map(|(_, distribution)| Argument::Distribution(distribution))
        }
        ParameterKind::Node => node_victim(ctx, tables?, value, place).map(Argument::Victim),
        ParameterKind::Pod => pod_victim(ctx, tables?, value, place).map(Argument::Victim),
        ParameterKind::Link => {
            let name = scalar(ctx, value, place)?;
            refs::link(&name, &tables?.topology, place, ctx.sink).map(|link| Argument::Victim(Victim::Link(link)))
        }
        ParameterKind::Zone => {
            let name = scalar(ctx, value, place)?;
            refs::zone(&name, &tables?.topology, place, ctx.sink).map(|node| Argument::Victim(Victim::ZoneOf(node)))
        }
        ParameterKind::Workload => {
            let name = scalar(ctx, value, place)?;
            refs::workload(&name, ctx.directory, place, ctx.sink).map(Argument::Workload)
        }
        ParameterKind::Service => {
            let name = scalar(ctx, value, place)?;
            let name = name.strip_prefix("service/").unwrap_or(&name);
            let found = refs::service(name, ctx.directory, place, ctx.sink);
            found.map(|index| Argument::Service(ServiceId::from_index(index)))
        }
        ParameterKind::Text => scalar(ctx, value, place).map(Argument::Text),
        ParameterKind::Factor => read(ctx, value, place, units::factor).map(Argument::Factor),
        ParameterKind::Percent => read(ctx, value, place, units::parts_per_million).map(Argument::Percent),
        ParameterKind::Nodes => nodes(ctx, tables?, value, place).map(Argument::Nodes),
    }
}

/// `[{at: 0s, rate: 10/s}, {at: 60s, rate: 100/s}]`.
fn steps(ctx: &mut Lowering<'_>, value: &Value, place: &Place) -> Option<Arc<[(SimDuration, Rate)]>> {
    let Value::Array(items) = value else {
        ctx.sink.report(WRONG_TYPE, place, "steps are a list: [{at: 0s, rate: 10/s}, ...]");
        return None;
    };
    let mut steps: Vec<(SimDuration, Rate)> = Vec::new();
    let mut complete = true;
    for (index, item) in items.iter().enumerate() {
        let at = place.item(index);
        let step = step(ctx, item, &at);
        complete &= step.is_some();
        let late = step.is_some_and(|(time, _)| steps.last().is_some_and(|(before, _)| *before >= time));
        if late {
            ctx.sink.report(BAD_VALUE, &at.at("at"), "a step comes after the one before it");
            complete = false;
        }
        steps.extend(step);
    }
    complete.then(|| steps.into())
}

fn step(ctx: &mut Lowering<'_>, item: &Value, place: &Place) -> Option<(SimDuration, Rate)> {
    let Value::Object(step) = item else {
        ctx.sink.report(WRONG_TYPE, place, "a step is a mapping: {at: 60s, rate: 100/s}");
        return None;
    };
    for unknown in step.keys().filter(|key| !["rate", "at"].contains(&key.as_str())) {
        let help = did_you_mean(unknown, ["rate", "at"]);
        if let Some(name) = nearest(unknown, ["rate", "at"]) {
            ctx.sink.meant(&place.at(name));
        }
        ctx.sink.help(UNKNOWN_KEY, &place.at(unknown).key(), format!("a step knows no `{unknown}`"), &help);
    }
    let mut text = |key: &str| {
        let Some(value) = step.get(key) else {
            ctx.sink.missing(place, key, format!("a step needs `{key}`"), "");
            return None;
        };
        scalar(ctx, value, &place.at(key))
    };
    let (at, rate) = (text("at"), text("rate"));
    let at = ctx.read(at.as_deref(), &place.at("at"), units::duration);
    let rate = ctx.read(rate.as_deref(), &place.at("rate"), units::rate_or_zero);
    Some((at?, rate?))
}

/// `[node-1, node-2]`, or one name.
fn nodes(ctx: &mut Lowering<'_>, tables: &Tables, value: &Value, place: &Place) -> Option<Arc<[NodeId]>> {
    let topology = &tables.topology;
    let Value::Array(items) = value else {
        let name = scalar(ctx, value, place)?;
        return refs::node(&name, topology, place, ctx.sink).map(|node| Arc::from([node]));
    };
    if items.is_empty() {
        ctx.sink.report(BAD_VALUE, place, "a list of nodes names at least one");
        return None;
    }
    let mut found = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let at = place.item(index);
        let name = scalar(ctx, item, &at);
        found.extend(name.and_then(|name| refs::node(&name, topology, &at, ctx.sink)));
    }
    (found.len() == items.len()).then(|| found.into())
}

fn read<T>(ctx: &mut Lowering<'_>, value: &Value, place: &Place, parse: fn(&str) -> Result<T, String>) -> Option<T> {
    let text = scalar(ctx, value, place)?;
    ctx.read(Some(&text), place, parse)
}

fn scalar(ctx: &mut Lowering<'_>, value: &Value, place: &Place) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            ctx.sink.report(WRONG_TYPE, place, "expected a text");
            None
        }
    }
}

fn node_victim(ctx: &mut Lowering<'_>, tables: &Tables, value: &Value, place: &Place) -> Option<Victim> {
    if let Value::Object(role) = value {
        let (workload, index) = role_victim(ctx, tables, role, "hosting", place)?;
        return Some(Victim::NodeHosting { workload, index });
    }
    let name = scalar(ctx, value, place)?;
    refs::node(&name, &tables.topology, place, ctx.sink).map(Victim::Node)
}

fn pod_victim(ctx: &mut Lowering<'_>, tables: &Tables, value: &Value, place: &Place) -> Option<Victim> {
    if let Value::Object(role) = value {
        let (workload, index) = role_victim(ctx, tables, role, "of", place)?;
        return Some(Victim::PodOf { workload, index });
    }
    let name = scalar(ctx, value, place)?;
    let (workload, index) = refs::pod(&name, ctx.draft, place, ctx.sink)?;
    in_range(ctx, tables, workload, index, place).then_some(Victim::PodOf { workload, index })
}

/// `{KEY: deployment/web, index: 0}`.
fn role_victim(
    ctx: &mut Lowering<'_>,
    tables: &Tables,
    role: &Map<String, Value>,
    key: &'static str,
    place: &Place,
) -> Option<(WorkloadId, u32)> {
    for unknown in role.keys().filter(|known| *known != key && *known != "index") {
        let help = did_you_mean(unknown, [key, "index"]);
        ctx.sink.help(UNKNOWN_KEY, &place.at(unknown).key(), format!("a victim knows no `{unknown}` here"), &help);
    }
    let index = match role.get("index") {
        None | Some(Value::Null) => Some(0),
        Some(value) => value.as_u64().and_then(|index| u32::try_from(index).ok()),
    };
    if index.is_none() {
        ctx.sink.report(BAD_VALUE, &place.at("index"), "an index is a whole number from 0");
    }
    let Some(reference) = role.get(key).and_then(Value::as_str) else {
        ctx.sink.report(MISSING_KEY, place, format!("a victim by role needs `{key}`, a workload"));
        return None;
    };
    let workload = refs::workload(reference, ctx.directory, &place.at(key), ctx.sink)?;
    let index = index?;
    in_range(ctx, tables, workload, index, &place.at("index")).then_some((workload, index))
}

fn in_range(ctx: &mut Lowering<'_>, tables: &Tables, workload: WorkloadId, index: u32, place: &Place) -> bool {
    let workload = &tables.workloads[workload.index()];
    let fits = index < workload.replicas;
    if !fits {
        let message =
            format!("{} has {} pods, so there is none with index {index}", workload.reference(), workload.replicas);
        ctx.sink.help(NEVER_HAPPENS, place, message, "the first pod has index 0");
    }
    fits
}
