//! The network: control-plane nodes first, then workers, then the node outside; switches and links.

use std::net::{IpAddr, Ipv4Addr};

use sim_core::model::ids::VertexId;
use sim_core::model::settings::{ClusterSettings, Subnet};
use sim_core::topology::generators::{LinkProfile, leaf_spine, star};
use sim_core::topology::{Fabric, Link, Node, NodeRole, Topology, TopologyError};

use super::Lowering;
use crate::diagnostics::Place;
use crate::diagnostics::codes::{
    ADDRESS_SPACE, BAD_VALUE, DUPLICATE_NAME, INVALID_MODEL, LENIENT_BOOLEAN, MISSING_KEY, UNKNOWN_NODE,
};
use crate::draft::DraftNode;
use crate::nearest::did_you_mean;
use crate::schema::settings::Setting;
use crate::schema::values::{BandwidthText, DurationText, Flag, PercentText, Short, SubnetText};
use crate::schema::{CableSpec, GeneratorSpec, LinkProfileSpec, LinksSpec, NodeSpec, NodesSpec, TopologySpec};
use crate::units;

/// Address of the first control-plane node; the other nodes follow.
const FIRST_ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 10);
/// Address of the node outside: TEST-NET-3 (RFC 5737).
const EXTERNAL_ADDRESS: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 10);
/// Most nodes: their addresses lie in 192.168.0.0/16.
const MOST_NODES: u32 = 65_000;
/// Workers of a scenario that says nothing about nodes.
const DEFAULT_WORKERS: u32 = 3;

pub(super) fn lower(ctx: &mut Lowering<'_>, cluster: &ClusterSettings) -> Option<Topology> {
    let default = TopologySpec::default();
    let spec = ctx.spec.topology.as_ref().unwrap_or(&default);
    let place = ctx.place.at("topology");
    let mut nodes = control_plane(ctx, spec, &place);
    nodes.extend(workers(ctx, spec, &place));
    check_names(ctx, &nodes, &place);
    number(&mut nodes);
    check_pod_blocks(ctx, &nodes, &place);
    check_pod_space(ctx, nodes.iter().filter(|node| node.pod_cidr.is_none()).count(), cluster);
    let outside = is_set(ctx, spec.external, &place.at("external"));
    if outside || ctx.spec.traffic.iter().any(|(_, traffic)| traffic.from.as_deref() == Some("external")) {
        nodes.push(Node {
            name: "external".to_owned(),
            zone: String::new(),
            role: NodeRole::External,
            address: IpAddr::V4(EXTERNAL_ADDRESS),
            pod_cidr: None,
            unschedulable: false,
        });
    }
    let fabric = fabric(ctx, spec, &place);
    let built = match &spec.links {
        Some(LinksSpec::Explicit(cables)) => {
            let names: Vec<String> = nodes.iter().map(|node| node.name.clone()).collect();
            let switches: Vec<String> = spec.switches.iter().map(|(_, name)| name.clone()).collect();
            let vertices: Vec<&str> = names.iter().chain(&switches).map(String::as_str).collect();
            let at = place.at("links");
            let links: Vec<Option<Link>> =
                cables.iter().map(|(index, cable)| self::cable(ctx, cable, &vertices, &at.item(index))).collect();
            let links: Vec<Link> = links.into_iter().collect::<Option<_>>()?;
            for (index, link) in links.iter().enumerate() {
                if links[..index].iter().any(|other| other.name == link.name) {
                    let message = format!("two links are called `{}`", link.name);
                    ctx.sink.help(DUPLICATE_NAME, &at.item(index), message, "give parallel links a `name` each");
                }
            }
            Topology::new(nodes, switches, links, fabric)
        }
        Some(LinksSpec::Profile(given)) => {
            let profile = profile(ctx, given, &place.at("links"));
            generate(ctx, spec, nodes, &profile, fabric, &place)?
        }
        None => generate(ctx, spec, nodes, &LinkProfile::default(), fabric, &place)?,
    };
    built.map_err(|error| ctx.sink.report(INVALID_MODEL, &place.key(), error.to_string())).ok()
}

