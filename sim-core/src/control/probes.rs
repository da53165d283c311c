//! What a kubelet's probes find (D15): rounds of equal spacing, counted when somebody asks, and when the result turns.
//! What a process answers is the world's business; here it stays the same until the world says otherwise.

use crate::kernel::time::{SimDuration, SimTime};
use crate::model::application::Probe;
use crate::trace::words::ProbeKind;

/// What a probe meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It succeeds at once.
    Good,
    /// It fails at once: nobody listens.
    Refused,
    /// It fails after its timeout: the process does not answer. One that answers within the timeout is in time.
    Silence,
}

/// One probe of one running container.
#[derive(Clone, Debug)]
pub struct Watch {
    kind: ProbeKind,
    probe: Probe,
    /// Round 0; round `k` follows `k` periods later.
    base: SimTime,
    /// The first round that is not counted yet.
    next: u64,
    answer: Answer,
    /// The last result, and how often it came in a row.
    last: bool,
    run: u64,
    /// What the kubelet holds; nothing before a startup probe has passed or failed.
    result: Option<bool>,
    /// Not probed: the container has not started, or is about to be restarted.
    held: bool,
}

impl Watch {
    /// The probe of a container that is started at `base`; `held` by a startup probe of the same container.
    pub fn new(kind: ProbeKind, probe: Probe, base: SimTime, held: bool) -> Self {
        let first = probe.initial_delay.as_nanos().div_ceil(period(probe));
        // A readiness probe begins with failure, a liveness probe with success.
        let result = match kind {
            ProbeKind::Startup => None,
            ProbeKind::Liveness => Some(true),
            ProbeKind::Readiness => Some(false),
        };
        Self { kind, probe, base, next: first, answer: Answer::Refused, last: false, run: 0, result, held }
    }

    /// The probe of a container that has run for long, with rounds at `base` and later.
    pub fn of_old_container(kind: ProbeKind, probe: Probe, base: SimTime, answer: Answer) -> Self {
        let mut watch = Self::new(kind, probe, base, false);
        (watch.next, watch.answer) = (0, answer);
        if answer == Answer::Good {
            (watch.last, watch.run) = (true, u64::from(probe.success_threshold));
            watch.result = Some(true);
            // Once it has succeeded, a startup probe asks no more.
            watch.held = kind == ProbeKind::Startup;
        }
        watch
    }

    /// What it decides.
    pub const fn kind(&self) -> ProbeKind {
        self.kind
    }

    /// What the kubelet holds.
    pub const fn result(&self) -> Option<bool> {
        self.result
    }

    /// The container's processes answer in another way from `now` on; a round at this very instant meets that.
    pub fn meets(&mut self, answer: Answer, now: SimTime) {
        let rounds = self.rounds_until(now, false);
        self.count(rounds);
        self.answer = answer;
    }

    /// Counts the rounds up to `now`; true when the result has turned.
    pub fn settle(&mut self, now: SimTime) -> bool {
        let before = self.result;
        let rounds = self.rounds_until(now, true);
        self.count(rounds);
        self.result != before
    }

    /// Stops probing until the container is another one.
    pub fn hold(&mut self) {
        self.held = true;
    }

    /// The startup probe has succeeded: rounds count from `now` on. A readiness probe is tried at once, out of turn
    /// (`manualTriggerCh` of the kubelet's worker).
    pub fn release(&mut self, now: SimTime) {
        if !self.held {
            return;
        }
        self.held = false;
        let since = now.as_nanos().saturating_sub(self.base.as_nanos());
        self.next = self.next.max(since.div_ceil(period(self.probe)));
        let delayed = since < self.probe.initial_delay.as_nanos();
        if self.kind == ProbeKind::Readiness
            && self.answer != Answer::Silence
            && !delayed
            && self.round(self.next) > now
        {
            self.count(1);
            self.next -= 1;
        }
    }

    /// When the result turns if the answer stays as it is; `None` when it does not.
    pub fn turns_at(&self) -> Option<SimTime> {
        let good = self.answer == Answer::Good;
        if self.held || self.result == Some(good) {
            return None;
        }
        let had = if self.last == good { self.run } else { 0 };
        let missing = self.threshold(good).saturating_sub(had).max(1);
        Some(self.round(self.next + missing - 1).saturating_add(self.lateness()))
    }

    fn threshold(&self, good: bool) -> u64 {
        let times = if good { self.probe.success_threshold } else { self.probe.failure_threshold };
        u64::from(times.max(1))
    }

    fn round(&self, number: u64) -> SimTime {
        self.base.saturating_add(SimDuration::from_nanos(period(self.probe).saturating_mul(number)))
    }

    /// From a round to its result; a worker makes no round while it waits for the last one.
    fn lateness(&self) -> SimDuration {
        match self.answer {
            Answer::Good | Answer::Refused => SimDuration::ZERO,
            Answer::Silence => self.probe.timeout.min(self.probe.period),
        }
    }

