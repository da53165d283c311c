//! When a load balancer takes a target out and back in: checks stand at `phase + k * interval`, from start to start
//! (assumption), and only those are played whose outcome changes something. Knows no target and no address.

use crate::kernel::time::{SimDuration, SimTime};
use crate::model::settings::LoadBalancerSettings;

/// What a target does with a check that starts now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It accepts the connection.
    Accepts,
    /// It refuses at once.
    Refuses,
    /// It says nothing, so the check fails after its timeout.
    Silent,
}

/// A change of a target's health that will come if its answer stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Start of the check that decides.
    pub decided: SimTime,
    /// When its outcome is known.
    pub at: SimTime,
}

/// The checks of one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetChecks {
    phase: SimDuration,
    answer: Answer,
    healthy: bool,
    /// Outcomes in a row that speak against `healthy`.
    run: u32,
    /// Checks that start before this instant have been counted.
    counted: SimTime,
}

impl TargetChecks {
    /// A target that has been checked for long.
    pub fn settled(phase: SimDuration, answer: Answer, now: SimTime) -> Self {
        Self { phase, answer, healthy: answer == Answer::Accepts, run: 0, counted: now }
    }

    /// A target that is registered now: its first check, if it succeeds, is enough.
    pub fn registered(settings: &LoadBalancerSettings, phase: SimDuration, answer: Answer, now: SimTime) -> Self {
        Self { phase, answer, healthy: false, run: settings.healthy_threshold - 1, counted: now }
    }

    /// True when it takes new connections.
    pub fn is_healthy(&self) -> bool {
        self.healthy
    }

    /// What it does with checks now.
    pub fn answer(&self) -> Answer {
        self.answer
    }

    /// Its answer is another one from `now` on; a check that starts at this instant meets the new one.
    pub fn change(&mut self, settings: &LoadBalancerSettings, answer: Answer, now: SimTime) {
        let before = |time: SimTime| self.first_at(settings, time);
        let started = before(now) - before(self.counted.min(now));
        if started > 0 && (self.answer == Answer::Accepts) == self.healthy {
            self.run = 0;
        } else {
            self.run = self.run.saturating_add(u32::try_from(started).unwrap_or(u32::MAX));
        }
        self.counted = self.counted.max(now);
        self.answer = answer;
    }

    /// The change that will come if the answer stays as it is; `None` when it agrees with the target's health.
    pub fn next_turn(&self, settings: &LoadBalancerSettings) -> Option<Turn> {
        let accepts = self.answer == Answer::Accepts;
        if accepts == self.healthy {
            return None;
        }
        let threshold = if self.healthy { settings.unhealthy_threshold } else { settings.healthy_threshold };
        let missing = u64::from(threshold.saturating_sub(self.run).max(1));
        let number = self.first_at(settings, self.counted) + missing - 1;
        let start = self.phase.as_nanos().saturating_add(number.saturating_mul(settings.interval.as_nanos()));
        let decided = SimTime::from_nanos(start);
        let wait = if self.answer == Answer::Silent { settings.timeout } else { SimDuration::ZERO };
        Some(Turn { decided, at: decided.saturating_add(wait) })
    }

    /// A change that was announced has come.
    pub fn turn(&mut self, decided: SimTime) {
        self.healthy = !self.healthy;
        self.run = 0;
        self.counted = self.counted.max(decided.saturating_add(SimDuration::from_nanos(1)));
    }

