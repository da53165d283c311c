//! Traffic that a workload can never keep up with: its queue grows for as long as the traffic lasts.

use sim_core::model::Model;

use super::Lowering;
use crate::diagnostics::codes::OVERLOADED;
use crate::twin::{Load, loads};

/// Warns of every workload whose offered load is at least what its pods can serve.
pub(super) fn tell(ctx: &mut Lowering<'_>, model: &Model) {
    for load in loads(model) {
        let Some(utilisation) = load.utilisation().filter(|utilisation| *utilisation >= 1.0) else { continue };
        warn(ctx, model, &load, utilisation);
    }
}

fn warn(ctx: &mut Lowering<'_>, model: &Model, load: &Load, utilisation: f64) {
    let workload = model.workload(load.workload).reference();
    let source = &model.source(load.heaviest).name;
    let given = ctx.spec.traffic.iter().find(|(_, given)| given.name.as_ref() == Some(source));
    let place = given.map_or(ctx.place.key(), |(index, _)| ctx.place.at("traffic").item(index).at("arrivals"));
    let message = format!(
        "`{workload}` is asked for {:.2} seconds of service per second, but serves {} requests at once: utilisation \
         {utilisation:.2}, so its queue grows without end",
        load.offered,
        load.workers.unwrap_or_default()
    );
    let help = format!("lower the rate, or raise `replicas` or `behaviour.{workload}.concurrency`");
    ctx.sink.help(OVERLOADED, &place, message, &help);
}