/// As many as the scenario says; else those of the manifests that it does not make workers; else one.
fn control_plane(ctx: &mut Lowering<'_>, spec: &TopologySpec, place: &Place) -> Vec<Node> {
    let Some(count) = spec.control_plane.as_ref().and_then(|given| given.nodes) else {
        let workers: Vec<&str> = match &spec.nodes {
            Some(NodesSpec::Named(named)) => named.iter().filter_map(|(_, node)| node.name.as_deref()).collect(),
            Some(NodesSpec::Count(_)) | None => Vec::new(),
        };
        let known = ctx.draft.nodes.iter().filter(|node| node.control_plane && !workers.contains(&&*node.name));
        let known: Vec<Node> = known.map(|node| of_draft(node, NodeRole::ControlPlane)).collect();
        return if known.is_empty() { vec![node("control-plane", "", NodeRole::ControlPlane)] } else { known };
    };
    if count == 0 || count > MOST_NODES {
        let at = place.at("controlPlane").at("nodes");
        ctx.sink.report(BAD_VALUE, &at, format!("a cluster has 1 to {MOST_NODES} control-plane nodes"));
        return Vec::new();
    }
    let name = |number| if count == 1 { "control-plane".to_owned() } else { format!("control-plane-{number}") };
    (1..=count).map(|number| node(&name(number), "", NodeRole::ControlPlane)).collect()
}

fn workers(ctx: &mut Lowering<'_>, spec: &TopologySpec, place: &Place) -> Vec<Node> {
    let place = place.at("nodes");
    let (count, zones) = match &spec.nodes {
        Some(NodesSpec::Named(named)) => {
            return named.iter().filter_map(|(index, given)| named_worker(ctx, given, &place.item(index))).collect();
        }
        Some(NodesSpec::Count(given)) => {
            (given.count, given.zones.iter().map(|(_, zone)| zone.clone()).collect::<Vec<_>>())
        }
        None => {
            let named = ctx.draft.nodes.iter().filter(|node| !node.control_plane);
            let named: Vec<Node> = named.map(|node| of_draft(node, NodeRole::Worker)).collect();
            if !named.is_empty() {
                return named;
            }
            (None, Vec::new())
        }
    };
    let count = count.unwrap_or(DEFAULT_WORKERS);
    if count == 0 || count > MOST_NODES {
        ctx.sink.report(BAD_VALUE, &place.at("count"), format!("a cluster has 1 to {MOST_NODES} nodes"));
        return Vec::new();
    }
    let zone = |index: u32| zones.get(index as usize % zones.len().max(1)).map_or("", String::as_str);
    (0..count).map(|index| node(&format!("node-{}", index + 1), zone(index), NodeRole::Worker)).collect()
}

/// Whether a switch is on; one that YAML 1.1 alone takes for a switch is told.
fn is_set(ctx: &mut Lowering<'_>, flag: Option<Flag>, place: &Place) -> bool {
    let tell = |message| ctx.sink.help(LENIENT_BOOLEAN, place, message, "write true or false");
    flag.is_some_and(|flag| flag.read(tell))
}

fn named_worker(ctx: &mut Lowering<'_>, given: &NodeSpec, place: &Place) -> Option<Node> {
    let Some(name) = &given.name else {
        ctx.sink.report(MISSING_KEY, place, "a node needs a `name`");
        return None;
    };
    let pod_cidr = given.pod_cidr.as_ref().and_then(|text| {
        let read = <Subnet as Setting<SubnetText>>::read(text);
        read.map_err(|message| ctx.sink.report(BAD_VALUE, &place.at("podCIDR"), message)).ok()
    });
    let unschedulable = is_set(ctx, given.unschedulable, &place.at("unschedulable"));
    Some(Node { pod_cidr, unschedulable, ..node(name, given.zone.as_deref().unwrap_or_default(), NodeRole::Worker) })
}

fn of_draft(given: &DraftNode, role: NodeRole) -> Node {
    Node { pod_cidr: given.pod_cidr, unschedulable: given.unschedulable, ..node(&given.name, &given.zone, role) }
}

