//! How a manifest says that a pod stops: `terminationGracePeriodSeconds`, and what runs before SIGTERM.

use sim_core::kernel::time::SimDuration;
use sim_core::model::lifecycle::Termination;

use super::types::{HookObject, PodSpec};
use crate::diagnostics::codes::PARTLY_MODELLED;
use crate::diagnostics::{Place, Sink};
use crate::units;

/// How a pod stops; all its containers get SIGTERM when the longest hook is over.
pub(super) fn read(pod: &PodSpec, place: &Place, sink: &mut Sink) -> Termination {
    let mut termination = Termination::default();
    if let Some(seconds) = pod.termination_grace_period_seconds {
        termination.grace = SimDuration::from_secs(u64::from(seconds));
    }
    let containers = place.at("containers");
    for (index, container) in pod.containers.iter() {
        let Some(hook) = container.lifecycle.as_ref().and_then(|lifecycle| lifecycle.pre_stop.as_ref()) else {
            continue;
        };
        let at = containers.item(index).at("lifecycle").at("preStop");
        termination.pre_stop = termination.pre_stop.max(length(hook, &at, sink));
    }
    termination
}

/// A sleep takes its time; what any other hook does is not known, so it takes none.
fn length(hook: &HookObject, place: &Place, sink: &mut Sink) -> SimDuration {
    if let Some(seconds) = hook.sleep.as_ref().and_then(|sleep| sleep.seconds) {
        return SimDuration::from_secs(u64::from(seconds));
    }
    let words: Vec<&str> =
        hook.exec.iter().flat_map(|exec| exec.command.iter()).map(|(_, word)| word.as_str()).collect();
    slept(&words).unwrap_or_else(|| {
        let known = if hook.http_get.is_some() || hook.tcp_socket.is_some() { "a call" } else { "a command" };
        let message = format!("{known} other than `sleep SECONDS` is taken to need no time");
        sink.help(PARTLY_MODELLED, place, message, "`behaviour.WORKLOAD.preStopSleep` sets the time");
        SimDuration::ZERO
    })
}

/// The time of `sleep SECONDS`, alone or through a shell.
fn slept(words: &[&str]) -> Option<SimDuration> {
    let program = |word: &str| word.rsplit('/').next().unwrap_or(word).to_owned();
    match words {
        [sleep, seconds] if program(sleep) == "sleep" => units::duration(&format!("{seconds}s")).ok(),
        [shell, "-c", line] if ["sh", "bash", "ash"].contains(&program(shell).as_str()) => {
            slept(&line.split_whitespace().collect::<Vec<_>>()).filter(|_| !line.contains([';', '&', '|']))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleeps_are_read_with_and_without_a_shell() {
        let seconds = |words: &[&str]| slept(words).map(|length| length.as_nanos() / 1_000_000);
        assert_eq!(seconds(&["sleep", "5"]), Some(5_000));
        assert_eq!(seconds(&["/bin/sleep", "0.5"]), Some(500));
        assert_eq!(seconds(&["/bin/sh", "-c", "sleep 15"]), Some(15_000));
        assert_eq!(seconds(&["/bin/sh", "-c", "sleep 15; nginx -s quit"]), None);
        assert_eq!(seconds(&["nginx", "-s", "quit"]), None);
    }
}
