//! Services as objects: made at the start, deleted and made again by actions; who still knows which of them.

use super::World;
use super::endpoints::Turn;
use super::traffic::Connection;
use crate::addressing::flat_pod_ip::AllocationError;
use crate::control::versions::Backend;
use crate::kernel::draws::EntityKey;
use crate::model::application::{ServiceKind, Target};
use crate::model::ids::{NodeId, PodId, ServiceId, ServicePortId};
use crate::trace::{Body, RecordId};

/// A Service's object.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ServiceState {
    /// How often it was made after the start: the index of its draws.
    made: u64,
    /// The record of its making; 0 for one without a clusterIP.
    record: RecordId,
    /// The record of its deletion, while it is deleted.
    deleted: Option<RecordId>,
}

impl World {
    /// Gives every Service its clusterIP and its node ports: first what manifests ask for, then the rest (B8, B12).
    pub(super) fn create_services(&mut self, plan: RecordId) {
        for asked in [true, false] {
            for index in 0..self.model.services.len() {
                let service = &self.model.services[index];
                if !matches!(service.kind, ServiceKind::Headless | ServiceKind::ExternalName)
                    && service.cluster_ip.is_some() == asked
                {
                    self.give_cluster_ip(ServiceId::from_index(index), plan);
                }
            }
            for index in 0..self.model.service_ports.len() {
                let port = &self.model.service_ports[index];
                let kind = self.model.service(port.service).kind;
                if matches!(kind, ServiceKind::NodePort | ServiceKind::LoadBalancer)
                    && port.node_port.is_some() == asked
                {
                    self.give_node_port(ServicePortId::from_index(index), plan);
                }
            }
        }
    }

    fn give_cluster_ip(&mut self, service: ServiceId, plan: RecordId) {
        let definition = self.model.service(service);
        let made = self.service_states[service.index()].made;
        let draw = self.draws.once(EntityKey::of(&definition.key()), "cluster-ip", made);
        let flat = &mut self.flat;
        let own = definition.is_the_clusters_own();
        let given = definition.cluster_ip.map(|address| match flat.reserve_cluster_ip(address) {
            // The address was kept for this very Service.
            Err(AllocationError::AlreadyAllocated) if own => Ok(address),
            result => result,
        });
        let given = given.unwrap_or_else(|| flat.allocate_cluster_ip(draw));
        if let Ok(cluster_ip) = given {
            self.cluster_ips[service.index()] = Some(cluster_ip);
            let record = self.journal.write(self.agenda.now(), plan, 0, Body::ServiceCreated { service, cluster_ip });
            self.service_states[service.index()].record = record;
        }
    }

    fn give_node_port(&mut self, port: ServicePortId, plan: RecordId) {
        let definition = self.model.service_port(port);
        let made = self.service_states[definition.service.index()].made;
        let key = EntityKey::of(&self.model.service(definition.service).key());
        let draw = self.draws.once(key.part("port", u64::from(definition.port)), "node-port", made);
        let flat = &mut self.flat;
        let given = definition.node_port.map(|node_port| flat.reserve_node_port(node_port));
        let given = given.unwrap_or_else(|| flat.allocate_node_port(draw));
        if let Ok(node_port) = given {
            self.node_ports[port.index()] = Some(node_port);
            self.journal.write(self.agenda.now(), plan, 0, Body::NodePortAllocated { service_port: port, node_port });
        }
    }

    /// Takes a Service away: name, clusterIP, node ports and endpoints. Established connections know no Service.
    pub(super) fn delete_service(&mut self, service: ServiceId, cause: RecordId) {
        if self.service_states[service.index()].deleted.is_some() {
            return;
        }
        let record = self.journal.write(self.agenda.now(), cause, 0, Body::ServiceDeleted { service });
        self.service_states[service.index()].deleted = Some(record);
        if let Some(address) = self.cluster_ips[service.index()].take() {
            self.flat.release_cluster_ip(address);
        }
        for port in self.ports_of(service) {
            if let Some(node_port) = self.node_ports[port.index()].take() {
                self.flat.release_node_port(node_port);
            }
            let newest = self.endpoints.newest(port);
            let listed: Vec<Backend> = newest.backends.iter().chain(&*newest.leaving).copied().collect();
            for backend in listed {
                self.change_endpoints(port, backend, record, Turn::Removed);
            }
        }
    }