fn node(name: &str, zone: &str, role: NodeRole) -> Node {
    let (name, zone) = (name.to_owned(), zone.to_owned());
    Node { name, zone, role, address: IpAddr::V4(FIRST_ADDRESS), pod_cidr: None, unschedulable: false }
}

/// Blocks that nodes have already must have room, and be theirs alone.
fn check_pod_blocks(ctx: &mut Lowering<'_>, nodes: &[Node], place: &Place) {
    let given: Vec<(&Node, Subnet)> = nodes.iter().filter_map(|node| Some((node, node.pod_cidr?))).collect();
    for (index, (node, block)) in given.iter().enumerate() {
        if block.prefix > 30 {
            let message = format!("the podCIDR {block} of {} has no room for pods", node.name);
            ctx.sink.help(ADDRESS_SPACE, &place.at("nodes"), message, "a prefix of 30 bits or less makes room");
        }
        if let Some((other, theirs)) = given[..index].iter().find(|(_, theirs)| theirs.overlaps(*block)) {
            let message =
                format!("the podCIDR {block} of {} overlaps {theirs}, which belongs to {}", node.name, other.name);
            ctx.sink.report(ADDRESS_SPACE, &place.at("nodes"), message);
        }
    }
}

fn number(nodes: &mut [Node]) {
    for (offset, node) in (0_u32..).zip(nodes) {
        node.address = IpAddr::V4(Ipv4Addr::from(u32::from(FIRST_ADDRESS) + offset));
    }
}

fn check_names(ctx: &mut Lowering<'_>, nodes: &[Node], place: &Place) {
    let switches = ctx.spec.topology.iter().flat_map(|spec| spec.switches.iter()).map(|(_, name)| name.as_str());
    let mut names: Vec<&str> = nodes.iter().map(|node| node.name.as_str()).chain(switches).collect();
    names.sort_unstable();
    for pair in names.windows(2).filter(|pair| pair[0] == pair[1]) {
        ctx.sink.report(DUPLICATE_NAME, &place.at("nodes"), format!("two nodes or switches are called `{}`", pair[0]));
    }
}

/// Every node needs its own part of the cluster CIDR (B2).
fn check_pod_space(ctx: &mut Lowering<'_>, nodes: usize, cluster: &ClusterSettings) {
    let (prefix, mask) = (cluster.cluster_cidr.prefix, cluster.node_cidr_mask_size);
    let place = ctx.place.at("cluster");
    if mask < prefix || mask > 30 {
        let message = format!("nodeCIDRMaskSize {mask} must lie between the cluster CIDR's {prefix} and 30");
        ctx.sink.report(ADDRESS_SPACE, &place.at("nodeCIDRMaskSize"), message);
        return;
    }
    let blocks = 1_u64 << (mask - prefix);
    if u64::try_from(nodes).unwrap_or(u64::MAX) > blocks {
        let message = format!("{} has room for {blocks} nodes, not {nodes}", cluster.cluster_cidr);
        let help = "a shorter prefix of clusterCIDR or a longer nodeCIDRMaskSize makes room";
        ctx.sink.help(ADDRESS_SPACE, &place.at("clusterCIDR"), message, help);
    }
}

fn fabric(ctx: &mut Lowering<'_>, spec: &TopologySpec, place: &Place) -> Fabric {
    let all = [Fabric::Routed, Fabric::L2];
    let Some(name) = &spec.fabric else { return Fabric::Routed };
    let found = all.into_iter().find(|fabric| fabric.name() == name.0);
    found.unwrap_or_else(|| {
        let help = did_you_mean(&name.0, all.iter().map(|fabric| fabric.name()));
        ctx.sink.help(BAD_VALUE, &place.at("fabric"), format!("`{}` is no fabric", name.0), &help);
        Fabric::Routed
    })
}

