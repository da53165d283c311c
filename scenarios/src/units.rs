//! Quantities as people write them: Go durations, rates, bandwidths, sizes, percentages. Integers only, so that
//! a value means the same nanosecond everywhere.

use sim_core::kernel::time::SimDuration;
use sim_core::model::units::{Bandwidth, Rate};

const DURATION_UNITS: &[(&str, u64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

const BANDWIDTH_UNITS: &[(&str, u64)] =
    &[("bps", 1), ("Kbps", 1_000), ("kbps", 1_000), ("Mbps", 1_000_000), ("Gbps", 1_000_000_000), ("Tbps", TERA)];

const SIZE_UNITS: &[(&str, u64)] = &[
    ("", 1),
    ("B", 1),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

const TERA: u64 = 1_000_000_000_000;

/// A Go duration: `250ms`, `1h2m`, `1.5s`, `50us`, or `0`.
pub fn duration(text: &str) -> Result<SimDuration, String> {
    let fail = || format!("`{text}` is not a duration such as 250ms, 5s or 1m30s");
    if text == "0" {
        return Ok(SimDuration::ZERO);
    }
    let mut rest = text;
    let mut total: u64 = 0;
    if rest.is_empty() {
        return Err(fail());
    }
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(fail)?;
        let (number, tail) = rest.split_at(number_end);
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let scale = lookup(DURATION_UNITS, unit).ok_or_else(fail)?;
        let part = scaled(number, scale).ok_or_else(fail)?;
        total = total.checked_add(part).ok_or_else(|| format!("`{text}` is longer than 584 years"))?;
        rest = tail;
    }
    Ok(SimDuration::from_nanos(total))
}

/// Arrivals per time: `200/s`, `30/m`, `0.5/s`, `3/100ms`; kept exact.
pub fn rate(text: &str) -> Result<Rate, String> {
    let rate = rate_or_zero(text)?;
    if rate.events == 0 { Err(format!("`{text}` is a rate of zero or without a time")) } else { Ok(rate) }
}

/// Arrivals per time, `0/s` among them; kept exact.
pub fn rate_or_zero(text: &str) -> Result<Rate, String> {
    let fail = || format!("`{text}` is not a rate such as 200/s, 30/m or 0.5/s");
    let (count, per) = text.split_once('/').ok_or_else(fail)?;
    let per = per.trim();
    let per = if per.starts_with(|c: char| c.is_ascii_digit()) { duration(per) } else { duration(&format!("1{per}")) };
    let per = per.map_err(|_| fail())?;
    let (whole, decimals) = decimal(count.trim()).ok_or_else(fail)?;
    let scale = 10_u64.checked_pow(decimals).ok_or_else(fail)?;
    let per = per.as_nanos().checked_mul(scale).ok_or_else(fail)?;
    if per == 0 {
        return Err(format!("`{text}` is a rate of zero or without a time"));
    }
    let divisor = gcd(whole, per);
    // The plain form of a whole rate keeps its unit: 200/s is 200 in each second.
    if decimals == 0 {
        return Ok(Rate { events: whole, per: SimDuration::from_nanos(per) });
    }
    Ok(Rate { events: whole / divisor, per: SimDuration::from_nanos(per / divisor) })
}

/// Bits per second: `10Gbps`, `100Mbps`, `2.5Gbps`.
pub fn bandwidth(text: &str) -> Result<Bandwidth, String> {
    let value = with_unit(text, BANDWIDTH_UNITS).filter(|bits| *bits > 0);
    value.map(Bandwidth).ok_or_else(|| format!("`{text}` is not a bandwidth such as 10Gbps or 100Mbps"))
}

/// Bytes: `200`, `4KiB`, `1MB`.
pub fn size(text: &str) -> Result<u64, String> {
    with_unit(text, SIZE_UNITS).ok_or_else(|| format!("`{text}` is not a size such as 200, 4KiB or 1MB"))
}

/// A share in millionths: `0.1%`, `25%`.
pub fn parts_per_million(text: &str) -> Result<u32, String> {
    let fail = || format!("`{text}` is not a share such as 0.1%");
    let number = text.strip_suffix('%').ok_or_else(fail)?.trim();
    let value = scaled(number, 10_000).ok_or_else(fail)?;
    u32::try_from(value).ok().filter(|ppm| *ppm <= 1_000_000).ok_or_else(|| format!("`{text}` is more than 100%"))
}

/// What something is multiplied by, in thousandths: `2.5`; from 0.001 to 1000.
pub fn factor(text: &str) -> Result<u64, String> {
    let permille = scaled(text.trim(), 1_000).filter(|permille| (1..=1_000_000).contains(permille));
    permille
        .ok_or_else(|| format!("`{text}` is no factor from 0.001 to 1000, such as 2.5, with three decimals at most"))
}

fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let number_end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(number_end);
    scaled(number, lookup(units, unit.trim())?)
}

fn lookup(units: &[(&str, u64)], unit: &str) -> Option<u64> {
    units.iter().find(|(name, _)| *name == unit).map(|(_, scale)| *scale)
}

/// A decimal number times `scale`, exactly; `None` when something would be cut off or is not a number.
fn scaled(number: &str, scale: u64) -> Option<u64> {
    let (whole, decimals) = decimal(number)?;
    let product = u128::from(whole) * u128::from(scale);
    let divisor = 10_u128.checked_pow(decimals)?;
    if product % divisor != 0 {
        return None;
    }
    u64::try_from(product / divisor).ok()
}

/// `12.50` as (1250, 2).
fn decimal(text: &str) -> Option<(u64, u32)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((digits.parse().ok()?, u32::try_from(fraction.len()).ok()?))
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_durations() {
        let cases = [
            ("0", 0),
            ("0s", 0),
            ("250ms", 250_000_000),
            ("1.5s", 1_500_000_000),
            ("1h2m", 3_720_000_000_000),
            ("1h2m3.5s", 3_723_500_000_000),
            ("50us", 50_000),
            ("50\u{b5}s", 50_000),
            ("50\u{3bc}s", 50_000),
            ("7ns", 7),
        ];
        for (text, ns) in cases {
            assert_eq!(duration(text).unwrap().as_nanos(), ns, "{text}");
        }
        for text in ["", "5", "s", "1.5ns", "-1s", "1 s", "1d", "1..5s", "99999999999h"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_a_duration_prints_reads_back() {
        for ns in [1, 999, 1_500, 1_000_000, 1_234_567_890, 60_000_000_000, 3_723_500_000_001] {
            let length = SimDuration::from_nanos(ns);
            assert_eq!(duration(&length.to_string()), Ok(length));
        }
    }

    #[test]
    fn rates_are_exact() {
        let second = SimDuration::from_secs(1);
        assert_eq!(rate("200/s"), Ok(Rate { events: 200, per: second }));
        assert_eq!(rate("30/m"), Ok(Rate { events: 30, per: SimDuration::from_secs(60) }));
        assert_eq!(rate("0.5/s"), Ok(Rate { events: 1, per: SimDuration::from_secs(2) }));
        assert_eq!(rate("3/100ms"), Ok(Rate { events: 3, per: SimDuration::from_millis(100) }));
        assert_eq!(rate_or_zero("0/s"), Ok(Rate { events: 0, per: second }));
        assert_eq!(rate_or_zero("0.0/s").unwrap().events, 0);
        for text in ["200", "0/s", "/s", "x/s", "5/parsec", "1/0s"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_bandwidths_and_shares() {
        assert_eq!(size("200"), Ok(200));
        assert_eq!(size("4KiB"), Ok(4_096));
        assert_eq!(size("1MB"), Ok(1_000_000));
        assert_eq!(size("1.5KiB"), Ok(1_536));
        assert!(size("4 parsecs").is_err());
        assert_eq!(bandwidth("10Gbps"), Ok(Bandwidth(10_000_000_000)));
        assert_eq!(bandwidth("2.5Gbps"), Ok(Bandwidth(2_500_000_000)));
        assert!(bandwidth("0bps").is_err());
        assert!(bandwidth("10").is_err());
        assert_eq!(parts_per_million("0.1%"), Ok(1_000));
        assert_eq!(parts_per_million("100%"), Ok(1_000_000));
        assert!(parts_per_million("101%").is_err());
        assert!(parts_per_million("0.1").is_err());
    }
}
