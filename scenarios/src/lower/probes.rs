//! Probes of ports on which nobody listens: they fail for ever, which is told before it is simulated.

use sim_core::model::application::Workload;

use super::Lowering;
use crate::diagnostics::codes::PARTLY_MODELLED;

/// A pod listens on the ports that its containers declare, and on those that Services reach by number.
pub(super) fn check(ctx: &mut Lowering<'_>, workloads: &[Workload]) {
    for (given, workload) in ctx.draft.workloads.iter().zip(workloads) {
        let declared: Vec<u16> =
            workload.containers.iter().flat_map(|container| &container.ports).map(|port| port.port).collect();
        let asked = given.containers.iter().flat_map(|container| &container.probe_places);
        for (port, place) in asked.filter(|(port, _)| !declared.is_empty() && !declared.contains(port)) {
            let message =
                format!("no container declares port {port}: nobody listens there, and this probe never succeeds");
            ctx.sink.help(PARTLY_MODELLED, place, message, "declare the port under `ports` if the server has it");
        }
    }
}
