//! A plan of host ports: each team has a range, its workloads' published ports come from there, and what does not fit is
//! told before the run, with its place. Under pod IPs nobody needs one.

use sim_core::model::application::{HostPort, Workload};
use sim_core::model::ids::{NodeId, WorkloadId};
use sim_core::model::settings::{AddressModelKind, DockerSettings, PortRange};

use super::{Lowering, refs};
use crate::diagnostics::Place;
use crate::diagnostics::codes::{BAD_VALUE, DUPLICATE_NAME, MISSING_KEY, PORT_PLAN, PORT_PLAN_BROKEN};
use crate::nearest::did_you_mean;
use crate::schema::settings::Setting;

/// A team of the plan.
struct Team<'a> {
    name: &'a str,
    range: PortRange,
    place: Place,
    /// Its workloads and where they stand.
    workloads: Vec<(WorkloadId, Place)>,
}

/// Gives the teams' workloads their ports, and checks the plan.
pub(super) fn lower(ctx: &mut Lowering<'_>, workloads: &mut [Workload], docker: &DockerSettings) {
    if ctx.spec.ports.is_none() {
        return;
    }
    let left_to_the_run = left_to_the_run(ctx);
    let teams = teams(ctx);
    if ctx.plan.model() != AddressModelKind::PortMapping {
        return;
    }
    let mut plan = Plan { ctx, left_to_the_run };
    for team in &teams {
        plan.assign(team, workloads);
    }
    plan.check_ranges(&teams, docker);
    plan.check_ports(&teams, workloads);
}

/// Whether conflicts are warnings, and happen.
fn left_to_the_run(ctx: &mut Lowering<'_>) -> bool {
    let given = ctx.spec.ports.as_ref().and_then(|plan| plan.conflicts.as_ref());
    match given.map(|text| text.0.as_str()) {
        None | Some("refuse") => false,
        Some("run") => true,
        Some(other) => {
            let help = did_you_mean(other, ["refuse", "run"]);
            let place = ctx.place.at("ports").at("conflicts");
            ctx.sink.help(BAD_VALUE, &place, format!("conflicts of a port plan cannot be `{other}`"), &help);
            false
        }
    }
}

fn teams<'a>(ctx: &mut Lowering<'a>) -> Vec<Team<'a>> {
    let spec = ctx.spec;
    let mut teams: Vec<Team<'_>> = Vec::new();
    for (name, given) in spec.ports.iter().flat_map(|plan| &plan.teams.0) {
        let place = ctx.place.at("ports").at("teams").at(name);
        let range = match given.range.as_ref().map(PortRange::read) {
            Some(Ok(range)) => Some(range),
            Some(Err(message)) => {
                ctx.sink.report(BAD_VALUE, &place.at("range"), message);
                None
            }
            None => {
                ctx.sink.help(MISSING_KEY, &place, "a team needs a `range`", "for example `range: 8000-8099`");
                None
            }
        };
        let mut workloads = Vec::new();
        for (index, reference) in given.workloads.iter() {
            let at = place.at("workloads").item(index);
            let Some(workload) = refs::workload(reference, ctx.directory, &at, ctx.sink) else { continue };
            let known = teams.iter().flat_map(|team| &team.workloads).chain(&workloads);
            if known.into_iter().any(|(other, _)| *other == workload) {
                ctx.sink.report(DUPLICATE_NAME, &at, format!("{reference} stands in the port plan a second time"));
            }
            workloads.push((workload, at));
        }
        teams.extend(range.map(|range| Team { name, range, place, workloads }));
    }
    teams
}

struct Plan<'a, 'b> {
    ctx: &'a mut Lowering<'b>,
    left_to_the_run: bool,
}

impl Plan<'_, '_> {
    /// Something of the plan does not fit: an error, or a warning when the run is to show what comes of it.
    fn conflict(&mut self, place: &Place, message: String, help: &str) {
        let code = if self.left_to_the_run { PORT_PLAN_BROKEN } else { PORT_PLAN };
        self.ctx.sink.help(code, place, message, help);
    }

    /// Published ports that nobody has fixed get the range's next ones, in the order of the file.
    fn assign(&mut self, team: &Team<'_>, workloads: &mut [Workload]) {
        let mut taken: Vec<u16> = team.workloads.iter().flat_map(|(id, _)| fixed(&workloads[id.index()])).collect();
        for (id, place) in &team.workloads {
            for publish in &mut workloads[id.index()].publish {
                if publish.host_port != HostPort::Dynamic {
                    continue;
                }
                let free = (team.range.first..=team.range.last).find(|port| !taken.contains(port));
                let Some(free) = free else {
                    let message = format!("the {} ports of team {} are not enough", team.range.len(), team.name);
                    self.conflict(place, message, "give the team a wider `range`");
                    continue;
                };
                taken.push(free);
                publish.host_port = HostPort::Fixed(free);
            }
        }
    }

