//! What a scenario means for one arm: a [`Model`], valid by construction, in plain data.
//! Knows no files, no YAML and no state of a run.

pub mod application;
pub mod balancing_choice;
pub mod budgets;
pub mod call;
pub mod call_graph;
mod checks;
pub mod docker_settings;
pub mod front_proxy;
pub mod ids;
pub mod lifecycle;
pub mod orchestrators;
pub mod parameters;
pub mod probe;
pub mod proxy_settings;
pub mod service_traffic;
pub mod settings;
pub mod units;

use crate::kernel::time::SimDuration;
use crate::topology::Topology;
use application::{Service, ServicePort, Source, Workload};
use budgets::Budget;
use call::Call;
use call_graph::CallGraph;
use ids::{FaultId, ServiceId, ServicePortId, SourceId, WorkloadId};
use settings::{
    AddressModelKind, ClusterSettings, Discovery, DnsSettings, DockerSettings, Limits, Rescheduler, TransportSettings,
};

use crate::actions::ActionKind;
use crate::faults::FaultKind;

/// The largest message in bytes: 1 TiB.
pub const LARGEST_MESSAGE: u64 = 1 << 40;

/// A planned fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Its name, unique.
    pub name: String,
    /// When it begins, after the run's start.
    pub at: SimDuration,
    /// How long it lasts; `None` is to the end of the run.
    pub length: Option<SimDuration>,
    /// What it is and whom it hits.
    pub kind: FaultKind,
    /// It comes again and again at random times, in place of once at `at` for `length`.
    pub renewal: Option<Renewal>,
}

/// A fault that comes at random: exponential times without it and with it, in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Renewal {
    /// Mean time from an end, or the run's start, to the next begin.
    pub mtbf: SimDuration,
    /// Mean time from a begin to its end; nothing for what happens at once.
    pub mttr: SimDuration,
}

/// When an action begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// After the run's start.
    At(SimDuration),
    /// After another action has completed.
    After {
        /// Its place among the actions.
        action: usize,
        /// So long after its completion.
        delay: SimDuration,
    },
}

/// A planned change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// Its name, unique among actions and faults.
    pub name: String,
    /// When it begins.
    pub begin: Begin,
    /// What it is.
    pub kind: ActionKind,
}

/// Everything a run is made of.
#[derive(Clone, Debug)]
pub struct ModelParts {
    /// The seed of all draws.
    pub seed: u64,
    /// The run ends at this time.
    pub duration: SimDuration,
    /// Requests that arrive before this time are left out of the metrics.
    pub warm_up: SimDuration,
    /// Requests that arrive in the last stretch of this length are left out of the metrics.
    pub drain: SimDuration,
    /// Under which address model.
    pub address_model: AddressModelKind,
    /// How clients find backends.
    pub discovery: Discovery,
    /// Who replaces containers of a dead host, under port mapping.
    pub rescheduler: Rescheduler,
    /// The network.
    pub topology: Topology,
    /// Kubernetes' settings.
    pub cluster: ClusterSettings,
    /// Docker's settings.
    pub docker: DockerSettings,
    /// Linux' settings.
    pub transport: TransportSettings,
    /// Settings of the cluster's DNS.
    pub dns: DnsSettings,
    /// Limits.
    pub limits: Limits,
    /// Workloads by [`WorkloadId`].
    pub workloads: Vec<Workload>,
    /// Services by [`ServiceId`].
    pub services: Vec<Service>,
    /// Ports of all Services by [`ServicePortId`].
    pub service_ports: Vec<ServicePort>,
    /// Traffic sources by [`SourceId`].
    pub sources: Vec<Source>,
    /// Faults by [`ids::FaultId`].
    pub faults: Vec<Fault>,
    /// Actions; their [`ids::FaultId`]s go on after those of the faults.
    pub actions: Vec<Action>,
    /// Pod disruption budgets.
    pub budgets: Vec<Budget>,
}

/// Why parts do not make a model. Scenario checks find these first, with file and line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelError {
    /// What is wrong.
    pub message: String,
}

impl std::fmt::Display for ModelError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ModelError {}

/// A valid model: every number points at something, every length and range makes sense.
#[derive(Clone, Debug)]
pub struct Model {
    parts: ModelParts,
    graph: CallGraph,
    /// The source that is a probe.
    probe: Option<SourceId>,
}

impl std::ops::Deref for Model {
    type Target = ModelParts;

    fn deref(&self) -> &ModelParts {
        &self.parts
    }
}

impl Model {
    /// Checks the parts; all problems at once.
    pub fn new(parts: ModelParts) -> Result<Self, Vec<ModelError>> {
        let problems = checks::problems(&parts);
        if !problems.is_empty() {
            return Err(problems);
        }
        match CallGraph::new(&parts.sources, &parts.workloads, &parts.service_ports) {
            Ok(graph) => Ok(Self { parts, graph, probe: None }),
            Err(message) => Err(vec![ModelError { message }]),
        }
    }

    /// Who calls whom, unfolded.
    pub fn graph(&self) -> &CallGraph {
        &self.graph
    }

    /// What the requests of a path ask of whom.
    pub fn call_of(&self, path: SourceId) -> &Call {
        &self.graph.edge_of(path).call
    }

    /// The same model under another seed.
    #[must_use]
    pub fn with_seed(&self, seed: u64) -> Self {
        Self { parts: ModelParts { seed, ..self.parts.clone() }, graph: self.graph.clone(), probe: self.probe }
    }

    /// The workload of this number.
    pub fn workload(&self, id: WorkloadId) -> &Workload {
        &self.parts.workloads[id.index()]
    }

    /// The Service of this number.
    pub fn service(&self, id: ServiceId) -> &Service {
        &self.parts.services[id.index()]
    }

    /// The Service port of this number.
    pub fn service_port(&self, id: ServicePortId) -> &ServicePort {
        &self.parts.service_ports[id.index()]
    }

    /// The number of an action in records: actions go on after the faults.
    pub fn action_id(&self, action: usize) -> FaultId {
        FaultId::from_index(self.parts.faults.len() + action)
    }

    /// The source of this number.
    pub fn source(&self, id: SourceId) -> &Source {
        &self.parts.sources[id.index()]
    }
}
