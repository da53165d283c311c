//! User-defined networks of Docker's: which there are, their subnets, and whether names can mean anything between two
//! workloads (A1, A29).

use sim_core::addressing::default_pools::networks_beside;
use sim_core::kernel::time::SimDuration;
use sim_core::model::application::{Origin, Target, Workload};
use sim_core::model::settings::{AddressModelKind, DockerNetwork, Subnet};
use sim_core::topology::Topology;

use super::{Lowering, Tables};
use crate::arms::DiscoveryKind;
use crate::diagnostics::Place;
use crate::diagnostics::codes::{ADDRESS_SPACE, DISCOVERY};
use crate::draft::DraftWorkload;

/// The TTL of the embedded DNS' answers (A29).
pub(super) const EMBEDDED_TTL: SimDuration = SimDuration::from_secs(600);
/// The network of compose services that name none.
const DEFAULT: &str = "default";

/// The networks of an arm in the order in which they are made. A file that speaks of none keeps its containers on
/// `docker0`, unless the arm needs names, which `docker0` has not.
pub(super) fn names<'a>(ctx: &Lowering<'a>) -> Vec<&'a str> {
    if ctx.plan.model() != AddressModelKind::PortMapping {
        return Vec::new();
    }
    let draft = ctx.draft;
    let mut names: Vec<&str> = Vec::new();
    for name in draft.workloads.iter().flat_map(|workload| &workload.networks) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let spoken_of = ctx.plan.discovery == DiscoveryKind::EmbeddedDns || names.iter().any(|name| *name != DEFAULT);
    if spoken_of { names } else { Vec::new() }
}

/// The numbers of a workload's networks.
pub(super) fn numbers(names: &[&str], workload: &DraftWorkload) -> Vec<u16> {
    let place = |name: &String| names.iter().position(|known| known == name);
    let places = workload.networks.iter().filter_map(place);
    places.filter_map(|place| u16::try_from(place).ok()).collect()
}

/// The networks with their subnets: Docker's pools in order, without those in use.
pub(super) fn lower(ctx: &mut Lowering<'_>, topology: &Topology, bridge: Subnet) -> Vec<DockerNetwork> {
    let names = names(ctx);
    let hosts = topology.nodes().iter().map(|node| Subnet { address: node.address, prefix: 32 });
    let taken: Vec<Subnet> = hosts.chain([bridge]).collect();
    let subnets = networks_beside(&taken, names.len());
    if subnets.len() < names.len() {
        let message = format!("{} networks are more than Docker's default address pools hold", names.len());
        ctx.sink.report(ADDRESS_SPACE, &ctx.place.at("include"), message);
    }
    let named = names.into_iter().zip(subnets);
    named.map(|(name, subnet)| DockerNetwork { name: name.to_owned(), subnet }).collect()
}

/// In an arm with Docker's own DNS, whether a workload can ask it for a target.
pub(super) fn check(ctx: &mut Lowering<'_>, tables: &Tables, target: Target, from: Option<Origin>, place: &Place) {
    let (Some(Origin::Workload(client)), Target::Service(port)) = (from, target) else { return };
    let client = &tables.workloads[client.index()];
    let backends = &tables.service_ports[port.index()].backends;
    for server in backends.iter().map(|(workload, _)| &tables.workloads[workload.index()]) {
        let nameless = [client, server].into_iter().find(|workload| workload.networks.is_empty());
        if let Some(workload) = nameless {
            let message = format!("{} is on the default bridge, which has no names", workload.reference());
            let help = "give it a network in a compose file, or use discovery static or registry";
            return ctx.sink.help(DISCOVERY, place, message, help);
        }
        if apart(client, server) {
            let (client, server) = (client.reference(), server.reference());
            let message = format!("{client} and {server} share no host, and Docker's names mean nothing elsewhere");
            return ctx.sink.help(DISCOVERY, place, message, "place them on one host, or use discovery registry");
        }
    }
}

fn apart(one: &Workload, other: &Workload) -> bool {
    let known = !one.placement.is_empty() && !other.placement.is_empty();
    known && !one.placement.iter().any(|node| other.placement.contains(node))
}
