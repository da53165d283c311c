//! The planned actions: what is changed, when or after what, and of which object.

use serde_json::Value;
use sim_core::actions::{ACTIONS, ActionKind, Change};
use sim_core::kernel::time::SimDuration;
use sim_core::model::application::{Workload, WorkloadKind};
use sim_core::model::lifecycle::UpdateStrategy;
use sim_core::model::settings::AddressModelKind;
use sim_core::model::{Action, Begin};

use super::faults::length;
use super::{Lowering, Tables, parts};
use crate::arms::ReschedulerKind;
use crate::diagnostics::Place;
use crate::diagnostics::codes::{
    BAD_VALUE, DUPLICATE_NAME, INVALID_MODEL, MISSING_KEY, NEVER_HAPPENS, NO_COUNTERPART, UNKNOWN_NAME, UNUSED,
};
use crate::nearest::did_you_mean;
use crate::schema::ActionSpec;

/// Keys that every action has; the others are its kind's.
const COMMON: &[&str] = &["name", "at", "after", "delay"];

impl ActionSpec {
    /// Its name, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.0.get("name").and_then(Value::as_str)
    }

    /// The name of the action that it waits for.
    fn after(&self) -> Option<&str> {
        self.0.get("after").and_then(Value::as_str)
    }
}

pub(super) fn lower(ctx: &mut Lowering<'_>, tables: &Tables) -> Vec<Action> {
    let place = ctx.place.at("actions");
    let spec = ctx.spec;
    let given: Vec<(usize, &ActionSpec)> = spec.actions.iter().collect();
    let names: Vec<Option<&str>> = given.iter().map(|(_, action)| action.name()).collect();
    let mut seen: Vec<&str> = spec.faults.iter().filter_map(|(_, fault)| fault.name()).collect();
    let mut actions = Vec::new();
    for (index, action) in &given {
        let at = place.item(*index);
        if let Some(name) = action.name() {
            if seen.contains(&name) {
                let message = format!("two actions or faults are called `{name}`");
                ctx.sink.report(DUPLICATE_NAME, &at.at("name"), message);
            }
            seen.push(name);
        }
        actions.extend(one(ctx, tables, action, &names, &at));
    }
    no_circles(ctx, &given, &place);
    actions
}

fn one(
    ctx: &mut Lowering<'_>,
    tables: &Tables,
    given: &ActionSpec,
    names: &[Option<&str>],
    place: &Place,
) -> Option<Action> {
    let built = parts::build(ctx, Some(tables), ACTIONS, "action", &given.0, COMMON, place);
    let begin = begin(ctx, tables, given, names, place);
    if given.name().is_none() {
        ctx.sink.report(MISSING_KEY, place, "an action needs a `name`, which the report shows");
    }
    let (_, kind) = built?;
    check_kind(ctx, tables, &kind, place);
    note_arm(ctx, &kind, place);
    Some(Action { name: given.name()?.to_owned(), begin: begin?, kind })
}

/// `at`, or `after` with a `delay`.
fn begin(
    ctx: &mut Lowering<'_>,
    tables: &Tables,
    given: &ActionSpec,
    names: &[Option<&str>],
    place: &Place,
) -> Option<Begin> {
    let at = length(ctx, &given.0, "at", place);
    let delay = length(ctx, &given.0, "delay", place);
    let never = |ctx: &mut Lowering<'_>, key: &str, time: SimDuration| {
        let message = format!("this action begins at {time} or later, but the run ends at {}", tables.duration);
        ctx.sink.report(NEVER_HAPPENS, &place.at(key), message);
    };
    let Some(after) = given.after() else {
        if given.0.contains_key("after") {
            ctx.sink.report(BAD_VALUE, &place.at("after"), "`after` is the name of an action");
        } else if !given.0.contains_key("at") {
            let message = "an action needs `at`, the time when it begins, or `after`, the action that it follows";
            ctx.sink.report(MISSING_KEY, place, message);
        }
        if delay.is_some() {
            ctx.sink.report(UNUSED, &place.at("delay"), "`delay` goes with `after`");
        }
        if let Some(at) = at.filter(|at| *at >= tables.duration) {
            never(ctx, "at", at);
        }
        return at.map(Begin::At);
    };
    if given.0.contains_key("at") {
        let help = "`delay` says how long after the other action this one begins";
        ctx.sink.help(
            BAD_VALUE,
            &place.at("at"),
            "an action begins `at` a time or `after` another one, not both",
            help,
        );
    }
    if let Some(delay) = delay.filter(|delay| *delay >= tables.duration) {
        never(ctx, "delay", delay);
    }
    let action = names.iter().position(|name| *name == Some(after));
    if action.is_none() {
        let help = did_you_mean(after, names.iter().copied().flatten());
        ctx.sink.help(UNKNOWN_NAME, &place.at("after"), format!("there is no action `{after}`"), &help);
    }
    action.map(|action| Begin::After { action, delay: delay.unwrap_or(SimDuration::ZERO) })
}

