//! Weights by place, whose sums find the place that a number falls to, in O(log n). Knows places and weights only.

/// Partial sums in one array (Fenwick, "A new data structure for cumulative frequency tables", 1994).
#[derive(Clone, Debug)]
pub struct Sums {
    /// Entry i: the sum of the weights of the places from i - (lowest bit of i), exclusively, to i; counted from 1.
    partial: Vec<u64>,
    weights: Vec<u32>,
    total: u64,
}

impl Sums {
    /// For so many places, which weigh nothing yet.
    pub fn new(places: usize) -> Self {
        Self { partial: vec![0; places + 1], weights: vec![0; places], total: 0 }
    }

    /// Gives a place a weight.
    pub fn set(&mut self, place: usize, weight: u32) {
        let old = u64::from(std::mem::replace(&mut self.weights[place], weight));
        let new = u64::from(weight);
        if new == old {
            return;
        }
        self.total = self.total + new - old;
        let mut entry = place + 1;
        while entry < self.partial.len() {
            self.partial[entry] = self.partial[entry] + new - old;
            entry += entry & entry.wrapping_neg();
        }
    }

    /// The sum of all weights.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The place where the sum of the weights from the highest place down reaches `sum`, which is from 1 to the total.
    pub fn reaching(&self, sum: u64) -> usize {
        // As seen from below: the last place up to which the rest of the total is not exceeded.
        let mut left = self.total - sum;
        let (mut place, mut step) = (0, self.partial.len().next_power_of_two());
        while step > 0 {
            if let Some(partial) = self.partial.get(place + step).filter(|partial| **partial <= left) {
                place += step;
                left -= partial;
            }
            step /= 2;
        }
        place
    }

    /// Bytes of the sums.
    pub fn bytes(&self) -> usize {
        self.partial.len() * size_of::<u64>() + self.weights.len() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Mixer;
    use super::*;

    #[test]
    fn every_sum_is_reached_where_a_walk_from_the_highest_place_reaches_it() {
        let mut mixer = Mixer(3);
        for places in [1_usize, 5, 8, 33] {
            let mut sums = Sums::new(places);
            let mut weights = vec![0_u32; places];
            for _ in 0..300 {
                let place = mixer.below(places);
                weights[place] = u32::try_from(mixer.below(4)).unwrap();
                sums.set(place, weights[place]);
                let total: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
                assert_eq!(sums.total(), total);
                for sum in 1..=total {
                    let mut walked = 0;
                    let reaches = |place: &usize| {
                        walked += u64::from(weights[*place]);
                        walked >= sum
                    };
                    assert_eq!(Some(sums.reaching(sum)), (0..places).rev().find(reaches));
                }
            }
        }
    }
}
