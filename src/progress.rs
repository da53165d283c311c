//! What a long run is doing, on standard error: a bar with a line below it on a terminal, a plain line now and then
//! elsewhere. The wall clock is read here alone; it changes no result.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use reports::metrics::RequestCounts;
use reports::report::human_count;

use crate::experiment::Step;

/// A run that ends sooner shows no bar.
const BAR_AFTER: Duration = Duration::from_secs(1);
/// Where standard error is no terminal, lines come at this distance, the first one as late.
const LINES_APART: Duration = Duration::from_secs(10);
/// So many kinds of failures are named, the most frequent first.
const NAMED_FAILURES: usize = 3;

/// Follows runs as they go on; says nothing when it must be quiet.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    lines: bool,
    total: u64,
    started: Instant,
    so_far: Mutex<SoFar>,
}

/// Sums over all runs.
#[derive(Debug, Default)]
struct SoFar {
    nanos: u64,
    events: u64,
    requests: RequestCounts,
    /// When the next line is due, after the start.
    due: Duration,
}

impl Progress {
    /// Follows `total` nanoseconds of simulated time.
    pub(crate) fn new(total: u64, quiet: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = (!quiet && terminal).then(|| {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
            let style = ProgressStyle::with_template("{wide_bar} {percent:>3}% {eta:>4}\n{wide_msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        let so_far = Mutex::new(SoFar { due: LINES_APART, ..SoFar::default() });
        Self { bar, lines: !quiet && !terminal, total, started: Instant::now(), so_far }
    }

    /// So much more has come.
    pub(crate) fn advance(&self, step: &Step) {
        if self.bar.is_none() && !self.lines {
            return;
        }
        let elapsed = self.started.elapsed();
        let mut so_far = self.so_far.lock().unwrap_or_else(PoisonError::into_inner);
        so_far.nanos += step.nanos;
        so_far.events += step.events;
        so_far.requests.add(&step.requests);
        if let Some(bar) = &self.bar {
            bar.set_position(so_far.nanos);
            bar.set_message(so_far.words(self.total, elapsed));
            if bar.is_hidden() && elapsed > BAR_AFTER {
                bar.set_draw_target(ProgressDrawTarget::stderr());
            }
        } else if elapsed >= so_far.due {
            so_far.due = elapsed + LINES_APART;
            let (words, left) = (so_far.words(self.total, elapsed), so_far.left(self.total, elapsed));
            // A run does not end because nobody reads how far it is.
            let _ = writeln!(std::io::stderr(), "podwire: {words}; {left} s left");
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl SoFar {
    /// How far the runs are, how fast they go, and how requests have ended.
    #[allow(clippy::cast_precision_loss)] // shown with few digits
    fn words(&self, total: u64, elapsed: Duration) -> String {
        let wall = elapsed.as_secs_f64().max(1e-3);
        let (simulated, of) = (self.nanos as f64 / 1e9, total as f64 / 1e9);
        let (speed, events) = (simulated / wall, self.events as f64 / wall);
        format!(
            "{simulated:.1} of {of:.1} simulated s, {speed:.1} s/s, {} events/s; {}",
            short(events),
            self.outcomes()
        )
    }

    /// Wall seconds to go, as fast as it went so far.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)] // an estimate
    fn left(&self, total: u64, elapsed: Duration) -> u64 {
        let rest = total.saturating_sub(self.nanos) as f64 / self.nanos.max(1) as f64;
        (elapsed.as_secs_f64() * rest).ceil() as u64
    }

    #[allow(clippy::cast_precision_loss)] // shown with one place
    fn outcomes(&self) -> String {
        let ended = self.requests.ended();
        if ended == 0 {
            return "no request has ended".to_owned();
        }
        // Rounded down, so that one failure in a million does not read as none.
        let share = (self.requests.ok as f64 / ended as f64 * 1e3).floor() / 10.0;
        let mut words = format!("{} requests, {share:.1} % ok", human_count(ended));
        let mut failed: Vec<_> = self.requests.failed.iter().collect();
        failed.sort_by_key(|(word, count)| (std::cmp::Reverse(**count), **word));
        for (word, count) in failed.iter().take(NAMED_FAILURES) {
            // Writing into a String cannot fail.
            let _ = write!(words, ", {word} {}", human_count(**count));
        }
        if failed.len() > NAMED_FAILURES {
            words.push_str(", ...");
        }
        words
    }
}

/// A rate with three digits at most: `950`, `12.3k`, `1.4M`.
fn short(rate: f64) -> String {
    match rate {
        rate if rate < 1e3 => format!("{rate:.0}"),
        rate if rate < 1e6 => format!("{:.1}k", rate / 1e3),
        rate => format!("{:.1}M", rate / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_how_fast_and_how_well() {
        let failed = [("eof", 3), ("connect-timeout", 40), ("ECONNREFUSED", 3), ("dns-error", 1)].into_iter().collect();
        let requests = RequestCounts { total: 30_000, ok: 20_000, unfinished: 0, failed };
        let so_far = SoFar { nanos: 150_000_000_000, events: 3_000_000, requests, due: Duration::ZERO };
        let (total, elapsed) = (600_000_000_000, Duration::from_millis(2_500));
        let words = "150.0 of 600.0 simulated s, 60.0 s/s, 1.2M events/s; 20 047 requests, 99.7 % ok, \
                     connect-timeout 40, ECONNREFUSED 3, eof 3, ...";
        assert_eq!(so_far.words(total, elapsed), words);
        assert_eq!(so_far.left(total, elapsed), 8, "7.5 s, rounded up");
        assert!(SoFar::default().words(total, elapsed).ends_with("no request has ended"));
    }

    #[test]
    fn rates_are_short() {
        assert_eq!([short(950.0), short(12_345.0), short(1_400_000.0)], ["950", "12.3k", "1.4M"]);
    }
}
