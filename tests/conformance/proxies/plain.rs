//! The rules, as plain as they can be said. Each takes the usable backends in the list's order and gives the numbers of those
//! that may be picked: one, or two where rounding decides, or none.

use super::Peer;

pub(crate) type Bits<'a> = &'a mut dyn FnMut() -> u64;

pub(crate) trait Plain {
    fn changed(&mut self, _list: &[Peer]) {}
    fn answered(&mut self, _id: usize, _latency: u64, _now: u64) {}
    fn pick(&mut self, list: &[Peer], now: u64, bits: Bits) -> Vec<usize>;
}

/// Below a bound; that a draw must be thrown away is too rare to be met.
fn below(bits: Bits, bound: usize) -> usize {
    usize::try_from((u128::from(bits()) * bound as u128) >> 64).unwrap()
}

/// Two different places.
fn two(bits: Bits, count: usize) -> (usize, usize) {
    let (first, second) = (below(bits, count - 1), below(bits, count));
    (if first == second { count - 1 } else { first }, second)
}

/// `ngx_http_upstream_get_peer`.
#[derive(Default)]
pub(crate) struct SmoothWrr {
    /// Number and current weight.
    current: Vec<(usize, i64)>,
}

impl Plain for SmoothWrr {
    fn changed(&mut self, list: &[Peer]) {
        self.current = list.iter().map(|peer| (peer.id, 0)).collect();
    }

    fn pick(&mut self, list: &[Peer], _now: u64, _bits: Bits) -> Vec<usize> {
        let mut total = 0;
        let mut best: Option<usize> = None;
        for (index, peer) in list.iter().enumerate() {
            self.current[index].1 += i64::from(peer.weight);
            total += i64::from(peer.weight);
            if best.is_none_or(|best| self.current[index].1 > self.current[best].1) {
                best = Some(index);
            }
        }
        let Some(best) = best else { return Vec::new() };
        self.current[best].1 -= total;
        vec![self.current[best].0]
    }
}

/// `LeastRequestLoadBalancer` and `EdfScheduler`.
pub(crate) struct LeastRequest {
    choices: u64,
    bias: f64,
    seed: Option<u64>,
    /// Deadline, order of addition, number; made anew at the next pick when there are none.
    entries: Vec<(f64, u64, usize)>,
    now: f64,
    additions: u64,
}

impl LeastRequest {
    pub(crate) fn new(choices: u64, bias: u64) -> Self {
        Self { choices, bias: bias as f64 / 1_000.0, seed: None, entries: Vec::new(), now: 0.0, additions: 0 }
    }

    fn weight(&self, peer: &Peer) -> f64 {
        f64::from(peer.weight) / f64::from(peer.in_flight + 1).powf(self.bias)
    }

    fn begin(&mut self, list: &[Peer], picks: u64) {
        let weights: Vec<f64> = list.iter().map(|peer| self.weight(peer) + 1e-13).collect();
        let sum: f64 = weights.iter().sum();
        let picks = picks as f64;
        let (mut latest, mut made) = (0.0_f64, 0.0);
        for (peer, weight) in list.iter().zip(weights) {
            let mut floor = (weight * picks / sum).floor();
            if floor > 0.0 && floor / weight >= picks / sum {
                floor -= 1.0;
            }
            self.entries.push(((floor + 1.0) / weight, self.entries.len() as u64, peer.id));
            latest = latest.max(floor / weight);
            made += floor;
        }
        (self.now, self.additions) = (latest, list.len() as u64);
        while made < picks {
            self.earliest(list);
            made += 1.0;
        }
    }

    fn earliest(&mut self, list: &[Peer]) -> usize {
        let mut first = 0;
        for (index, entry) in self.entries.iter().enumerate() {
            let best = self.entries[first];
            if entry.0.total_cmp(&best.0).then(entry.1.cmp(&best.1)).is_lt() {
                first = index;
            }
        }
        let (deadline, _, id) = self.entries.remove(first);
        assert!(deadline >= self.now, "time goes on");
        self.now = deadline;
        let peer = list.iter().find(|peer| peer.id == id).unwrap();
        self.entries.push((self.now + 1.0 / self.weight(peer), self.additions, id));
        self.additions += 1;
        id
    }
}

