//! Evictions, as `kubectl drain` asks for them: disruption budgets refuse some (429), and it asks again 5 s later.

use super::World;
use super::event::{Control, Event};
use super::state::PodState;
use crate::kernel::queue::EventClass;
use crate::kernel::time::SimDuration;
use crate::model::budgets::Budget;
use crate::model::ids::PodId;
use crate::trace::Body;
use crate::trace::words::DeleteReason;

/// kubectl sleeps so long after a refusal (`evictPods` of kubectl's drain).
const ASK_AGAIN: SimDuration = SimDuration::from_secs(5);

/// How many pods are healthy and must be: what refuses an eviction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Refusal {
    healthy: u32,
    wanted: u32,
}

impl World {
    /// An action asks for the eviction of a pod, and does so until it is granted.
    pub(super) fn evict_by_request(&mut self, pod: PodId, action: usize, asked_before: bool) {
        if self.pods[pod.index()].deleted {
            return;
        }
        let cause = self.action_records[action];
        let Some(Refusal { healthy, wanted }) = self.refusal(pod) else {
            return self.delete_gracefully(pod, DeleteReason::Drained, cause, 0);
        };
        if !asked_before {
            let body = Body::EvictionRefused { pod, healthy, wanted };
            self.journal.write(self.agenda.now(), cause, 0, body);
        }
        let detail = u32::try_from(action).expect("actions number below 2^32");
        let event = Event::Control { kind: Control::AskForEviction, subject: pod.0, detail };
        self.agenda.after(ASK_AGAIN, EventClass::Control, event);
    }

    /// Why the API refuses to evict a pod now, if it does.
    fn refusal(&self, pod: PodId) -> Option<Refusal> {
        let state = &self.pods[pod.index()];
        let mut of_pod = self.model.budgets.iter().filter(|budget| budget.workloads.contains(&state.workload));
        of_pod.find_map(|budget| self.refused_by(budget, pod))
    }

    fn refused_by(&self, budget: &Budget, pod: PodId) -> Option<Refusal> {
        let state = &self.pods[pod.index()];
        // A pod whose containers have never run keeps nobody waiting.
        let pending = matches!(state.state, PodState::Pending | PodState::Bound)
            || (state.state == PodState::Starting && state.restarts == 0);
        let (mut expected, mut healthy) = (0, 0);
        for workload in &budget.workloads {
            expected += self.controllers[workload.index()].replicas;
            let ready = self.active_pods(*workload).filter(|pod| self.pods[pod.index()].ready);
            healthy += u32::try_from(ready.count()).unwrap_or(u32::MAX);
        }
        let wanted = budget.healthy.wanted(expected);
        let spare = healthy > wanted && expected > 0;
        let unhealthy = !state.ready && (budget.always_allow_unhealthy || (healthy >= wanted && wanted > 0));
        (!pending && !spare && !unhealthy).then_some(Refusal { healthy, wanted })
    }
}
