//! Who takes connections to a Service: the algorithm that the scenario names, its parameters, and what pods weigh.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use sim_core::balancing::{BALANCERS, Input, MAX_WEIGHT};
use sim_core::model::application::{Service, ServiceKind, ServicePort, Workload};
use sim_core::model::balancing_choice::BalancingChoice;
use sim_core::model::ids::WorkloadId;
use sim_core::model::settings::{AddressModelKind, Discovery};

use super::{Lowering, parts, ports_of, refs};
use crate::diagnostics::Place;
use crate::diagnostics::codes::{BAD_VALUE, UNKNOWN_KIND, UNUSED};
use crate::nearest::did_you_mean;
use crate::schema::ServiceSpec;
use crate::schema::values::{Part, Short};

/// Reads what the scenario adds to its Services.
pub(super) fn lower(
    ctx: &mut Lowering<'_>,
    workloads: &[Workload],
    services: &mut [Service],
    service_ports: &[ServicePort],
    discovery: &Discovery,
) {
    let by_rules = ctx.plan.model() == AddressModelKind::FlatPodIp && *discovery == Discovery::Service;
    let place = ctx.place.at("services");
    let mut named = BTreeSet::new();
    for (reference, given) in &ctx.spec.services.0 {
        let at = place.at(reference);
        let found = refs::service(reference, ctx.directory, &at.key(), ctx.sink);
        let mut choice =
            given.algorithm.as_ref().and_then(|it| algorithm(ctx, it, &at.at("algorithm"))).unwrap_or_default();
        let Some(index) = found else { continue };
        if !named.insert(index) {
            ctx.sink.report(BAD_VALUE, &at.key(), format!("Service {} is named twice", services[index].name));
        }
        let mut selected: Vec<WorkloadId> = Vec::new();
        for port in &service_ports[ports_of(service_ports, index)] {
            selected.extend(port.backends.iter().map(|(workload, _)| *workload));
        }
        choice.weights = weights(ctx, given, &services[index].name, workloads, &selected, &at.at("weights"));
        let by_proxy = matches!(discovery, Discovery::FrontProxy(_));
        warn_of_unread_weights(ctx, &choice, by_proxy, &at.at("weights"));
        if by_rules && services[index].kind != ServiceKind::Headless {
            warn_of_unseen_answers(ctx, &choice, &at.at("algorithm"));
        }
        services[index].balancing = choice;
    }
}

/// `least-request`, or `{kind: least-request, choices: 3}`.
fn algorithm(ctx: &mut Lowering<'_>, given: &Short<Part>, place: &Place) -> Option<BalancingChoice> {
    let names = || BALANCERS.iter().map(|algorithm| algorithm.spec.name);
    let part: Map<String, Value> = match given {
        Short::Text(name) if names().all(|known| known != name) => {
            let help = did_you_mean(name, names());
            ctx.sink.help(UNKNOWN_KIND, place, format!("`{name}` is no balancing algorithm"), &help);
            return None;
        }
        Short::Text(name) => [("kind".to_owned(), Value::from(name.as_str()))].into_iter().collect(),
        Short::Long(Part(part)) => part.clone(),
    };
    let specs: Vec<_> = BALANCERS.iter().map(|algorithm| &algorithm.spec).collect();
    let (spec, arguments, _) = parts::build_from(ctx, None, &specs, "balancing algorithm", &part, &[], place)?;
    Some(BalancingChoice { algorithm: spec.name.to_owned(), arguments, weights: Vec::new() })
}

/// `{deployment/web: 3, deployment/canary: 1}`: each names a workload behind the Service.
fn weights(
    ctx: &mut Lowering<'_>,
    given: &ServiceSpec,
    service: &str,
    workloads: &[Workload],
    selected: &[WorkloadId],
    place: &Place,
) -> Vec<(WorkloadId, u32)> {
    let mut weights = Vec::new();
    for (reference, weight) in &given.weights.0 {
        let at = place.at(reference);
        let workload = refs::workload(reference, ctx.directory, &at.key(), ctx.sink);
        let weight = u32::try_from(*weight).ok().filter(|weight| *weight <= MAX_WEIGHT);
        if weight.is_none() {
            ctx.sink.report(BAD_VALUE, &at, format!("a weight is a whole number from 0 to {MAX_WEIGHT}"));
        }
        let (Some(workload), Some(weight)) = (workload, weight) else { continue };
        if weights.iter().any(|(known, _)| *known == workload) {
            let message = format!("{} is named twice", workloads[workload.index()].reference());
            ctx.sink.report(BAD_VALUE, &at.key(), message);
        }
        if selected.contains(&workload) {
            weights.push((workload, weight));
            continue;
        }
        let behind: Vec<String> = selected.iter().map(|id| workloads[id.index()].reference()).collect();
        let message = format!("{reference} does not stand behind Service {service}, so it has no weight there");
        ctx.sink.help(BAD_VALUE, &at.key(), message, &did_you_mean(reference, behind.iter().map(String::as_str)));
    }
    let weighs = |of: &WorkloadId| weights.iter().find(|(known, _)| known == of).is_none_or(|(_, weight)| *weight > 0);
    if !weights.is_empty() && !selected.iter().any(weighs) {
        let message = format!("all pods behind Service {service} weigh 0, so nobody would take a connection");
        ctx.sink.report(BAD_VALUE, place, message);
    }
    weights
}

/// Weights that nobody looks at are told of: only 0 means something to every named algorithm.
fn warn_of_unread_weights(ctx: &mut Lowering<'_>, choice: &BalancingChoice, by_proxy: bool, place: &Place) {
    if choice.weights.is_empty() {
        return;
    }
    match choice.named() {
        None if by_proxy => {}
        None => {
            let message = "nodes' rules give all pods equal shares: weights are read by an algorithm that is named here, \
                           and by front proxies";
            ctx.sink.help(UNUSED, place, message, "for example `algorithm: ...` with one that reads weights");
        }
        Some(named) if !named.reads(Input::Weights) => {
            let message = format!("`{}` reads no weights; one of 0 takes its pods out all the same", named.spec.name);
            ctx.sink.report(UNUSED, place, message);
        }
        Some(_) => {}
    }
}

/// An algorithm that goes by latencies hears of none where a node's rules choose.
fn warn_of_unseen_answers(ctx: &mut Lowering<'_>, choice: &BalancingChoice, place: &Place) {
    let Some(named) = choice.named().filter(|named| named.reads(Input::Latencies)) else { return };
    let message = format!("`{}` goes by how long answers take, which nodes' rules do not see", named.spec.name);
    let help = "clients with lists of their own see it (a headless Service, `discovery: podIP`), and front proxies do";
    ctx.sink.help(UNUSED, place, message, help);
}