fn generate(
    ctx: &mut Lowering<'_>,
    spec: &TopologySpec,
    nodes: Vec<Node>,
    profile: &LinkProfile,
    fabric: Fabric,
    place: &Place,
) -> Option<Result<Topology, TopologyError>> {
    let place = place.at("generator");
    let (kind, sizes, at) = match &spec.generator {
        None => ("star", GeneratorSpec::default(), place.clone()),
        Some(Short::Text(name)) => (name.as_str(), GeneratorSpec::default(), place.clone()),
        Some(Short::Long(long)) => {
            (long.kind.as_ref().map_or("", |kind| kind.0.as_str()), long.clone(), place.at("kind"))
        }
    };
    match kind {
        "star" => Some(star(nodes, profile, fabric)),
        "leaf-spine" => {
            let (leaves, spines) = (sizes.leaves.unwrap_or(2), sizes.spines.unwrap_or(2));
            let most = u32::try_from(sim_core::topology::routes::MAX_CORE).unwrap_or(u32::MAX);
            if leaves == 0 || spines == 0 || leaves.saturating_add(spines) > most {
                let message = format!("a leaf-spine network has leaves and spines, at most {most} together");
                ctx.sink.report(BAD_VALUE, &place, message);
                return None;
            }
            Some(leaf_spine(nodes, leaves, spines, profile, fabric))
        }
        other => {
            let help = did_you_mean(other, ["star", "leaf-spine"]);
            ctx.sink.help(BAD_VALUE, &at, format!("`{other}` is no generator of networks"), &help);
            None
        }
    }
}

/// Qualities as a file has them.
struct Qualities<'a> {
    latency: Option<&'a DurationText>,
    bandwidth: Option<&'a BandwidthText>,
    queue: Option<u32>,
    loss: Option<&'a PercentText>,
}

fn profile(ctx: &mut Lowering<'_>, given: &LinkProfileSpec, place: &Place) -> LinkProfile {
    let LinkProfileSpec { latency, bandwidth, queue, loss } = given;
    let given =
        Qualities { latency: latency.as_ref(), bandwidth: bandwidth.as_ref(), queue: *queue, loss: loss.as_ref() };
    qualities(ctx, &given, place)
}

fn qualities(ctx: &mut Lowering<'_>, given: &Qualities<'_>, place: &Place) -> LinkProfile {
    let default = LinkProfile::default();
    let latency = ctx.duration(given.latency, &place.at("latency"), default.latency);
    if latency.is_zero() {
        ctx.sink.report(BAD_VALUE, &place.at("latency"), "a link takes at least 1ns");
    }
    let bandwidth = given.bandwidth.map(|text| text.0.as_str());
    let loss = given.loss.map(|text| text.0.as_str());
    LinkProfile {
        latency,
        bandwidth: ctx.read(bandwidth, &place.at("bandwidth"), units::bandwidth).or(default.bandwidth),
        queue: given.queue.unwrap_or(default.queue),
        loss_ppm: ctx.read(loss, &place.at("loss"), units::parts_per_million).unwrap_or(default.loss_ppm),
    }
}

fn cable(ctx: &mut Lowering<'_>, cable: &CableSpec, vertices: &[&str], place: &Place) -> Option<Link> {
    let from = end(ctx, cable.from.as_deref(), "from", vertices, place);
    let to = end(ctx, cable.to.as_deref(), "to", vertices, place);
    let given = Qualities {
        latency: cable.latency.as_ref(),
        bandwidth: cable.bandwidth.as_ref(),
        queue: cable.queue,
        loss: cable.loss.as_ref(),
    };
    let profile = qualities(ctx, &given, place);
    let (from, to) = (from?, to?);
    let name = cable.name.clone().unwrap_or_else(|| format!("{}--{}", vertices[from.index()], vertices[to.index()]));
    Some(profile.link(name, from, to))
}

fn end(ctx: &mut Lowering<'_>, name: Option<&str>, key: &str, vertices: &[&str], place: &Place) -> Option<VertexId> {
    let Some(name) = name else {
        ctx.sink.report(MISSING_KEY, place, format!("a link needs `{key}`"));
        return None;
    };
    let found = vertices.iter().position(|vertex| *vertex == name);
    if found.is_none() {
        let help = did_you_mean(name, vertices.iter().copied());
        ctx.sink.help(UNKNOWN_NODE, &place.at(key), format!("there is no node or switch `{name}`"), &help);
    }
    found.map(VertexId::from_index)
}
