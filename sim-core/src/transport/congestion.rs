//! The congestion window of a sender: slow start, congestion avoidance and what losses do to it, as `NewReno` has
//! them (RFC 5681, RFC 6582), and the restart after idleness as Linux does it. Counts packets; knows no packet's number.

use crate::kernel::time::SimDuration;

/// Largest window in packets: 5.9 MB, about what the default `tcp_rmem` (at most 6 MiB) lets a receiver take.
const MOST: u32 = 4_096;

/// A window and its threshold, in packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    size: u32,
    threshold: u32,
    /// Acknowledged packets that have not widened the window yet, in congestion avoidance.
    saved: u32,
}

impl Window {
    /// The window of a new connection (`initcwnd`), at least one packet; nothing has been learnt, so it has no threshold.
    pub fn new(initial: u32) -> Self {
        Self { size: initial.clamp(1, MOST), threshold: u32::MAX, saved: 0 }
    }

    /// So many packets may be on their way.
    pub fn size(self) -> u32 {
        self.size
    }

    /// Slow start ends at this size.
    pub fn threshold(self) -> u32 {
        self.threshold
    }

    /// `packets` of `in_flight` were acknowledged for the first time: one more packet each in slow start, one more per
    /// window beyond the threshold. A window that did not limit the sender stays (`tcp_is_cwnd_limited`).
    pub fn acknowledged(&mut self, packets: u32, in_flight: u32) {
        let slow = self.size < self.threshold;
        let limits = if slow { self.size < in_flight.saturating_mul(2) } else { self.size <= in_flight };
        if !limits {
            return;
        }
        let mut rest = packets;
        if slow {
            let grown = self.size.saturating_add(packets).min(self.threshold);
            rest -= grown - self.size;
            self.size = grown.min(MOST);
        }
        if self.size >= self.threshold {
            self.saved = self.saved.saturating_add(rest);
            let whole = self.saved / self.size;
            self.saved -= whole * self.size;
            self.size = (self.size + whole).min(MOST);
        }
    }

    /// Fast retransmit: half of what was on its way.
    pub fn halve(&mut self, in_flight: u32) {
        self.cut_threshold(in_flight);
        self.size = self.threshold;
        self.saved = 0;
    }

    /// Nothing was heard for a retransmission timeout; only the `first` one for the same packet moves the threshold.
    pub fn time_out(&mut self, in_flight: u32, first: bool) {
        if first {
            self.cut_threshold(in_flight);
        }
        self.size = 1;
        self.saved = 0;
    }

    /// Data follows after `idle` without any: once that is more than the retransmission timeout, the window is halved for
    /// each, down to the initial one; three quarters of it stay as threshold (`tcp_cwnd_restart`).
    pub fn restart(&mut self, idle: SimDuration, timeout: SimDuration, initial: u32) {
        if idle <= timeout {
            return;
        }
        self.threshold = self.threshold.max(self.size / 2 + self.size / 4);
        let least = initial.clamp(1, MOST).min(self.size);
        let mut rest = idle.saturating_sub(timeout);
        while rest > SimDuration::ZERO && self.size > least {
            self.size /= 2;
            rest = rest.saturating_sub(timeout);
        }
        self.size = self.size.max(least);
        self.saved = 0;
    }

    fn cut_threshold(&mut self, in_flight: u32) {
        self.threshold = (in_flight / 2).max(2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_up_to_the_threshold_and_then_adds_one_per_window() {
        let mut window = Window::new(10);
        window.acknowledged(10, 10);
        assert_eq!(window.size(), 20);
        window.halve(20);
        assert_eq!((window.size(), window.threshold()), (10, 10));
        for _ in 0..9 {
            window.acknowledged(1, 10);
        }
        assert_eq!(window.size(), 10);
        window.acknowledged(1, 10);
        assert_eq!(window.size(), 11);
    }

    #[test]
    fn what_is_left_of_an_acknowledgement_at_the_threshold_counts_for_the_next_step() {
        let mut window = Window::new(8);
        window.time_out(20, true);
        assert_eq!((window.size(), window.threshold()), (1, 10));
        window.acknowledged(1, 1);
        window.acknowledged(2, 2);
        window.acknowledged(4, 4);
        assert_eq!(window.size(), 8);
        // Two reach the threshold, eight are saved; two more make a window of ten.
        window.acknowledged(10, 8);
        assert_eq!(window.size(), 10);
        window.acknowledged(2, 10);
        assert_eq!(window.size(), 11);
    }

    #[test]
    fn a_second_timeout_of_the_same_packet_keeps_the_threshold() {
        let mut window = Window::new(10);
        window.time_out(40, true);
        window.time_out(1, false);
        assert_eq!((window.size(), window.threshold()), (1, 20));
        window.time_out(1, true);
        assert_eq!(window.threshold(), 2);
    }

    #[test]
    fn a_window_that_does_not_limit_stays() {
        let mut window = Window::new(10);
        window.acknowledged(5, 5);
        assert_eq!(window.size(), 10);
        window.acknowledged(6, 6);
        assert_eq!(window.size(), 16);
    }

    #[test]
    fn idleness_halves_it_once_per_timeout() {
        let timeout = SimDuration::from_millis(200);
        let after = |idle: u64| {
            let mut window = Window { size: 80, threshold: 40, saved: 0 };
            window.restart(SimDuration::from_millis(idle), timeout, 10);
            (window.size(), window.threshold())
        };
        assert_eq!(after(200), (80, 40));
        assert_eq!(after(201), (40, 60));
        assert_eq!(after(400), (40, 60));
        assert_eq!(after(401), (20, 60));
        assert_eq!(after(10_000), (10, 60));
    }
}
