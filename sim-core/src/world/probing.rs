//! Probes carried out: what they meet, when a pod is Ready by them, and containers that the kubelet restarts.
//! Nothing ticks: a probe's next change is known until the pod's processes change.

use super::World;
use super::event::Control;
use super::pods::pod_key;
use super::state::PodState;
use crate::control::probes::{Answer, Watch};
use crate::control::termination::kubelet_stop;
use crate::kernel::draws::below;
use crate::kernel::queue::EventId;
use crate::kernel::time::{SimDuration, SimTime};
use crate::model::application::{Probe, Probes, Protocol};
use crate::model::ids::PodId;
use crate::model::settings::AddressModelKind;
use crate::trace::Body;
use crate::trace::words::ProbeKind;

/// What a kubelet knows of the health of a pod's containers.
#[derive(Clone, Debug, Default)]
pub(super) struct Health {
    /// Every probe of the running containers, with the container's number.
    watches: Vec<(u8, Watch)>,
    /// The next change of a result.
    event: Option<EventId>,
    /// The kubelet stops the containers to start them again.
    pub restarting: bool,
    /// The steps of that stop that lie ahead.
    pub stop_events: Vec<EventId>,
}

impl Health {
    /// The kubelet stops the containers because of a probe.
    pub(super) fn is_stopping(&self) -> bool {
        self.restarting || !self.stop_events.is_empty()
    }

    /// Heap memory in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        self.watches.capacity() * size_of::<(u8, Watch)>() + self.stop_events.capacity() * size_of::<EventId>()
    }
}

impl World {
    /// What a probe of a pod meets now.
    fn probe_answer(&self, pod: PodId, probe: Probe) -> Answer {
        let listens = probe.port.is_none_or(|port| self.declares_port(pod, Protocol::Tcp, port));
        if self.pods[pod.index()].state != PodState::Running || !listens {
            return Answer::Refused;
        }
        // A socket that listens takes a connection for processes that stand still, and nobody answers on it.
        if !probe.connects && self.hangs_alone(pod) { Answer::Silence } else { Answer::Good }
    }

    /// The containers of a pod are started; before the run they have been for long.
    pub(super) fn begin_probing(&mut self, pod: PodId) {
        if self.model.address_model == AddressModelKind::PortMapping {
            // Docker's HEALTHCHECK has no effect on traffic (A28).
            return;
        }
        let workload = self.model.workload(self.pods[pod.index()].workload);
        let given: Vec<Probes> = workload.containers.iter().map(|container| container.probes).collect();
        let mut watches = Vec::new();
        for (container, probes) in (0_u8..).zip(given) {
            for (kind, probe) in in_order(probes) {
                let startup = probes.startup.filter(|probe| self.has_not_started(pod, *probe));
                let held = kind != ProbeKind::Startup && startup.is_some();
                watches.push((container, self.watch(pod, container, (kind, probe), held)));
            }
        }
        self.pods[pod.index()].health.watches = watches;
        self.plan_probes_turn(pod);
    }

    /// A container that has run since before the start passed its startup probe, if that can be.
    fn has_not_started(&self, pod: PodId, startup: Probe) -> bool {
        !self.setting_up || self.probe_answer(pod, startup) != Answer::Good
    }

    fn watch(&mut self, pod: PodId, container: u8, (kind, probe): (ProbeKind, Probe), held: bool) -> Watch {
        if !self.setting_up {
            return Watch::new(kind, probe, self.agenda.now(), held);
        }
        let state = &self.pods[pod.index()];
        let key = pod_key(self.model.workload(state.workload), state.number);
        let index = u64::from(container) * 3 + u64::from(kind.code());
        let phase = below(self.draws.once(key, "probe-phase", index), probe.period.as_nanos().max(1));
        let base = SimTime::ZERO + SimDuration::from_nanos(phase);
        let mut watch = Watch::of_old_container(kind, probe, base, self.probe_answer(pod, probe));
        if held {
            watch.hold();
        }
        watch
    }

    /// Nobody probes a pod's containers any more: they are gone, or to go for good.
    pub(super) fn stop_probing(&mut self, pod: PodId) {
        let health = std::mem::take(&mut self.pods[pod.index()].health);
        for event in health.event.into_iter().chain(health.stop_events) {
            self.agenda.cancel(event);
        }
    }

    /// A pod's processes answer from now on, or do no more.
    pub(super) fn probes_meet_another_answer(&mut self, pod: PodId) {
        let now = self.agenda.now();
        let workload = self.model.workload(self.pods[pod.index()].workload);
        let probes: Vec<Probes> = workload.containers.iter().map(|container| container.probes).collect();
        for place in 0..self.pods[pod.index()].health.watches.len() {
            let (container, watch) = &self.pods[pod.index()].health.watches[place];
            let of_kind = in_order(probes[usize::from(*container)]).find(|(kind, _)| *kind == watch.kind());
            let Some((_, probe)) = of_kind else { continue };
            let answer = self.probe_answer(pod, probe);
            self.pods[pod.index()].health.watches[place].1.meets(answer, now);
        }
        self.probes_turn(pod);
    }

