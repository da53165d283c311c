//! The Docker daemon of a host stops and starts: what becomes of containers, rules and ports meanwhile (A9, A23, A24).
//! Knows no signals: a daemon that is stopped in order has stopped its containers, one that is killed has not.

use super::World;
use super::pods::pod_key;
use super::state::PodState;
use crate::addressing::port_mapping::DockerHost;
use crate::model::application::RestartPolicy;
use crate::model::ids::{NodeId, PodId};
use crate::model::settings::AddressModelKind;
use crate::trace::RecordId;

/// What faults do to a host's daemon.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Daemon {
    /// Faults that keep it from running.
    out_by: u32,
    /// The record since which it does not run.
    out: Option<RecordId>,
    /// How often it has been started again: the index of the draws of the order of its containers.
    starts: u64,
}

impl World {
    /// The record since which a host's daemon does not run; `None` while it runs.
    pub(super) fn daemon_out(&self, node: NodeId) -> Option<RecordId> {
        self.impairments.of(node).and_then(|trouble| trouble.daemon.out)
    }

    /// The daemon stops, and its docker-proxies with it.
    pub(super) fn stop_daemon(&mut self, node: NodeId, stops_containers: bool, record: RecordId) {
        if self.model.address_model != AddressModelKind::PortMapping {
            return;
        }
        let up = self.up[node.index()];
        let Some(trouble) = self.impairments.of_mut(node) else { return };
        trouble.daemon.out_by += 1;
        if !up || trouble.daemon.out.is_some() {
            return;
        }
        if stops_containers && !self.model.docker.live_restore {
            self.stop_all_containers(node, record);
        }
        self.proxies_die(node, record);
        if let Some(trouble) = self.impairments.of_mut(node) {
            trouble.daemon.out = Some(record);
        }
        for pod in self.pods_on(node) {
            // Nobody starts what waits for its restart.
            if self.pods[pod.index()].state == PodState::Waiting {
                self.cancel_life(pod);
            }
        }
    }

    /// The daemon starts: it takes away what the dead have left, and starts containers, in an order that nobody knows
    /// beforehand. Without `live-restore` it stops those that it finds alive, and all ports are given out anew.
    pub(super) fn start_daemon(&mut self, node: NodeId, record: RecordId) {
        if self.model.address_model != AddressModelKind::PortMapping {
            return;
        }
        let Some(trouble) = self.impairments.of_mut(node) else { return };
        trouble.daemon.out_by -= 1;
        if trouble.daemon.out_by > 0 || trouble.daemon.out.take().is_none() {
            return;
        }
        trouble.daemon.starts += 1;
        let starts = trouble.daemon.starts;
        if !self.model.docker.live_restore {
            self.stop_all_containers(node, record);
        }
        self.clear_away(node, record);
        if self.model.docker.live_restore {
            self.nodes[node.index()].docker.forget_last_port();
        } else {
            self.nodes[node.index()].docker = DockerHost::new(&self.model.docker);
        }
        let mut dead: Vec<(u64, PodId)> = Vec::new();
        for pod in self.pods_on(node) {
            let state = &self.pods[pod.index()];
            if !state.deleted && matches!(state.state, PodState::Waiting | PodState::Bound) {
                let key = pod_key(self.model.workload(state.workload), state.number);
                dead.push((self.draws.once(key, "daemon-start", starts), pod));
            }
        }
        dead.sort_unstable();
        for (_, pod) in dead {
            self.start_by_daemon(pod, record);
        }
    }

    /// A booted host has a daemon that runs.
    pub(super) fn daemon_boots(&mut self, node: NodeId) {
        if let Some(trouble) = self.impairments.of_mut(node) {
            trouble.daemon.out = None;
        }
    }

    fn stop_all_containers(&mut self, node: NodeId, record: RecordId) {
        for pod in self.pods_on(node) {
            self.kill_processes(pod, record);
            if self.pods[pod.index()].state == PodState::Waiting {
                self.cancel_life(pod);
            }
        }
    }

    /// Ports and addresses of containers that died, or were removed, while nobody looked.
    fn clear_away(&mut self, node: NodeId, record: RecordId) {
        for index in 0..self.pods.len() {
            let state = &self.pods[index];
            let dead = matches!(state.state, PodState::Waiting | PodState::Gone);
            if state.node != Some(node) || !dead {
                continue;
            }
            let pod = PodId::from_index(index);
            self.release_host_ports(pod, record);
            self.give_back_addresses(pod);
        }
    }

    fn start_by_daemon(&mut self, pod: PodId, record: RecordId) {
        let state = &self.pods[pod.index()];
        let died = state.state == PodState::Waiting;
        if died && self.model.workload(state.workload).restart_policy == RestartPolicy::Never {
            return;
        }
        let state = &mut self.pods[pod.index()];
        state.restarts += u32::from(died);
        state.back_off = 0;
        state.record = record;
        self.start_pod(pod);
        self.die_if_hunted(pod);
    }
}
