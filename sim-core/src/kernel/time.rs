//! Simulated time: integer nanoseconds since the start of a run.
//! Knows no clock of the machine; floats are rounded half-up to nanoseconds once, when a sample becomes time.

use std::fmt;
use std::ops::{Add, AddAssign, Mul, Sub};

/// An instant: nanoseconds since the start of the run, 0 ..= 2^64 - 1 (about 584 years).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SimTime(u64);

/// A length of simulated time in nanoseconds, 0 ..= 2^64 - 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SimDuration(u64);

impl SimTime {
    /// The start of every run.
    pub const ZERO: Self = Self(0);
    /// Later than anything that happens.
    pub const MAX: Self = Self(u64::MAX);

    /// The instant `ns` nanoseconds after the start.
    pub const fn from_nanos(ns: u64) -> Self {
        Self(ns)
    }

    /// Nanoseconds since the start.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The whole simulated second this instant lies in.
    pub const fn second(self) -> u64 {
        self.0 / 1_000_000_000
    }

    /// Time since `earlier`; zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> SimDuration {
        SimDuration(self.0.saturating_sub(earlier.0))
    }

    /// `self - length`, at least [`SimTime::ZERO`].
    pub const fn saturating_sub(self, length: SimDuration) -> Self {
        Self(self.0.saturating_sub(length.0))
    }

    /// `self + length`, at most [`SimTime::MAX`].
    pub const fn saturating_add(self, length: SimDuration) -> Self {
        Self(self.0.saturating_add(length.0))
    }
}

impl SimDuration {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// The longest length.
    pub const MAX: Self = Self(u64::MAX);

    /// A length of `ns` nanoseconds.
    pub const fn from_nanos(ns: u64) -> Self {
        Self(ns)
    }

    /// A length of `us` microseconds.
    pub const fn from_micros(us: u64) -> Self {
        Self(us * 1_000)
    }

    /// A length of `ms` milliseconds.
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms * 1_000_000)
    }

    /// A length of `s` seconds.
    pub const fn from_secs(s: u64) -> Self {
        Self(s * 1_000_000_000)
    }

    /// A sampled length in nanoseconds, rounded half-up; negative and NaN become zero.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub fn from_sampled_nanos(ns: f64) -> Self {
        // `as` saturates at both ends and maps NaN to zero, which is the rule wanted here.
        Self((ns + 0.5) as u64)
    }

    /// The length in nanoseconds.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The length in seconds, for display and scoring only.
    #[allow(clippy::cast_precision_loss)]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// True for a length of zero.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// `self - other`, or zero.
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Add<SimDuration> for SimTime {
    type Output = Self;
    fn add(self, length: SimDuration) -> Self {
        Self(self.0 + length.0)
    }
}

impl Sub<SimDuration> for SimTime {
    type Output = Self;
    fn sub(self, length: SimDuration) -> Self {
        Self(self.0 - length.0)
    }
}

impl AddAssign<SimDuration> for SimTime {
    fn add_assign(&mut self, length: SimDuration) {
        self.0 += length.0;
    }
}

impl Add for SimDuration {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for SimDuration {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Mul<u64> for SimDuration {
    type Output = Self;
    fn mul(self, factor: u64) -> Self {
        Self(self.0 * factor)
    }
}

impl fmt::Display for SimDuration {
    /// Go's duration form, as Kubernetes prints it: `1h2m3.5s`, `250ms`, `15us`, `7ns`, `0s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ns = self.0;
        match ns {
            0 => f.write_str("0s"),
            1..1_000 => write!(f, "{ns}ns"),
            1_000..1_000_000 => write_decimal(f, ns, 1_000, "us"),
            1_000_000..1_000_000_000 => write_decimal(f, ns, 1_000_000, "ms"),
            _ => {
                let minutes = ns / 60_000_000_000;
                if minutes >= 60 {
                    write!(f, "{}h", minutes / 60)?;
                }
                if minutes >= 1 {
                    write!(f, "{}m", minutes % 60)?;
                }
                write_decimal(f, ns % 60_000_000_000, 1_000_000_000, "s")
            }
        }
    }
}

impl fmt::Display for SimTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SimDuration(self.0).fmt(f)
    }
}

/// Writes `ns / unit` with as many decimals as it needs.
fn write_decimal(f: &mut fmt::Formatter<'_>, ns: u64, unit: u64, suffix: &str) -> fmt::Result {
    let whole = ns / unit;
    let rest = ns % unit;
    if rest == 0 {
        return write!(f, "{whole}{suffix}");
    }
    let width = unit.ilog10() as usize;
    let decimals = format!("{rest:0width$}");
    write!(f, "{whole}.{}{suffix}", decimals.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_print_as_go_does() {
        let cases = [
            (0, "0s"),
            (7, "7ns"),
            (15_000, "15us"),
            (1_500, "1.5us"),
            (250_000_000, "250ms"),
            (1_000_000_000, "1s"),
            (60_000_000_000, "1m0s"),
            (3_723_500_000_000, "1h2m3.5s"),
        ];
        for (ns, text) in cases {
            assert_eq!(SimDuration::from_nanos(ns).to_string(), text);
        }
    }

    #[test]
    fn samples_round_half_up() {
        assert_eq!(SimDuration::from_sampled_nanos(1.5).as_nanos(), 2);
        assert_eq!(SimDuration::from_sampled_nanos(1.49).as_nanos(), 1);
        assert_eq!(SimDuration::from_sampled_nanos(-3.0).as_nanos(), 0);
        assert_eq!(SimDuration::from_sampled_nanos(f64::NAN).as_nanos(), 0);
    }

    #[test]
    fn since_never_goes_below_zero() {
        let early = SimTime::from_nanos(3);
        assert_eq!(early.since(SimTime::from_nanos(5)), SimDuration::ZERO);
    }
}
