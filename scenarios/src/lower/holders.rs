//! Who holds the list of a Service and chooses from it, as the settings of an arm tell it: the same algorithm knows more or
//! less in the rules of each node, in each client, in a front proxy.

use std::collections::BTreeSet;

use sim_core::model::Model;
use sim_core::model::application::{ServiceKind, Target};
use sim_core::model::balancing_choice::algorithm_of;
use sim_core::model::ids::ServicePortId;
use sim_core::model::settings::{AddressModelKind, Discovery, ProxyMode};

use super::ports_of;
use crate::load::Arm;

/// Every Service of the files that names an algorithm in some arm has its algorithm and who holds it in the settings of all
/// arms, in place of what the file says. Services beyond the `first` ones are front proxies' own.
pub(crate) fn tell(arms: &mut [Arm], first: usize) {
    let named = |arm: &Arm| {
        let services = arm.model.services.iter().take(first).enumerate();
        services.filter(|(_, service)| !service.balancing.is_left_open()).map(|(index, _)| index).collect::<Vec<_>>()
    };
    let named: BTreeSet<usize> = arms.iter().flat_map(named).collect();
    for arm in arms {
        for index in &named {
            let service = &arm.model.services[*index];
            let prefixes = [&service.name, &format!("{}/{}", service.namespace, service.name)]
                .map(|reference| format!("services.{reference}.algorithm"));
            let mut parameters = Vec::new();
            let parameter = |path: &str| {
                let rest = prefixes.iter().find_map(|prefix| path.strip_prefix(prefix.as_str()))?;
                (rest.is_empty() || rest.starts_with('.')).then(|| rest.trim_start_matches('.').to_owned())
            };
            arm.settings.retain(|path, value| {
                let Some(name) = parameter(path) else { return true };
                if !name.is_empty() && name != "kind" {
                    parameters.push(format!("{name} {value}"));
                }
                false
            });
            arm.settings.insert(prefixes[0].clone(), told(&arm.model, *index, &parameters));
        }
    }
}

/// `least-request (choices 3) in each front proxy`.
fn told(model: &Model, service: usize, parameters: &[String]) -> String {
    let ports = || ports_of(&model.service_ports, service);
    let asked = |port: usize| Target::Service(ServicePortId::from_index(port));
    let by_proxy = model
        .graph()
        .edges
        .iter()
        .any(|edge| edge.call.upstreams.is_some() && ports().any(|it| asked(it) == edge.call.to));
    let choice = &model.services[service].balancing;
    let by_name = model.services[service].kind == ServiceKind::Headless;
    let by_rules =
        model.address_model == AddressModelKind::FlatPodIp && model.discovery == Discovery::Service && !by_name;
    let algorithm = match (choice.is_left_open(), ports().next()) {
        (true, _) if by_proxy || by_name => "round-robin",
        (true, _) if by_rules && model.cluster.proxy_mode == ProxyMode::Ipvs => "kube-proxy's scheduler",
        (_, Some(port)) => algorithm_of(model, ServicePortId::from_index(port)),
        (_, None) => choice.algorithm.as_str(),
    };
    let holder = match (by_proxy, by_rules) {
        (true, _) => "in each front proxy",
        (false, true) => "in the rules of each node",
        (false, false) => "in each client's own list",
    };
    if parameters.is_empty() {
        return format!("{algorithm} {holder}");
    }
    format!("{algorithm} ({}) {holder}", parameters.join(", "))
}