    /// Number of the first check at or after `time`.
    fn first_at(&self, settings: &LoadBalancerSettings, time: SimTime) -> u64 {
        time.as_nanos().saturating_sub(self.phase.as_nanos()).div_ceil(settings.interval.as_nanos())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn at(seconds: u64) -> SimTime {
        SimTime::from_nanos(seconds * SECOND)
    }

    fn turn(decided: u64, known: u64) -> Turn {
        Turn { decided: at(decided), at: at(known) }
    }

    /// Checks every 10 s, of 5 s; out after two, in after five.
    fn settings() -> LoadBalancerSettings {
        let (interval, timeout) = (SimDuration::from_secs(10), SimDuration::from_secs(5));
        LoadBalancerSettings { interval, timeout, ..LoadBalancerSettings::default() }
    }

    #[test]
    fn the_second_failure_takes_out_and_the_fifth_success_takes_in() {
        let settings = settings();
        let mut checks = TargetChecks::settled(SimDuration::from_secs(3), Answer::Accepts, SimTime::ZERO);
        assert_eq!(checks.next_turn(&settings), None);
        checks.change(&settings, Answer::Silent, at(60));
        // Checks at 63 and 73 s; the outcome of the second one is known 5 s later.
        assert_eq!(checks.next_turn(&settings), Some(turn(73, 78)));
        checks.turn(at(73));
        assert!(!checks.is_healthy() && checks.next_turn(&settings).is_none());
        checks.change(&settings, Answer::Accepts, at(100));
        assert_eq!(checks.next_turn(&settings), Some(turn(143, 143)));
    }

    #[test]
    fn a_check_at_the_very_instant_of_a_change_meets_the_new_answer() {
        let settings = settings();
        let mut checks = TargetChecks::settled(SimDuration::ZERO, Answer::Accepts, SimTime::ZERO);
        checks.change(&settings, Answer::Refuses, at(60));
        assert_eq!(checks.next_turn(&settings), Some(turn(70, 70)));
    }

    #[test]
    fn a_pause_that_no_check_sees_does_not_end_the_row() {
        let settings = settings();
        let mut checks = TargetChecks::settled(SimDuration::ZERO, Answer::Accepts, SimTime::ZERO);
        checks.change(&settings, Answer::Refuses, at(59));
        checks.change(&settings, Answer::Accepts, at(61));
        checks.change(&settings, Answer::Refuses, at(69));
        assert_eq!(checks.next_turn(&settings), Some(turn(70, 70)));
        // One that a check sees does.
        checks.change(&settings, Answer::Accepts, at(70));
        checks.change(&settings, Answer::Refuses, at(71));
        assert_eq!(checks.next_turn(&settings), Some(turn(90, 90)));
    }

    #[test]
    fn a_new_target_needs_one_success() {
        let settings = settings();
        let phase = SimDuration::from_secs(2);
        let new = TargetChecks::registered(&settings, phase, Answer::Accepts, at(30));
        assert_eq!((new.is_healthy(), new.next_turn(&settings)), (false, Some(turn(32, 32))));
    }

    /// Changes of health as a checker that starts every check would see them.
    fn ticked(settings: &LoadBalancerSettings, phase: u64, answers: &[(u64, Answer)], end: u64) -> Vec<u64> {
        let (mut healthy, mut run, mut turns) = (true, 0, Vec::new());
        let mut start = phase;
        while start < end {
            let answer =
                answers.iter().rfind(|(from, _)| *from <= start).map_or(Answer::Accepts, |(_, answer)| *answer);
            let good = answer == Answer::Accepts;
            run = if good == healthy { 0 } else { run + 1 };
            if run == if healthy { settings.unhealthy_threshold } else { settings.healthy_threshold } {
                (healthy, run) = (!healthy, 0);
                let wait = if answer == Answer::Silent { settings.timeout.as_nanos() } else { 0 };
                turns.push(start + wait);
            }
            start += settings.interval.as_nanos();
        }
        turns
    }

    /// The same, asked only when an answer changes or a change of health is due.
    fn on_demand(settings: &LoadBalancerSettings, phase: u64, answers: &[(u64, Answer)]) -> Vec<u64> {
        let mut checks = TargetChecks::settled(SimDuration::from_nanos(phase), Answer::Accepts, SimTime::ZERO);
        let (mut due, mut turns): (Option<Turn>, Vec<u64>) = (None, Vec::new());
        let changes = answers.iter().map(|(from, answer)| (SimTime::from_nanos(*from), Some(*answer)));
        for (now, answer) in changes.chain([(SimTime::MAX, None)]) {
            while let Some(turn) = due.filter(|turn| turn.at < now) {
                turns.push(turn.at.as_nanos());
                checks.turn(turn.decided);
                due = checks.next_turn(settings);
            }
            let Some(answer) = answer else { break };
            checks.change(settings, answer, now);
            if due.is_none_or(|turn| turn.decided >= now) {
                due = checks.next_turn(settings);
            }
        }
        turns
    }

    #[test]
    fn on_demand_equals_ticking() {
        let settings = LoadBalancerSettings { healthy_threshold: 3, ..settings() };
        let words = [Answer::Accepts, Answer::Refuses, Answer::Silent];
        for case in 0..400_u64 {
            let phase = case * 97_000_003 % settings.interval.as_nanos();
            let mut time = 0;
            let answers: Vec<(u64, Answer)> = (0..40)
                .map(|step| {
                    let mixed = (case * 41 + step).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                    time += 1 + (mixed >> 20) % (if mixed & 8 == 0 { 4 } else { 90 } * SECOND);
                    (time, words[usize::try_from((mixed >> 60) % 3).unwrap()])
                })
                .collect();
            let end = time + 200 * SECOND;
            assert_eq!(on_demand(&settings, phase, &answers), ticked(&settings, phase, &answers, end), "{case}");
        }
    }
}
