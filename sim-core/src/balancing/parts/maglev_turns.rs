//! Whose turn it is to take a slot of a Maglev table, in the ways of those who have one. Knows weights only; each function
//! gives an endless sequence of numbers of backends, of which there is at least one, none without weight.

/// Each in turn.
pub fn equal(backends: usize) -> impl FnMut() -> usize {
    let mut next = 0;
    move || {
        let turn = next;
        next += 1;
        if next == backends {
            next = 0;
        }
        turn
    }
}

/// Envoy's: rounds over all, in which a backend is passed over until its share of the rounds has reached its target. The
/// arithmetic is Envoy's too (doubles, shares of the sum), since rounding decides ties.
pub fn envoy(weights: &[u32]) -> impl FnMut() -> usize {
    #[allow(clippy::cast_precision_loss, reason = "below 2^53: fewer than 2^32 weights of at most 2^16 in practice")]
    let sum = weights.iter().map(|weight| u64::from(*weight)).sum::<u64>() as f64;
    let shares: Vec<f64> = weights.iter().map(|weight| f64::from(*weight) / sum).collect();
    let greatest = shares.iter().copied().fold(0.0, f64::max);
    let mut targets = vec![0.0; shares.len()];
    let mut round = 1_u32;
    let mut next = 0;
    move || {
        loop {
            if next == shares.len() {
                next = 0;
                round += 1;
            }
            let backend = next;
            next += 1;
            if f64::from(round) * shares[backend] >= targets[backend] {
                targets[backend] += greatest;
                return backend;
            }
        }
    }
}

/// Cilium's: turn n is that of the n-th backend (from the first again after the last) or of the next one after it whose
/// weight times n has reached its target. Means below 2 count as no weights at all.
pub fn cilium(weights: Vec<u32>) -> impl FnMut() -> usize {
    let backends = weights.len();
    let sum: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
    let weighted = sum / backends as u64 > 1;
    #[allow(clippy::cast_precision_loss, reason = "fewer than 2^53 backends")]
    let mut targets: Vec<f64> = weights.iter().map(|weight| f64::from(*weight) / backends as f64).collect();
    let mut turn = 0_u64;
    let mut first = equal(backends);
    move || {
        let mut backend = first();
        turn += 1;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "Cilium cuts the fraction off")]
        while weighted && turn * u64::from(weights[backend]) < targets[backend] as u64 {
            backend = (backend + 1) % backends;
        }
        #[allow(clippy::cast_precision_loss, reason = "sums of weights stay below 2^53")]
        let raised = sum as f64;
        targets[backend] += raised;
        backend
    }
}

/// Katran's first: as many turns at once as a backend weighs in the first round, one in each later round.
pub fn katran(weights: Vec<u32>) -> impl FnMut() -> usize {
    let mut first_round = true;
    let mut backend = 0;
    let mut taken = 0;
    move || {
        let due = if first_round { weights[backend] } else { 1 };
        if taken == due {
            taken = 0;
            backend += 1;
            if backend == weights.len() {
                backend = 0;
                first_round = false;
            }
        }
        taken += 1;
        backend
    }
}

/// Katran's second: rounds over all, in which weights add up; a backend whose sum has reached the greatest weight has a turn
/// and pays that much.
pub fn katran_v2(weights: Vec<u32>) -> impl FnMut() -> usize {
    let greatest = weights.iter().copied().max().unwrap_or(0);
    let mut sums = vec![0; weights.len()];
    let mut next = equal(weights.len());
    move || {
        loop {
            let backend = next();
            sums[backend] += weights[backend];
            if sums[backend] >= greatest {
                sums[backend] -= greatest;
                return backend;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(count: usize, mut turn: impl FnMut() -> usize) -> Vec<usize> {
        (0..count).map(|_| turn()).collect()
    }

    #[test]
    fn every_way_gives_each_a_turn_when_weights_are_one() {
        let wanted = [0, 1, 2, 0, 1, 2, 0];
        assert_eq!(first(7, equal(3)), wanted);
        assert_eq!(first(7, envoy(&[1; 3])), wanted);
        assert_eq!(first(7, cilium(vec![1; 3])), wanted);
        assert_eq!(first(7, katran(vec![1; 3])), wanted);
        assert_eq!(first(7, katran_v2(vec![1; 3])), wanted);
    }

    #[test]
    fn weights_count_in_the_ways_of_each() {
        assert_eq!(first(8, envoy(&[1, 3])), [0, 1, 1, 0, 1, 1, 1, 0], "in rounds 1, 3, 6 and so on");
        assert_eq!(first(8, katran(vec![1, 3])), [0, 1, 1, 1, 0, 1, 0, 1], "in the first round alone");
        assert_eq!(first(8, katran_v2(vec![1, 3])), [1, 1, 0, 1, 1, 1, 0, 1], "when three have come together");
        assert_eq!(first(6, cilium(vec![1, 2])), [0, 1, 0, 1, 0, 1], "a mean of 1.5 counts as 1");
        assert_eq!(first(8, cilium(vec![1, 3])).iter().filter(|turn| **turn == 1).count(), 6);
    }
}
