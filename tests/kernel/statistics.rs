//! How far apart counts may be. The kernel's draws cannot be repeated, so bounds are those of one error in a million.

/// The value that a chi-square variable exceeds once in a million, by degrees of freedom from 1.
const ONE_IN_A_MILLION: [f64; 4] = [23.93, 27.63, 30.66, 33.38];

/// Pearson's statistic of counts against equal shares, and the bound it must keep.
pub(crate) fn even(counts: &[usize]) -> (f64, f64) {
    let expected = counts.iter().sum::<usize>() as f64 / counts.len() as f64;
    let sum = counts.iter().map(|count| (*count as f64 - expected).powi(2) / expected).sum();
    (sum, ONE_IN_A_MILLION[counts.len() - 2])
}

/// The statistic of two samples having one distribution, and its bound.
pub(crate) fn alike(one: &[usize], other: &[usize]) -> (f64, f64) {
    let (all, rest) = (one.iter().sum::<usize>() as f64, other.iter().sum::<usize>() as f64);
    let mut sum = 0.0;
    for (a, b) in one.iter().zip(other) {
        let (a, b) = (*a as f64, *b as f64);
        sum += (a * (rest / all).sqrt() - b * (all / rest).sqrt()).powi(2) / (a + b);
    }
    (sum, ONE_IN_A_MILLION[one.len() - 2])
}

/// True when so many of `n` are within five deviations of `share`.
pub(crate) fn share_holds(count: usize, n: usize, share: f64) -> bool {
    let n = n as f64;
    (count as f64 - n * share).abs() <= 5.0 * (n * share * (1.0 - share)).sqrt()
}