impl Plain for LeastRequest {
    fn changed(&mut self, _list: &[Peer]) {
        self.entries.clear();
    }

    fn pick(&mut self, list: &[Peer], _now: u64, bits: Bits) -> Vec<usize> {
        let Some(first) = list.first() else { return Vec::new() };
        if list.len() == 1 {
            return vec![first.id];
        }
        if list.iter().any(|peer| peer.weight != first.weight) {
            if self.entries.is_empty() {
                let seed = *self.seed.get_or_insert_with(|| bits() % (u64::from(u32::MAX) / 10));
                self.begin(list, seed);
            }
            return vec![self.earliest(list)];
        }
        let drawn: Vec<Peer> = (0..self.choices).map(|_| list[below(bits, list.len())]).collect();
        vec![drawn.iter().min_by_key(|peer| peer.in_flight).unwrap().id]
    }
}

/// `p2c_ready_index` over requests in flight.
pub(crate) struct P2c;

impl Plain for P2c {
    fn pick(&mut self, list: &[Peer], _now: u64, bits: Bits) -> Vec<usize> {
        if list.len() < 2 {
            return list.iter().map(|peer| peer.id).collect();
        }
        let (one, other) = two(bits, list.len());
        let (one, other) = (list[one], list[other]);
        vec![if one.in_flight <= other.in_flight { one.id } else { other.id }]
    }
}

/// `RttEstimate`, in milliseconds, and the platform's exponential.
pub(crate) struct PeakEwma {
    decay: f64,
    /// Number, estimate, when it was set.
    known: Vec<(usize, f64, u64)>,
}

impl PeakEwma {
    pub(crate) fn new(decay: u64) -> Self {
        Self { decay: decay as f64, known: Vec::new() }
    }

    fn estimate(&mut self, id: usize, latency: f64, now: u64) -> f64 {
        if !self.known.iter().any(|known| known.0 == id) {
            self.known.push((id, 30.0, now));
        }
        let (_, estimate, since) = self.known.iter_mut().find(|known| known.0 == id).unwrap();
        let kept = (-((now - *since) as f64) / self.decay).exp();
        *estimate = if *estimate < latency { latency } else { *estimate * kept + latency * (1.0 - kept) };
        *since = now;
        *estimate
    }
}

impl Plain for PeakEwma {
    fn answered(&mut self, id: usize, latency: u64, now: u64) {
        self.estimate(id, latency as f64, now);
    }

    fn pick(&mut self, list: &[Peer], now: u64, bits: Bits) -> Vec<usize> {
        if list.len() < 2 {
            return list.iter().map(|peer| peer.id).collect();
        }
        let (one, other) = two(bits, list.len());
        let mut cost = |peer: Peer| self.estimate(peer.id, 0.0, now) * f64::from(peer.in_flight + 1);
        let (one, other, costs) = (list[one].id, list[other].id, [cost(list[one]), cost(list[other])]);
        // Another exponential and another unit round otherwise, most of all next to nothing.
        if (costs[0] - costs[1]).abs() <= 1e-9 * costs[0] + 1e-250 {
            return vec![one, other];
        }
        vec![if costs[0] < costs[1] { one } else { other }]
    }
}

#[derive(Clone, Copy)]
struct Probed {
    id: usize,
    rif: u32,
    latency: u64,
    at: u64,
    uses: u64,
}

/// Section 4 of the paper.
pub(crate) struct Prequal {
    size: u64,
    removals: u64,
    /// The oldest first.
    pool: Vec<Probed>,
    /// All there ever were.
    rifs: Vec<u32>,
    answers: Vec<(usize, u64)>,
    removed: u64,
}

impl Prequal {
    pub(crate) fn new(size: u64, removals: u64) -> Self {
        Self { size, removals, pool: Vec::new(), rifs: Vec::new(), answers: Vec::new(), removed: 0 }
    }

    /// The highest RIF that is cold; `None` when nothing is.
    fn limit(&self) -> Option<u32> {
        let mut last: Vec<u32> = self.rifs.iter().rev().take(64).copied().collect();
        last.sort_unstable();
        (1..=last.len()).find(|rank| rank * 100 >= last.len() * 84).map(|rank| last[rank - 1])
    }