    /// The results of a pod's probes as they stand now decide on its containers and its readiness.
    pub(super) fn probes_turn(&mut self, pod: PodId) {
        if let Some(event) = self.pods[pod.index()].health.event.take() {
            self.agenda.cancel(event);
        }
        let now = self.agenda.now();
        let mut failed = None;
        for place in 0..self.pods[pod.index()].health.watches.len() {
            let (container, watch) = &mut self.pods[pod.index()].health.watches[place];
            if !watch.settle(now) {
                continue;
            }
            let (container, kind, good) = (*container, watch.kind(), watch.result() == Some(true));
            match (kind, good) {
                (ProbeKind::Startup, true) => self.container_has_started(pod, container),
                (ProbeKind::Startup | ProbeKind::Liveness, false) => failed = failed.or(Some((container, kind))),
                (ProbeKind::Readiness, false) => self.write_failure(pod, container, kind),
                (ProbeKind::Liveness | ProbeKind::Readiness, true) => {}
            }
        }
        self.plan_probes_turn(pod);
        self.tell_readiness(pod);
        if let Some((container, kind)) = failed {
            self.restart_unhealthy(pod, container, kind);
        }
    }

    fn plan_probes_turn(&mut self, pod: PodId) {
        let next = self.pods[pod.index()].health.watches.iter().filter_map(|(_, watch)| watch.turns_at()).min();
        let Some(next) = next else { return };
        let wait = SimDuration::from_nanos(next.as_nanos().saturating_sub(self.agenda.now().as_nanos()));
        let event = self.control_event(wait, Control::ProbesTurn, pod.0);
        self.pods[pod.index()].health.event = Some(event);
    }

    /// The other probes of a container, which stand behind its startup probe, begin.
    fn container_has_started(&mut self, pod: PodId, started: u8) {
        let now = self.agenda.now();
        for (container, watch) in &mut self.pods[pod.index()].health.watches {
            if *container == started && watch.kind() == ProbeKind::Startup {
                watch.hold();
            } else if *container == started {
                watch.release(now);
            }
        }
    }

    fn write_failure(&mut self, pod: PodId, container: u8, probe: ProbeKind) {
        let cause = self.pods[pod.index()].record;
        let body = Body::ProbeFailed { pod, container, probe };
        self.pods[pod.index()].record = self.journal.write(self.agenda.now(), cause, 0, body);
    }

    /// The kubelet finds that every container has started and is ready.
    pub(super) fn passes_readiness(&self, pod: PodId) -> bool {
        let state = &self.pods[pod.index()];
        let runs = matches!(state.state, PodState::Running | PodState::Draining) && !state.port_clash;
        let passes = |(_, watch): &(u8, Watch)| watch.kind() == ProbeKind::Liveness || watch.result() == Some(true);
        runs && state.health.watches.iter().all(passes)
    }

    /// The kubelet brings the pod's Ready condition in line, unless nobody hears it.
    pub(super) fn tell_readiness(&mut self, pod: PodId) {
        let state = &self.pods[pod.index()];
        let (passes, record) = (self.passes_readiness(pod), state.record);
        let unheard = state.node.is_some_and(|node| self.nodes[node.index()].silent.is_some());
        if passes && !state.ready {
            self.become_ready(pod);
        } else if !passes && state.ready && !unheard {
            self.become_unready(pod, record);
        }
    }

    /// The kubelet stops a container that is not healthy, with its grace, and starts it again.
    fn restart_unhealthy(&mut self, pod: PodId, container: u8, kind: ProbeKind) {
        let state = &self.pods[pod.index()];
        if state.stopping || state.health.restarting {
            return;
        }
        let runs = state.state == PodState::Running;
        self.write_failure(pod, container, kind);
        let workload = self.model.workload(self.pods[pod.index()].workload);
        let probes = workload.containers[usize::from(container)].probes;
        let mut termination = workload.termination;
        let own = in_order(probes).find(|(other, _)| *other == kind).and_then(|(_, probe)| probe.grace);
        termination.grace = own.unwrap_or(termination.grace);
        let stop = kubelet_stop(termination);
        for (_, watch) in &mut self.pods[pod.index()].health.watches {
            if watch.kind() != ProbeKind::Readiness {
                watch.hold();
            }
        }
        self.pods[pod.index()].health.restarting = true;
        let kill = self.control_event(stop.kill, Control::Kill, pod.0);
        self.pods[pod.index()].health.stop_events.push(kill);
        if runs && !stop.term.is_zero() {
            let term = self.control_event(stop.term, Control::Terminate, pod.0);
            self.pods[pod.index()].health.stop_events.push(term);
        } else {
            self.terminate(pod);
        }
    }
}

/// A container's probes: what the others wait for comes first.
fn in_order(probes: Probes) -> impl Iterator<Item = (ProbeKind, Probe)> {
    let kinds = [
        (ProbeKind::Startup, probes.startup),
        (ProbeKind::Liveness, probes.liveness),
        (ProbeKind::Readiness, probes.readiness),
    ];
    kinds.into_iter().filter_map(|(kind, probe)| Some((kind, probe?)))
}
