//! How long a packet is on its way between two workers when nothing stands in its way.

use sim_core::model::Model;
use sim_core::model::ids::{NodeId, VertexId};
use sim_core::topology::NodeRole;
use sim_core::topology::routes::Routes;

/// Beyond so many workers the pairs are too many to look at.
const MOST_WORKERS: usize = 200;

/// One-way times in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct OneWay {
    pub(super) least: f64,
    pub(super) most: f64,
}

/// The least and the longest way of `bytes` between two workers or inside one; `None` when a way is not certain.
#[allow(clippy::cast_precision_loss)] // lengths far below 2^53 ns
pub(super) fn one_way(model: &Model, bytes: u64) -> Option<OneWay> {
    let topology = &model.topology;
    let workers: Vec<NodeId> = topology.with_role(NodeRole::Worker).collect();
    if workers.len() > MOST_WORKERS || topology.links().iter().any(|link| link.loss_ppm > 0) {
        return None;
    }
    let routes = Routes::new(topology);
    if routes.have_choices() {
        return None;
    }
    let inside = model.transport.loopback_latency.as_nanos() as f64;
    let mut found = OneWay { least: inside, most: inside };
    for from in &workers {
        for to in &workers {
            let (mut at, mut nanos) = (VertexId(from.0), 0);
            while let Some(direction) = routes.next(at, *to, 0) {
                let link = topology.link(direction.link());
                nanos += link.latency.as_nanos();
                nanos += link.bandwidth.map_or(0, |bandwidth| bandwidth.serialisation(bytes).as_nanos());
                at = routes.head(direction);
            }
            if from != to {
                found = OneWay { least: found.least.min(nanos as f64), most: found.most.max(nanos as f64) };
            }
        }
    }
    Some(found)
}