    /// Rounds, not counted yet, whose result is there before `now`, or at `now`.
    fn rounds_until(&self, now: SimTime, inclusive: bool) -> u64 {
        let first = self.base.saturating_add(self.lateness());
        let Some(since) = now.as_nanos().checked_sub(first.as_nanos()) else { return 0 };
        let length = period(self.probe);
        let done = if inclusive { since / length + 1 } else { since.div_ceil(length) };
        done.saturating_sub(self.next)
    }

    fn count(&mut self, rounds: u64) {
        if rounds == 0 {
            return;
        }
        self.next += rounds;
        if self.held {
            return;
        }
        let good = self.answer == Answer::Good;
        self.run = if self.last == good { self.run + rounds } else { rounds };
        self.last = good;
        if self.run >= self.threshold(good) {
            self.result = Some(good);
        }
    }
}

fn period(probe: Probe) -> u64 {
    probe.period.as_nanos().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(initial_delay: u64, period: u64, thresholds: (u32, u32)) -> Probe {
        Probe {
            connects: false,
            port: None,
            initial_delay: SimDuration::from_secs(initial_delay),
            period: SimDuration::from_secs(period),
            timeout: SimDuration::from_secs(1),
            success_threshold: thresholds.0,
            failure_threshold: thresholds.1,
            grace: None,
        }
    }

    fn at(seconds: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_secs(seconds)
    }

    /// When a container that listens after `listening` is ready, in seconds.
    fn ready(probe: Probe, listening: u64) -> u64 {
        let mut watch = Watch::new(ProbeKind::Readiness, probe, at(0), false);
        assert_eq!(watch.turns_at(), None);
        watch.meets(Answer::Good, at(listening));
        watch.turns_at().unwrap().as_nanos() / 1_000_000_000
    }

    #[test]
    fn rounds_before_the_delay_and_before_listening_do_not_count() {
        assert_eq!(ready(probe(0, 10, (1, 3)), 3), 10);
        assert_eq!(ready(probe(15, 10, (1, 3)), 3), 20);
        assert_eq!(ready(probe(0, 2, (3, 3)), 3), 8);
        assert_eq!(ready(probe(0, 10, (1, 3)), 0), 0);
        assert_eq!(ready(probe(0, 10, (1, 3)), 10), 10);
    }

    #[test]
    fn three_refusals_or_silences_in_a_row_are_a_failure() {
        let mut watch = Watch::of_old_container(ProbeKind::Readiness, probe(0, 10, (1, 3)), at(4), Answer::Good);
        assert_eq!(watch.turns_at(), None);
        // Rounds at 4, 14, ...: a hang at 25 s meets those of 34, 44 and 54 s (D16: 20 s to 30 s, and the timeout).
        watch.meets(Answer::Silence, at(25));
        assert_eq!(watch.turns_at(), Some(at(55)));
        let mut refused = watch.clone();
        refused.meets(Answer::Refused, at(25));
        assert_eq!(refused.turns_at(), Some(at(54)));
        // An answer within the timeout of the third round is in time, and the count begins anew.
        watch.meets(Answer::Good, SimTime::from_nanos(54_500_000_000));
        assert!(!watch.settle(at(55)));
        watch.meets(Answer::Refused, at(56));
        assert_eq!(watch.turns_at(), Some(at(84)));
        assert!(!watch.settle(at(83)) && watch.settle(at(84)));
        assert_eq!(watch.result(), Some(false));
        watch.meets(Answer::Good, at(90));
        assert_eq!(watch.turns_at(), Some(at(94)));
    }

    #[test]
    fn a_startup_probe_holds_the_others_back() {
        let mut liveness = Watch::new(ProbeKind::Liveness, probe(0, 10, (1, 3)), at(0), true);
        let mut readiness = Watch::new(ProbeKind::Readiness, probe(0, 10, (2, 3)), at(0), true);
        assert_eq!((liveness.turns_at(), readiness.turns_at()), (None, None));
        for watch in [&mut liveness, &mut readiness] {
            watch.meets(Answer::Good, at(60));
            watch.release(at(63));
        }
        // One success at once, out of turn, the next one in turn.
        assert_eq!(readiness.turns_at(), Some(at(70)));
        liveness.meets(Answer::Refused, at(64));
        assert_eq!(liveness.turns_at(), Some(at(90)));
    }

    #[test]
    fn counting_often_and_counting_once_give_the_same() {
        let mut often = Watch::of_old_container(ProbeKind::Liveness, probe(0, 7, (1, 4)), at(3), Answer::Good);
        let mut once = often.clone();
        for second in 0..100 {
            if second == 30 {
                often.meets(Answer::Silence, at(30));
                once.meets(Answer::Silence, at(30));
            }
            let turned = often.settle(at(second));
            assert_eq!(turned, once.turns_at() == Some(at(second)), "{second}");
            if turned {
                assert!(once.settle(at(second)));
            }
        }
        assert_eq!(once.result(), Some(false));
    }
}
