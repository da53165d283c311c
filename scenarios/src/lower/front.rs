//! What stands before traffic from outside.

use sim_core::kernel::time::SimDuration;
use sim_core::model::application::Origin;
use sim_core::model::settings::{Front, LoadBalancerSettings};

use super::Lowering;
use crate::diagnostics::Place;
use crate::diagnostics::codes::{BAD_VALUE, INVALID_MODEL, UNKNOWN_KIND};
use crate::nearest::did_you_mean;
use crate::schema::settings::FrontSpec;
use crate::schema::values::Short;

const KINDS: [&str; 2] = ["node-port", "load-balancer"];

/// The front of a source whose requests start at `from`.
pub(super) fn lower(
    ctx: &mut Lowering<'_>,
    given: Option<&Short<FrontSpec>>,
    from: Option<Origin>,
    place: &Place,
) -> Front {
    let Some(given) = given else { return Front::NodePort };
    if from.is_some_and(|from| !matches!(from, Origin::External(_))) {
        let message = "a front stands before requests from outside, and these start inside";
        ctx.sink.help(INVALID_MODEL, place, message, "leave it out, or write `from: external`");
    }
    let plain = FrontSpec::default();
    let (kind, at, spec) = match given {
        Short::Text(kind) => (Some(kind.as_str()), place.clone(), &plain),
        Short::Long(spec) => (spec.kind.as_ref().map(|kind| kind.0.as_str()), place.at("kind"), spec),
    };
    match kind {
        Some("load-balancer") => Front::LoadBalancer(settings(ctx, spec, place)),
        Some("node-port") => {
            let mut unused = LoadBalancerSettings::default();
            if spec.apply(&mut unused) != Vec::new() || unused != LoadBalancerSettings::default() {
                let message = format!("{} are settings of a load balancer", FrontSpec::KEYS.join(", "));
                ctx.sink.help(BAD_VALUE, place, message, "write `kind: load-balancer`, or leave them out");
            }
            Front::NodePort
        }
        Some(other) => {
            let help = did_you_mean(other, KINDS);
            ctx.sink.help(UNKNOWN_KIND, &at, format!("`{other}` is no front"), &help);
            Front::NodePort
        }
        None => {
            ctx.sink.missing(place, "kind", "a front needs `kind`", "for example `kind: load-balancer`");
            Front::NodePort
        }
    }
}

fn settings(ctx: &mut Lowering<'_>, spec: &FrontSpec, place: &Place) -> LoadBalancerSettings {
    let mut settings = LoadBalancerSettings::default();
    for (key, message) in spec.apply(&mut settings) {
        ctx.sink.report(BAD_VALUE, &place.at(key), message);
    }
    let LoadBalancerSettings { interval, timeout, unhealthy_threshold, healthy_threshold, .. } = settings;
    let wrong = [
        ("interval", interval.is_zero()),
        ("unhealthyThreshold", unhealthy_threshold == 0),
        ("healthyThreshold", healthy_threshold == 0),
    ];
    for (key, _) in wrong.into_iter().filter(|(_, wrong)| *wrong) {
        ctx.sink.report(BAD_VALUE, &place.at(key), format!("`{key}` must be above zero"));
    }
    if timeout > interval && interval > SimDuration::ZERO {
        let message = format!("checks of {timeout} overlap when one starts every {interval}");
        let key = if spec.timeout.is_some() { place.at("timeout") } else { place.at("interval") };
        ctx.sink.help(BAD_VALUE, &key, message, "the timeout is at most the interval");
    }
    settings
}