    fn check_ranges(&mut self, teams: &[Team<'_>], docker: &DockerSettings) {
        for (index, team) in teams.iter().enumerate() {
            let place = team.place.at("range");
            if let Some(other) = teams[..index].iter().find(|other| overlap(team.range, other.range)) {
                let message = format!("the ranges of teams {} and {} overlap", other.name, team.name);
                self.conflict(&place, message, "two teams that share ports meet on some host one day");
            }
            if overlap(team.range, docker.dynamic_ports) {
                let PortRange { first, last } = docker.dynamic_ports;
                let message = format!("the range of team {} overlaps the dynamic ports {first}-{last}", team.name);
                self.conflict(&place, message, "Docker gives those to whoever asks for any (`docker.dynamicPorts`)");
            }
        }
    }

    fn check_ports(&mut self, teams: &[Team<'_>], workloads: &[Workload]) {
        let of = |id: WorkloadId| teams.iter().find(|team| team.workloads.iter().any(|(other, _)| *other == id));
        let mut seen: Vec<(u16, WorkloadId)> = Vec::new();
        for (index, workload) in workloads.iter().enumerate() {
            let id = WorkloadId::from_index(index);
            let (reference, own) = (workload.reference(), of(id));
            for port in fixed(workload) {
                let place = self.place_of(id, own);
                let owner = teams.iter().find(|team| (team.range.first..=team.range.last).contains(&port));
                match (own, owner) {
                    (Some(own), owner) if owner.is_none_or(|owner| owner.name != own.name) => {
                        let PortRange { first, last } = own.range;
                        let message = format!("{reference} publishes {port}, but team {} has {first}-{last}", own.name);
                        self.conflict(&place, message, "");
                    }
                    (None, Some(owner)) => {
                        let message = format!("{reference} publishes {port}, which is team {}'s", owner.name);
                        self.conflict(&place, message, "put the workload into a team, or take another port");
                    }
                    (Some(_) | None, _) => {}
                }
                let met =
                    seen.iter().find(|(other, rival)| *other == port && meet(workload, &workloads[rival.index()]));
                if let Some((_, rival)) = met {
                    let rival = workloads[rival.index()].reference();
                    let message = format!("{rival} and {reference} both publish {port}, and may meet on one host");
                    self.conflict(&place, message, "the second one to start is refused there");
                }
                seen.push((port, id));
            }
            self.check_siblings(id, workload, own);
        }
    }

    /// Two pods of one workload on one host want the same port.
    fn check_siblings(&mut self, id: WorkloadId, workload: &Workload, own: Option<&Team<'_>>) {
        let mut hosts = workload.placement.clone();
        hosts.sort_unstable();
        hosts.dedup();
        if let (false, Some(port)) = (hosts.is_empty(), fixed(workload).next())
            && workload.replicas as usize > hosts.len()
        {
            let (reference, replicas) = (workload.reference(), workload.replicas);
            let message = format!("{replicas} pods of {reference} on {} hosts all publish {port}", hosts.len());
            let place = self.place_of(id, own);
            self.conflict(&place, message, "a fixed port allows one pod on each host");
        }
    }

    /// Where a workload's ports are planned.
    fn place_of(&self, id: WorkloadId, own: Option<&Team<'_>>) -> Place {
        let planned = own.and_then(|team| team.workloads.iter().find(|(other, _)| *other == id));
        planned.map_or_else(|| self.ctx.draft.workloads[id.index()].place.clone(), |(_, place)| place.clone())
    }
}

fn fixed(workload: &Workload) -> impl Iterator<Item = u16> {
    workload.publish.iter().filter_map(|publish| match publish.host_port {
        HostPort::Fixed(port) => Some(port),
        HostPort::Dynamic => None,
    })
}

const fn overlap(one: PortRange, other: PortRange) -> bool {
    one.first <= other.last && other.first <= one.last
}

/// Whether pods of two workloads may come to one host; those without a placement go wherever the scheduler says.
fn meet(one: &Workload, other: &Workload) -> bool {
    let anywhere = one.placement.is_empty() || other.placement.is_empty();
    anywhere || one.placement.iter().any(|node: &NodeId| other.placement.contains(node))
}