/// An action that waits for itself, through however many others, never begins.
fn no_circles(ctx: &mut Lowering<'_>, given: &[(usize, &ActionSpec)], place: &Place) {
    let find = |name: &str| given.iter().position(|(_, action)| action.name() == Some(name));
    for (start, (index, action)) in given.iter().enumerate() {
        let mut chain = vec![start];
        let mut next = action.after().and_then(find);
        while let Some(other) = next {
            if other == start {
                let names: Vec<&str> = chain.iter().filter_map(|place| given[*place].1.name()).collect();
                let message = format!("this action waits for itself: {} after {}", names.join(" after "), names[0]);
                ctx.sink.report(INVALID_MODEL, &place.item(*index).at("after"), message);
                break;
            }
            if chain.contains(&other) {
                break;
            }
            chain.push(other);
            next = given[other].1.after().and_then(find);
        }
    }
}

/// What kubectl refuses, and what changes nothing.
fn check_kind(ctx: &mut Lowering<'_>, tables: &Tables, kind: &ActionKind, place: &Place) {
    match &kind.change {
        Change::Restart(workload) | Change::SetImage { workload, .. } => {
            check_rollout(ctx, kind.name, &tables.workloads[workload.index()], place);
        }
        Change::Scale { workload, .. } => {
            let workload = &tables.workloads[workload.index()];
            if matches!(workload.kind, WorkloadKind::DaemonSet | WorkloadKind::Pod) {
                let message = format!("{} has no number of replicas to scale", workload.reference());
                let help = "Deployments, ReplicaSets, ReplicationControllers and StatefulSets can be scaled";
                ctx.sink.help(BAD_VALUE, &place.at("workload"), message, help);
            }
        }
        Change::Cordon(_)
        | Change::Uncordon(_)
        | Change::Drain(_)
        | Change::DeletePod(_)
        | Change::DeleteService(_)
        | Change::RecreateService(_) => {}
    }
}

fn check_rollout(ctx: &mut Lowering<'_>, kind: &str, workload: &Workload, place: &Place) {
    let place = place.at("workload");
    let help = "Deployments, StatefulSets and DaemonSets are rolled out";
    match workload.kind {
        WorkloadKind::Deployment | WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => {
            let in_cluster = ctx.plan.model() == AddressModelKind::FlatPodIp;
            if in_cluster && workload.updates.strategy == UpdateStrategy::OnDelete {
                let message = format!("{} has the strategy OnDelete, so {kind} replaces no pod", workload.reference());
                ctx.sink.report(UNUSED, &place, message);
            }
        }
        WorkloadKind::Pod | WorkloadKind::ReplicaSet | WorkloadKind::ReplicationController if kind == "set-image" => {
            let message = format!("another image for {} replaces no running pod", workload.reference());
            ctx.sink.help(BAD_VALUE, &place, message, help);
        }
        other @ (WorkloadKind::Pod | WorkloadKind::ReplicaSet | WorkloadKind::ReplicationController) => {
            let message = format!("{}s \"{}\" restarting is not supported", other.reference(), workload.name);
            ctx.sink.help(BAD_VALUE, &place, message, help);
        }
    }
}

/// What an action of Kubernetes' is under port mapping, where that is nothing.
fn note_arm(ctx: &mut Lowering<'_>, kind: &ActionKind, place: &Place) {
    if ctx.plan.model() != AddressModelKind::PortMapping {
        return;
    }
    let arm = &ctx.plan.name;
    match kind.change {
        Change::Cordon(_) | Change::Uncordon(_) if ctx.plan.rescheduler == ReschedulerKind::None => {
            let message = format!("{} has no effect in arm {arm}: nobody places containers there", kind.name);
            ctx.sink.report(UNUSED, &place.at("kind"), message);
        }
        Change::DeleteService(_) | Change::RecreateService(_) => {
            let message = format!("{} does nothing in arm {arm}: there are no Services under port mapping", kind.name);
            ctx.sink.report(NO_COUNTERPART, &place.at("kind"), message);
        }
        Change::Restart(_)
        | Change::SetImage { .. }
        | Change::Scale { .. }
        | Change::Cordon(_)
        | Change::Uncordon(_)
        | Change::Drain(_)
        | Change::DeletePod(_) => {}
    }
}
