//! The fault plan: what breaks, when, for how long, and whom it hits.

use serde_json::{Map, Value};
use sim_core::faults::{Effect, FAULTS, FaultKind};
use sim_core::kernel::time::SimDuration;
use sim_core::model::Fault;
use sim_core::model::parameters::Victim;
use sim_core::topology::NodeRole;

use super::{Lowering, Tables, parts};
use crate::diagnostics::Place;
use crate::diagnostics::codes::{
    BAD_VALUE, DUPLICATE_NAME, MISSING_KEY, NEVER_HAPPENS, NO_EXPECTED_END, UNUSED, WRONG_TYPE,
};
use crate::schema::FaultSpec;
use crate::schema::values::{DurationText, from_text};

/// Keys that every fault has; the others are its kind's.
const COMMON: &[&str] = &["name", "at", "for"];

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
    let at = length(ctx, &given.0, "at", place);
    let given_length = length(ctx, &given.0, "for", place);
    if given.name().is_none() {
        ctx.sink.report(MISSING_KEY, place, "a fault needs a `name`, which the report shows");
    }
    if !given.0.contains_key("at") {
        ctx.sink.report(MISSING_KEY, place, "a fault needs `at`, the time when it begins");
    }
    let at = at?;
    if at >= tables.duration {
        let message = format!("this fault begins at {at}, but the run ends at {}", tables.duration);
        ctx.sink.report(NEVER_HAPPENS, &place.at("at"), message);
    } else if given_length.is_some_and(|length| at.as_nanos().saturating_add(length.as_nanos()) > end(tables)) {
        let message = format!("this fault ends after the end of the run at {}", tables.duration);
        ctx.sink.report(NO_EXPECTED_END, &place.at("for"), message);
    }
    let (_, kind) = built?;
    check_victim(ctx, tables, &kind, place);
    if kind.end.is_none() && given_length.is_some() {
        let message = format!("`{}` happens at once; `for` has no effect on it", kind.name);
        ctx.sink.report(UNUSED, &place.at("for"), message);
    }
    Some(Fault { name: given.name()?.to_owned(), at, length: given_length.or(kind.default_length), kind })
}

/// Only workers can be stopped: a control plane that is down is not modelled.
fn check_victim(ctx: &mut Lowering<'_>, tables: &Tables, kind: &FaultKind, place: &Place) {
    let Effect::StopNode(Victim::Node(node)) = kind.begin else { return };
    let hit = tables.topology.node(node);
    if hit.role != NodeRole::Worker {
        let workers = tables.topology.with_role(NodeRole::Worker);
        let names: Vec<&str> = workers.map(|worker| tables.topology.node(worker).name.as_str()).collect();
        let message = format!("`{}` runs no workload; stopping it is not modelled", hit.name);
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
