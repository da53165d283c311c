//! What a Service's manifest says of its traffic: policies, affinity, distribution, who may enter.

use std::net::IpAddr;

use sim_core::kernel::time::SimDuration;
use sim_core::model::service_traffic::{ServiceTraffic, TrafficDistribution, TrafficPolicy};
use sim_core::model::units::Subnet;

use super::types::ServiceSpec;
use crate::diagnostics::codes::BAD_VALUE;
use crate::diagnostics::{Place, Sink};
use crate::nearest::did_you_mean;
use crate::schema::settings::Setting;
use crate::schema::values::List;
use crate::schema::values::SubnetText;

/// `timeoutSeconds` when the manifest does not say (C.2).
const AFFINITY_TIMEOUT: i64 = 10_800;
/// The longest that the API takes: a day.
const LONGEST_AFFINITY: i64 = 86_400;

/// Reads the keys of a Service's `spec`.
pub(super) fn read(spec: &ServiceSpec, place: &Place, sink: &mut Sink) -> ServiceTraffic {
    ServiceTraffic {
        internal: policy(spec.internal_traffic_policy.as_deref(), &place.at("internalTrafficPolicy"), sink),
        external: policy(spec.external_traffic_policy.as_deref(), &place.at("externalTrafficPolicy"), sink),
        affinity: affinity(spec, place, sink),
        distribution: distribution(spec.traffic_distribution.as_deref(), &place.at("trafficDistribution"), sink),
        external_ips: all(&spec.external_ips, &place.at("externalIPs"), "an address", sink, |text| {
            text.parse::<IpAddr>().ok()
        }),
        source_ranges: ranges(&spec.load_balancer_source_ranges, &place.at("loadBalancerSourceRanges"), sink),
    }
}

fn policy(text: Option<&str>, place: &Place, sink: &mut Sink) -> TrafficPolicy {
    let known = [("Cluster", TrafficPolicy::Cluster), ("Local", TrafficPolicy::Local)];
    one_of(text, &known, place, "traffic policy", sink).unwrap_or_default()
}

fn distribution(text: Option<&str>, place: &Place, sink: &mut Sink) -> Option<TrafficDistribution> {
    let known = [
        ("PreferClose", TrafficDistribution::SameZone),
        ("PreferSameZone", TrafficDistribution::SameZone),
        ("PreferSameNode", TrafficDistribution::SameNode),
    ];
    one_of(text, &known, place, "traffic distribution", sink)
}

fn affinity(spec: &ServiceSpec, place: &Place, sink: &mut Sink) -> Option<SimDuration> {
    let known = [("None", false), ("ClientIP", true)];
    let sticks = one_of(spec.session_affinity.as_deref(), &known, &place.at("sessionAffinity"), "affinity", sink);
    if sticks != Some(true) {
        return None;
    }
    let seconds = spec.session_affinity_config.client_ip.timeout_seconds.unwrap_or(AFFINITY_TIMEOUT);
    if !(1..=LONGEST_AFFINITY).contains(&seconds) {
        let at = place.at("sessionAffinityConfig").at("clientIP").at("timeoutSeconds");
        sink.report(BAD_VALUE, &at, format!("{seconds} is not between 1 and {LONGEST_AFFINITY} seconds"));
        return None;
    }
    Some(SimDuration::from_secs(seconds.unsigned_abs()))
}

fn ranges(given: &List<String>, place: &Place, sink: &mut Sink) -> Vec<Subnet> {
    all(given, place, "an IPv4 block such as 203.0.113.0/24", sink, |text| match text.trim() {
        "0.0.0.0/0" => Some(Subnet::v4(0, 0, 0, 0, 0)),
        text => <Subnet as Setting<SubnetText>>::read(&SubnetText(text.to_owned())).ok(),
    })
}

/// The word's meaning; one that the API does not know is told.
fn one_of<T: Copy>(text: Option<&str>, known: &[(&str, T)], place: &Place, what: &str, sink: &mut Sink) -> Option<T> {
    let text = text.filter(|text| !text.is_empty())?;
    let found = known.iter().find(|(word, _)| *word == text);
    if found.is_none() {
        let help = did_you_mean(text, known.iter().map(|(word, _)| *word));
        sink.help(BAD_VALUE, place, format!("`{text}` is no {what}"), &help);
    }
    found.map(|(_, meaning)| *meaning)
}

fn all<T>(
    given: &List<String>,
    place: &Place,
    what: &str,
    sink: &mut Sink,
    parse: impl Fn(&str) -> Option<T>,
) -> Vec<T> {
    let mut read = Vec::new();
    for (index, text) in given.iter() {
        match parse(text) {
            Some(value) => read.push(value),
            None => sink.report(BAD_VALUE, &place.item(index), format!("`{text}` is not {what}")),
        }
    }
    read
}
