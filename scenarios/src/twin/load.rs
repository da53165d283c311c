//! How much service each workload is asked for: the rates of traffic, followed through the calls that it makes.

use sim_core::model::Model;
use sim_core::model::application::{Target, Workload, WorkloadKind};
use sim_core::model::call::WHOLE_PPM;
use sim_core::model::ids::{SourceId, WorkloadId};
use sim_core::topology::NodeRole;
use sim_core::workload::arrivals::Law;

/// What a workload is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// Which workload.
    pub workload: WorkloadId,
    /// Erlangs: requests per second times the mean seconds of service of each.
    pub offered: f64,
    /// Requests that its wanted pods serve at once; `None` is without limit.
    pub workers: Option<u64>,
    /// The traffic source that asks for most of it.
    pub heaviest: SourceId,
}

impl Load {
    /// Offered load over workers; `None` where they have no limit.
    #[allow(clippy::cast_precision_loss)] // far below 2^53 workers
    pub fn utilisation(&self) -> Option<f64> {
        self.workers.map(|workers| self.offered / workers as f64)
    }
}

/// Seconds of service per second, in all and by traffic source.
#[derive(Clone, Default)]
struct Asked {
    offered: f64,
    by_root: Vec<(SourceId, f64)>,
}

impl Asked {
    fn add(&mut self, root: SourceId, seconds: f64) {
        self.offered += seconds;
        match self.by_root.iter_mut().find(|(known, _)| *known == root) {
            Some((_, share)) => *share += seconds,
            None => self.by_root.push((root, seconds)),
        }
    }
}

/// The load of every workload that traffic of a steady rate asks, directly or through calls. Other traffic, retries and
/// requests to several Services or to one pod are left out, so it is a lower bound.
pub fn loads(model: &Model) -> Vec<Load> {
    let graph = model.graph();
    let mut rates: Vec<f64> = Vec::with_capacity(graph.paths.len());
    let mut asked = vec![Asked::default(); model.workloads.len()];
    for path in &graph.paths {
        let edge = &graph.edges[path.edge as usize];
        let rate = match path.parent {
            None => steady_rate(model, path.root),
            Some(above) => {
                let made = f64::from(edge.probability_ppm) / f64::from(WHOLE_PPM) * f64::from(edge.repeat);
                rates.get(above.index()).copied().unwrap_or(0.0) * made
            }
        };
        rates.push(rate);
        let Some(workload) = only_target(model, edge.call.to).filter(|_| rate > 0.0) else { continue };
        let service = model.workload(workload).behaviour.service_time.mean_nanos() / 1e9;
        asked[workload.index()].add(path.root, rate * service);
    }
    let load = |(index, Asked { offered, by_root }): (usize, Asked)| {
        let (heaviest, _) = by_root.into_iter().max_by(|one, other| one.1.total_cmp(&other.1))?;
        let workload = WorkloadId::from_index(index);
        let own = model.workload(workload);
        let workers = own.behaviour.concurrency.map(|each| u64::from(each) * u64::from(pods(model, own)));
        Some(Load { workload, offered, workers, heaviest })
    };
    asked.into_iter().enumerate().filter_map(load).collect()
}

/// How many pods a workload wants.
pub(super) fn pods(model: &Model, workload: &Workload) -> u32 {
    match workload.kind {
        WorkloadKind::DaemonSet => {
            u32::try_from(model.topology.with_role(NodeRole::Worker).count()).unwrap_or(u32::MAX)
        }
        WorkloadKind::Deployment
        | WorkloadKind::ReplicaSet
        | WorkloadKind::ReplicationController
        | WorkloadKind::StatefulSet
        | WorkloadKind::Pod => workload.replicas,
    }
}

/// The only workload behind a target that balances.
pub(super) fn only_target(model: &Model, target: Target) -> Option<WorkloadId> {
    let Target::Service(port) = target else { return None };
    match model.service_port(port).backends.as_slice() {
        [(workload, _)] => Some(*workload),
        _ => None,
    }
}

/// Requests per second of a source, when that does not change; 0 for others.
fn steady_rate(model: &Model, source: SourceId) -> f64 {
    match model.source(source).arrivals.law() {
        Law::Poisson(rate) | Law::Constant(rate) => 1e9 / rate.mean_gap_nanos(),
        Law::Closed { .. } | Law::Other => 0.0,
    }
}