    /// Makes a deleted Service again, with other addresses than before unless its manifest fixes them.
    pub(super) fn recreate_service(&mut self, service: ServiceId, cause: RecordId) {
        let state = &mut self.service_states[service.index()];
        state.made += 1;
        state.deleted = None;
        let kind = self.model.service(service).kind;
        if !matches!(kind, ServiceKind::Headless | ServiceKind::ExternalName) {
            self.give_cluster_ip(service, cause);
        }
        for port in self.ports_of(service) {
            if matches!(kind, ServiceKind::NodePort | ServiceKind::LoadBalancer) {
                self.give_node_port(port, cause);
            }
            // The rules of a node know the new Service from the change that its making is.
            let record = self.service_states[service.index()].record;
            self.endpoints.push(port, self.agenda.now(), record, Vec::new());
            self.service_since[port.index()] = self.endpoints.version();
            self.plan_proxies(self.endpoints.version());
        }
        for pod in (0..self.pods.len()).map(PodId::from_index) {
            self.slices_to_sync(pod);
        }
    }

    fn ports_of(&self, service: ServiceId) -> Vec<ServicePortId> {
        let ports = self.model.service_ports.iter().enumerate().filter(|(_, port)| port.service == service);
        ports.map(|(index, _)| ServicePortId::from_index(index)).collect()
    }

    /// The record of a Service's deletion, while it is deleted: its name resolves to nothing.
    pub(super) fn deleted_service(&self, service: ServiceId) -> Option<RecordId> {
        self.service_states[service.index()].deleted
    }

    /// Why a node has no rule for the present clusterIP of a Service port, if it has none yet.
    pub(super) fn rules_unknown_on(&mut self, node: NodeId, port: ServicePortId) -> Option<RecordId> {
        let since = self.service_since[port.index()];
        if since == 0 || self.proxy_mark(node) >= since {
            return None;
        }
        Some(self.service_states[self.model.service_port(port).service.index()].record)
    }

    /// Why a node no longer (or not yet) forwards from the node port that was dialled, if it does not: its kernel resets.
    pub(super) fn closed_front(&mut self, node: NodeId, connection: u32) -> Option<RecordId> {
        let Connection { source, number, .. } = self.connections[connection];
        let (_, dialled) = self.dialled_by(connection);
        let port = self.dialled_service_port(source, number)?;
        let state = self.service_states[self.model.service_port(port).service.index()];
        if let Some(deleted) = state.deleted {
            // Until its rules follow, a node forwards to the endpoints that it knows.
            let version = self.proxy_mark(node);
            return self.endpoints.at(port, version).usable().is_empty().then_some(deleted);
        }
        if state.made > 0 && self.node_ports[port.index()] != Some(dialled) {
            return Some(state.record);
        }
        self.rules_unknown_on(node, port)
    }

    fn service_of(&self, connection: u32) -> Option<ServiceId> {
        let Connection { source, number, .. } = self.connections[connection];
        match self.target_of_request(source, number) {
            Target::Service(port) => Some(self.model.service_port(port).service),
            Target::Services { .. } | Target::Pod { .. } | Target::Address { .. } => None,
        }
    }

    /// True when a connection was meant for a Service's clusterIP.
    pub(super) fn dials_service(&self, connection: u32) -> bool {
        self.connections[connection].via.is_none() && self.service_of(connection).is_some()
    }

    /// The record of the making of the Service that a connection was meant for.
    pub(super) fn service_made(&self, connection: u32) -> RecordId {
        self.service_of(connection).map_or(0, |service| self.service_states[service.index()].record)
    }
}
