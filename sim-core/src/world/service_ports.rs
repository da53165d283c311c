//! What is asked of a Service port for every connection to it, copied out of the model, where it is spread over large tables.
//! Knows no clients and no nodes.

use crate::model::Model;
use crate::model::application::{ServiceKind, ServicePort};
use crate::model::ids::{ServiceId, ServicePortId, WorkloadId};

/// What a manifest says of a Service port, in a few bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct PortFacts {
    /// The Service it belongs to.
    pub service: ServiceId,
    /// `port`.
    pub port: u16,
    /// It has a name but no address of its own.
    pub is_headless: bool,
    /// Every node treats it alike, and each connection by itself.
    pub is_plain: bool,
    /// No algorithm is named: a node takes an endpoint as its kube-proxy does by itself.
    pub is_left_open: bool,
    /// The workload behind it, when it is one.
    only_workload: Option<WorkloadId>,
}

/// All Service ports, by number.
#[derive(Clone, Debug)]
pub(super) struct ServicePortTable(Vec<PortFacts>);

impl ServicePortTable {
    /// What a model's Services declare.
    pub(super) fn new(model: &Model) -> Self {
        Self(model.service_ports.iter().map(|port| facts_of(model, port)).collect())
    }

    /// What is known of one of them.
    #[inline]
    pub(super) fn of(&self, port: ServicePortId) -> PortFacts {
        self.0[port.index()]
    }

    /// Whether a workload stands behind a Service port.
    pub(super) fn leads_to(&self, model: &Model, port: ServicePortId, workload: WorkloadId) -> bool {
        match self.of(port).only_workload {
            Some(only) => only == workload,
            None => model.service_port(port).backends.iter().any(|(backend, _)| *backend == workload),
        }
    }

    /// Heap memory in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<PortFacts>()
    }
}

fn facts_of(model: &Model, port: &ServicePort) -> PortFacts {
    let service = model.service(port.service);
    let only_workload = if let [(workload, _)] = port.backends[..] { Some(workload) } else { None };
    PortFacts {
        service: port.service,
        port: port.port,
        is_headless: service.kind == ServiceKind::Headless,
        is_plain: service.traffic.is_plain(),
        is_left_open: service.balancing.is_left_open(),
        only_workload,
    }
}
