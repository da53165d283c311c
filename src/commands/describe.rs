//! `podwire describe`: one object at a time, with what belongs to it.

use std::io::Write;

use reports::state::{ClusterState, Query, Resource};
use scenarios::did_you_mean;

use super::get::resource;
use crate::args::DescribeArgs;
use crate::failure::Failure;
use crate::history::History;

pub(super) fn execute(args: &DescribeArgs) -> Result<(), Failure> {
    let resource = resource(&args.resource, |kind| kind.singular)?;
    let history = History::open(&args.scenario, args.arm.as_deref())?;
    let at = history.time("--at", &args.at)?;
    let mut state = ClusterState::new(history.header(), at).with_events();
    history.play(at, &mut state)?;
    let query = Query { namespace: args.namespace.clone(), ..Query::default() };
    let described = state.describe(resource, &args.name, &query);
    if described.is_empty() {
        return Err(not_found(&state, resource, args, &query));
    }
    // kubectl leaves two lines between descriptions.
    std::io::stdout().write_all(described.join("\n\n").as_bytes())?;
    Ok(())
}

fn not_found(state: &ClusterState, resource: Resource, args: &DescribeArgs, query: &Query) -> Failure {
    let names = state.names(resource, query);
    let names = names.iter().filter_map(|name| name.split_once('/')).map(|(_, name)| name);
    let place = if resource.is_namespaced() { format!(" in namespace {}", args.namespace) } else { String::new() };
    let plural = resource.kind().plural;
    let help = did_you_mean(&args.name, names);
    Failure::Usage(format!("{plural} \"{}\" not found{place} at {}; {help}", args.name, args.at))
}