    fn latency(&self, id: usize) -> u64 {
        let of_it = self.answers.iter().rev().filter(|(answered, _)| *answered == id);
        let mut last: Vec<u64> = of_it.take(5).map(|(_, latency)| *latency).collect();
        last.sort_unstable();
        if last.is_empty() { 0 } else { last[(last.len() - 1) / 2] }
    }

    fn uses(&self, backends: usize, bits: Bits) -> u64 {
        let (n, m) = (i64::try_from(backends).unwrap(), i64::try_from(self.size).unwrap());
        let divisor = 3 * (n - m).max(0) - n * i64::try_from(self.removals).unwrap();
        if divisor <= 0 {
            return u64::MAX;
        }
        let (whole, rest) = (2 * n / divisor, 2 * n % divisor);
        if whole == 0 {
            return 1;
        }
        let more = rest > 0 && i64::try_from(below(bits, usize::try_from(divisor).unwrap())).unwrap() < rest;
        u64::try_from(whole + i64::from(more)).unwrap()
    }

    fn choose(&mut self, list: &[Peer], bits: Bits) -> usize {
        if self.pool.len() < 2 {
            return list[below(bits, list.len())].id;
        }
        let limit = self.limit();
        let is_cold = |probe: &Probed| limit.is_some_and(|limit| probe.rif <= limit);
        let mut chosen = 0;
        for (index, probe) in self.pool.iter().enumerate() {
            let best = self.pool[chosen];
            let better = match (is_cold(probe), is_cold(&best)) {
                (true, true) => probe.latency < best.latency,
                (false, false) => probe.rif < best.rif,
                (cold, _) => cold,
            };
            if better {
                chosen = index;
            }
        }
        let id = self.pool[chosen].id;
        self.pool[chosen].uses -= 1;
        if self.pool[chosen].uses == 0 {
            self.pool.remove(chosen);
        }
        id
    }

    fn remove_one(&mut self) {
        if self.pool.is_empty() {
            return;
        }
        let mut gone = 0;
        if self.removed.is_multiple_of(2) {
            let limit = self.limit();
            let is_cold = |probe: &Probed| limit.is_some_and(|limit| probe.rif <= limit);
            for (index, probe) in self.pool.iter().enumerate() {
                let worst = self.pool[gone];
                let worse = match (is_cold(probe), is_cold(&worst)) {
                    (true, true) => probe.latency > worst.latency,
                    (false, false) => probe.rif > worst.rif,
                    (cold, _) => !cold,
                };
                if worse {
                    gone = index;
                }
            }
        }
        self.pool.remove(gone);
        self.removed += 1;
    }

    /// Floyd's sampling of three places.
    fn sampled(count: usize, bits: Bits) -> Vec<usize> {
        if count <= 3 {
            return (0..count).collect();
        }
        let mut places: Vec<usize> = Vec::new();
        for last in count - 3..count {
            let drawn = below(bits, last + 1);
            places.push(if places.contains(&drawn) { last } else { drawn });
        }
        places
    }
}

impl Plain for Prequal {
    fn changed(&mut self, list: &[Peer]) {
        self.pool.retain(|probe| list.iter().any(|peer| peer.id == probe.id));
    }

    fn answered(&mut self, id: usize, latency: u64, _now: u64) {
        self.answers.push((id, latency));
    }

    fn pick(&mut self, list: &[Peer], now: u64, bits: Bits) -> Vec<usize> {
        if list.is_empty() {
            return Vec::new();
        }
        self.pool.retain(|probe| now - probe.at <= 1_000);
        let picked = self.choose(list, bits);
        for probe in &mut self.pool {
            probe.rif += u32::from(probe.id == picked);
        }
        for _ in 0..self.removals {
            self.remove_one();
        }
        for place in Self::sampled(list.len(), bits) {
            let peer = list[place];
            let rif = peer.in_flight + u32::from(peer.id == picked);
            self.rifs.push(rif);
            if self.pool.len() as u64 == self.size {
                self.pool.remove(0);
            }
            let uses = self.uses(list.len(), bits);
            self.pool.push(Probed { id: peer.id, rif, latency: self.latency(peer.id), at: now, uses });
        }
        vec![picked]
    }
}
