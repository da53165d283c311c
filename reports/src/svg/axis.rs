//! Axes: round steps, places of values on linear and logarithmic scales, and a time axis.

use std::fmt::Write as _;

use super::canvas::{Canvas, short};
use crate::report::human_duration;

/// The least step of 1, 2 or 5 times a power of ten of which at most `most` reach `greatest`.
pub(crate) fn round_step(greatest: u64, most: u64) -> u64 {
    let mut power = 1_u64;
    loop {
        for factor in [1, 2, 5] {
            let step = power.saturating_mul(factor);
            if greatest.div_ceil(step) <= most.max(1) || step == u64::MAX {
                return step;
            }
        }
        power = power.saturating_mul(10);
    }
}

/// A count as a coordinate: exact below 2^53.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn number(value: u64) -> f64 {
    value as f64
}

/// A length of a list as a coordinate.
pub(crate) fn length(value: usize) -> f64 {
    number(value as u64)
}

/// Maps `[0, most]` to `[from, to]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Linear {
    /// The largest value.
    pub(crate) most: u64,
    /// Where 0 is.
    pub(crate) from: f64,
    /// Where `most` is.
    pub(crate) to: f64,
}

impl Linear {
    /// The place of a value.
    pub(crate) fn at(&self, value: u64) -> f64 {
        self.from + (self.to - self.from) * number(value.min(self.most)) / number(self.most.max(1))
    }
}

/// Maps decades `[low, high]` to `[from, to]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Logarithmic {
    /// The power of ten at `from`.
    pub(crate) low: i32,
    /// The power of ten at `to`.
    pub(crate) high: i32,
    /// Where the lowest value is.
    pub(crate) from: f64,
    /// Where the highest value is.
    pub(crate) to: f64,
}

impl Logarithmic {
    /// From the decade below `least` to the one above `most`.
    #[allow(clippy::cast_possible_truncation)] // decades of a u64 are below 20
    pub(crate) fn around(least: u64, most: u64, from: f64, to: f64) -> Self {
        let low = libm::floor(libm::log10(number(least.max(1)))) as i32;
        let high = libm::ceil(libm::log10(number(most.max(1)))) as i32;
        Self { low, high: high.max(low + 1), from, to }
    }

    /// The place of a value.
    pub(crate) fn at(&self, value: u64) -> f64 {
        self.at_decade(libm::log10(number(value.max(1))))
    }

    /// The place of a power of ten.
    pub(crate) fn at_decade(&self, decade: f64) -> f64 {
        let part = (decade - f64::from(self.low)) / f64::from(self.high - self.low);
        self.from + (self.to - self.from) * part.clamp(0.0, 1.0)
    }

    /// The powers of ten on it.
    pub(crate) fn decades(&self) -> impl Iterator<Item = i32> + use<> {
        self.low..=self.high
    }
}

/// Where times lie from left to right, and the time that the right end stands for, ns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeAxis(pub(crate) Linear);

impl TimeAxis {
    /// From 0 to `end`.
    pub(crate) fn new(end: u64, left: f64, right: f64) -> Self {
        Self(Linear { most: end.max(1), from: left, to: right })
    }

    /// The place of a time.
    pub(crate) fn at(&self, time: u64) -> f64 {
        self.0.at(time)
    }

    /// Lines from `top` to `bottom` at round times, with the times below.
    pub(crate) fn draw(&self, canvas: &mut Canvas, top: f64, bottom: f64, with_text: bool) {
        let step = round_time(self.0.most, 8);
        let mut time = 0;
        let mut lines = String::new();
        while time <= self.0.most {
            let x = self.at(time);
            let _ = write!(lines, "M{} {}V{}", short(x), short(top), short(bottom));
            if with_text {
                canvas.text("num mid", x, bottom + 14.0, &clock(time));
            }
            time += step;
        }
        canvas.path("line", &lines);
    }
}

/// A round step of times of which at most `most` reach `end`, ns.
fn round_time(end: u64, most: u64) -> u64 {
    const SECOND: u64 = 1_000_000_000;
    let rounds = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600].map(|seconds| seconds * SECOND);
    if end < 2 * SECOND {
        return round_step(end, most);
    }
    rounds.into_iter().find(|step| end.div_ceil(*step) <= most).unwrap_or_else(|| round_step(end, most))
}

/// A time on the axis: seconds, or minutes when they are whole.
fn clock(time: u64) -> String {
    const MINUTE: u64 = 60_000_000_000;
    match time {
        0 => "0".to_owned(),
        _ if time >= 2 * MINUTE && time.is_multiple_of(MINUTE) => format!("{} min", time / MINUTE),
        _ if time.is_multiple_of(1_000_000_000) => format!("{} s", time / 1_000_000_000),
        _ => human_duration(time),
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_few() {
        assert_eq!([1, 4, 5, 113, 400, 2_000].map(|most| round_step(most, 4)), [1, 1, 2, 50, 100, 500]);
        assert_eq!(round_step(u64::MAX, 1), u64::MAX);
        assert_eq!(round_time(600_000_000_000, 8), 120_000_000_000);
        assert_eq!([0, 60_000_000_000, 120_000_000_000].map(clock), ["0", "60 s", "2 min"]);
    }

    #[test]
    fn scales_meet_their_ends() {
        let scale = Logarithmic::around(1_200, 3_400_000, 100.0, 0.0);
        assert_eq!((scale.low, scale.high), (3, 7));
        assert_eq!((scale.at(1_000), scale.at(10_000_000), scale.at(0)), (100.0, 0.0, 100.0));
        let axis = TimeAxis::new(10, 50.0, 150.0);
        assert_eq!((axis.at(0), axis.at(5), axis.at(99)), (50.0, 100.0, 150.0));
        assert_eq!(Logarithmic::around(0, 0, 0.0, 1.0).decades().count(), 2);
    }
}
