//! What is looked at for every connection to a workload's pods: the ports they listen on, how many connections wait to be
//! accepted, how many processes take them, and whether these answer well. Copied out of the model, where these stand far
//! apart from each other.
//! Knows no pods and no connections.

use crate::model::Model;
use crate::model::application::{Behaviour, Protocol, WorkerModel, Workload};
use crate::model::ids::WorkloadId;

/// The listening sockets of one workload's pods.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sockets {
    /// `listen()` backlog: connections that may wait to be accepted, less one (linux-kernel section 9).
    pub backlog: u32,
    /// Most requests at one time; `None` for no limit.
    pub concurrency: Option<u32>,
    /// Share of requests that fail by themselves, in millionths.
    pub error_ppm: u32,
    /// Whether a worker waits for the calls it makes.
    pub worker: WorkerModel,
    first_port: u32,
    ports: u32,
}

/// The listening sockets of all workloads.
#[derive(Clone, Debug)]
pub(super) struct SocketTable {
    workloads: Vec<Sockets>,
    ports: Vec<(Protocol, u16)>,
}

impl SocketTable {
    /// What a model's containers declare.
    pub(super) fn new(model: &Model) -> Self {
        let mut table = Self { workloads: Vec::with_capacity(model.workloads.len()), ports: Vec::new() };
        for workload in &model.workloads {
            table.add(workload);
        }
        table
    }

    fn add(&mut self, workload: &Workload) {
        let number = |count: usize| u32::try_from(count).expect("ports number below 2^32");
        let first_port = number(self.ports.len());
        let declared = workload.containers.iter().flat_map(|container| &container.ports);
        self.ports.extend(declared.map(|port| (port.protocol, port.port)));
        let ports = number(self.ports.len()) - first_port;
        let Behaviour { backlog, concurrency, error_ppm, worker, .. } = workload.behaviour;
        self.workloads.push(Sockets { backlog, concurrency, error_ppm, worker, first_port, ports });
    }

    /// The sockets of a workload.
    pub(super) fn of(&self, workload: WorkloadId) -> Sockets {
        self.workloads[workload.index()]
    }

    /// A pod listens on the ports its containers declare, or on any when they declare none.
    pub(super) fn listens_on(&self, workload: WorkloadId, protocol: Protocol, port: u16) -> bool {
        let Sockets { first_port, ports, .. } = self.of(workload);
        ports == 0 || self.ports[first_port as usize..][..ports as usize].contains(&(protocol, port))
    }

    /// Heap memory in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        self.workloads.capacity() * size_of::<Sockets>() + self.ports.capacity() * size_of::<(Protocol, u16)>()
    }
}
