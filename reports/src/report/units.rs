//! Numbers for people.

/// A length of time: `0.0 s`, `850 us`, `2.31 ms`, `46.3 s`.
pub fn human_duration(ns: u64) -> String {
    match ns {
        0 => "0.0 s".to_owned(),
        1..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => decimal(ns, 1_000, "us"),
        1_000_000..1_000_000_000 => decimal(ns, 1_000_000, "ms"),
        _ => one_place(ns, 1_000_000_000, "s"),
    }
}

/// Seconds with one place, whatever the size, so that a column or a sum reads in one unit.
pub(crate) fn seconds(ns: u64) -> String {
    one_place(ns, 1_000_000_000, "s")
}

/// An instant in seconds with three places: `105.901 s`.
pub(crate) fn instant(ns: u64) -> String {
    let ms = (u128::from(ns) + 500_000) / 1_000_000;
    format!("{}.{:03} s", ms / 1_000, ms % 1_000)
}

/// A count with its thousands apart: `480 000`.
pub fn human_count(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) && digits.len() > 4 {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// A metric's value with its unit.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // `as` saturates, which is fine for display
pub fn human_value(value: f64, unit: &str) -> String {
    match unit {
        "ns" if value < 0.0 => format!("-{}", human_duration((-value + 0.5) as u64)),
        "ns" => human_duration((value + 0.5) as u64),
        "ratio" => format!("{value:.4}"),
        "bool" => if value > 0.0 { "yes" } else { "no" }.to_owned(),
        _ if value.fract().abs() < 1e-9 => format!("{value:.0}"),
        _ => format!("{value:.2}"),
    }
}

/// A share in percent: `96.1 %`; never rounded to 100 or 0 when it is not.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "-".to_owned();
    }
    let (part, whole) = (u128::from(part), u128::from(whole));
    for places in [1_u32, 3, 6, 12] {
        let scale = 10_u128.pow(places);
        let rounded = (part * 100 * scale * 2 + whole) / (whole * 2);
        let rounds_away = (rounded == 100 * scale && part != whole) || (rounded == 0 && part != 0);
        if !rounds_away || places == 12 {
            let width = places as usize;
            return format!("{}.{:0width$} %", rounded / scale, rounded % scale);
        }
    }
    "-".to_owned()
}

/// Three significant digits or so.
fn decimal(ns: u64, unit: u64, suffix: &str) -> String {
    if ns >= 100 * unit {
        return format!("{} {suffix}", (ns + unit / 2) / unit);
    }
    let hundredths = (ns * 100 + unit / 2) / unit;
    format!("{}.{:02} {suffix}", hundredths / 100, hundredths % 100)
}

fn one_place(ns: u64, unit: u64, suffix: &str) -> String {
    let tenths = (u128::from(ns) * 10 + u128::from(unit) / 2) / u128::from(unit);
    format!("{}.{} {suffix}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        let cases =
            [(0, "0.0 s"), (7, "7 ns"), (15_000, "15.00 us"), (2_312_345, "2.31 ms"), (46_349_000_000, "46.3 s")];
        for (ns, text) in cases {
            assert_eq!(human_duration(ns), text);
        }
        assert_eq!(human_duration(850_400), "850 us");
        assert_eq!(human_value(-2e9, "ns"), "-2.0 s");
        assert_eq!(instant(105_900_600_000), "105.901 s");
    }

    #[test]
    fn counts_and_shares() {
        assert_eq!(human_count(480_000), "480 000");
        assert_eq!(human_count(1_234), "1234");
        assert_eq!(percent(961, 1_000), "96.1 %");
        assert_eq!(percent(9_999, 10_000), "99.990 %");
        assert_eq!(percent(10, 10), "100.0 %");
        assert_eq!(percent(0, 0), "-");
    }
}
