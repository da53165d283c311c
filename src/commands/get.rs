//! `podwire get`: objects at a time, in kubectl's tables.

use std::io::Write;
use std::sync::Arc;

use reports::state::{ClusterState, Query, Resource};
use scenarios::{Arm, Scenario};
use sim_core::kernel::time::SimTime;
use sim_core::model::settings::AddressModelKind;
use sim_core::trace::Level;
use sim_core::world::World;

use super::run::choose_arm;
use crate::args::GetArgs;
use crate::experiment::Unit;
use crate::failure::Failure;
use crate::session;

pub(super) fn execute(args: &GetArgs) -> Result<(), Failure> {
    let resource = Resource::from_name(&args.resource).ok_or_else(|| {
        Failure::Usage(format!("unknown resource `{}`; there are pods, services, endpoints, nodes", args.resource))
    })?;
    let at =
        scenarios::units::duration(&args.at).map_err(|error| Failure::Usage(format!("--at {}: {error}", args.at)))?;
    let input = session::load(&args.scenario)?;
    let scenario = input.scenario()?;
    let arm = arm_to_show(&scenario, args.arm.as_deref())?;
    let unit = Unit { scenario: &scenario, arm };
    let at = SimTime::ZERO + at;
    let mut state = ClusterState::new(&unit.header(), at);
    World::new(Arc::clone(&arm.model), Level::Request).run_until(at, &mut state);
    let query = Query { wide: args.output.is_some(), labels: args.labels.clone(), namespace: args.namespace.clone() };
    let Some(table) = state.table(resource, &query) else {
        writeln!(std::io::stderr(), "No resources found in {} namespace.", args.namespace)?;
        return Ok(());
    };
    std::io::stdout().write_all(table.as_bytes())?;
    Ok(())
}

/// The arm that was asked for, or the first one with pods of its own addresses, or the first one.
pub(super) fn arm_to_show<'a>(scenario: &'a Scenario, wanted: Option<&str>) -> Result<&'a Arm, Failure> {
    let flat = scenario.arms.iter().find(|arm| arm.model.address_model == AddressModelKind::FlatPodIp);
    if let (None, Some(arm)) = (wanted, flat) {
        return Ok(arm);
    }
    let name = choose_arm(scenario, wanted)?;
    scenario.arms.iter().find(|arm| arm.name == name).ok_or(Failure::Invalid)
}
