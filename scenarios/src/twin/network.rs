//! How long a packet is on its way between nodes when nothing stands in its way.

use sim_core::model::Model;
use sim_core::model::ids::{NodeId, VertexId};
use sim_core::topology::routes::Routes;

/// Beyond so many pairs of nodes nobody looks at each.
const MOST_PAIRS: usize = 40_000;

/// One-way times in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct OneWay {
    pub(super) least: f64,
    pub(super) most: f64,
}

/// The least and the longest way of `bytes` from one of the first nodes to one of the second, or inside one; `None` when
/// a way is not certain.
#[allow(clippy::cast_precision_loss)] // lengths far below 2^53 ns
pub(super) fn one_way(model: &Model, [from, to]: &[Vec<NodeId>; 2], bytes: u64) -> Option<OneWay> {
    let topology = &model.topology;
    if from.len() * to.len() > MOST_PAIRS || topology.links().iter().any(|link| link.loss_ppm > 0) {
        return None;
    }
    let routes = Routes::new(topology);
    if routes.have_choices() {
        return None;
    }
    let pairs = from.iter().flat_map(|from| to.iter().map(move |to| (*from, *to)));
    let ways = pairs.map(|(from, to)| way(model, &routes, from, to, bytes) as f64);
    ways.fold(None, |found: Option<OneWay>, nanos| {
        let OneWay { least, most } = found.unwrap_or(OneWay { least: nanos, most: nanos });
        Some(OneWay { least: least.min(nanos), most: most.max(nanos) })
    })
}

/// From one node to another, in nanoseconds.
fn way(model: &Model, routes: &Routes, from: NodeId, to: NodeId, bytes: u64) -> u64 {
    if from == to {
        return model.transport.loopback_latency.as_nanos();
    }
    let (mut at, mut nanos) = (VertexId(from.0), 0);
    while let Some(direction) = routes.next(at, to, 0) {
        let link = model.topology.link(direction.link());
        nanos += link.latency.as_nanos();
        nanos += link.bandwidth.map_or(0, |bandwidth| bandwidth.serialisation(bytes).as_nanos());
        at = routes.head(direction);
    }
    nanos
}
