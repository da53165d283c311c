//! Orchestrators of Docker hosts: when one gives a silent host up, and when the host's containers start elsewhere.

use super::World;
use super::event::Control;
use crate::control::heartbeat::DrawnBeats;
use crate::kernel::draws::below;
use crate::kernel::time::{SimDuration, SimTime};
use crate::model::ids::{NodeId, PodId};
use crate::model::settings::{AddressModelKind, Rescheduler};
use crate::trace::RecordId;
use crate::trace::words::DeleteReason;

impl World {
    /// When Swarm or Nomad counts a host as lost that is silent from now on; never without one of them.
    pub(super) fn lost_by_beats(&mut self, node: NodeId) -> SimTime {
        let Some(beats) = self.drawn_beats() else { return SimTime::MAX };
        let now = self.agenda.now();
        let state = &self.nodes[node.index()];
        let (key, rejoined) = (state.key, state.rejoined);
        let first = rejoined.unwrap_or_else(|| {
            let phase = below(self.draws.once(key, "heartbeat-phase", 0), beats.least.as_nanos().max(1));
            SimTime::ZERO + SimDuration::from_nanos(phase)
        });
        beats.lost_at(&mut self.draws, key, first, now)
    }

    fn drawn_beats(&self) -> Option<DrawnBeats> {
        match &self.model.rescheduler {
            Rescheduler::None | Rescheduler::Heartbeat { .. } => None,
            Rescheduler::Swarm(swarm) => Some(DrawnBeats {
                least: swarm.dispatcher_heartbeat.saturating_sub(swarm.heartbeat_epsilon),
                spread: swarm.heartbeat_epsilon + swarm.heartbeat_epsilon,
                multiplier: swarm.grace_period_multiplier,
                grace: SimDuration::ZERO,
            }),
            Rescheduler::Nomad(nomad) => {
                let least = nomad.heartbeat_ttl(self.workers().len());
                Some(DrawnBeats { least, spread: least, multiplier: 1, grace: nomad.heartbeat_grace })
            }
        }
    }

    /// The orchestrator gives up the containers of a lost host: at once, or when Nomad has waited for it.
    pub(super) fn give_up_containers(&mut self, node: NodeId, cause: RecordId) {
        let wait = match &self.model.rescheduler {
            Rescheduler::Nomad(nomad) => nomad.holds_for(),
            Rescheduler::None | Rescheduler::Heartbeat { .. } | Rescheduler::Swarm(_) => SimDuration::ZERO,
        };
        for pod in self.pods_on(node) {
            if self.pods[pod.index()].deleted {
                continue;
            }
            if wait.is_zero() {
                self.mark_deleted(pod, DeleteReason::HostLost, cause);
                continue;
            }
            self.taint_records.insert(pod, cause);
            let event = self.control_event(wait, Control::Evict, pod.0);
            self.pods[pod.index()].evict_event = Some(event);
        }
    }

    /// How much later than the decision a pod's replacement is made: Swarm's restart delay, not for drained hosts.
    pub(super) fn restart_delay(&self, pod: PodId) -> SimDuration {
        let drained = self.pods[pod.index()].node.is_some_and(|node| self.nodes[node.index()].cordoned);
        match (self.model.address_model, &self.model.rescheduler) {
            (AddressModelKind::PortMapping, Rescheduler::Swarm(swarm)) if !drained => swarm.restart_delay,
            _ => SimDuration::ZERO,
        }
    }
}
