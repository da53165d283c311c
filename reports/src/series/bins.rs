//! A series over a run in a bounded number of steps: steps are short at first, and whenever there would be too many, two
//! and two become one. So the length of a run need not be known, and memory does not grow with it.

/// The shortest step, ns: a sixteenth of a second, so that steps are whole seconds in longer runs.
const SHORTEST: u64 = 62_500_000;

/// What can stand in a step.
pub(crate) trait Mergeable: Copy + Default {
    /// Takes in the step after this one.
    fn merge(&mut self, next: Self);
}

/// A count: steps add up.
impl Mergeable for u32 {
    fn merge(&mut self, next: Self) {
        *self = self.saturating_add(next);
    }
}

/// The largest value of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Peak(pub(crate) u32);

impl Mergeable for Peak {
    fn merge(&mut self, next: Self) {
        self.0 = self.0.max(next.0);
    }
}

/// How wide the steps of several series are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Steps {
    /// Width of one, ns.
    pub(crate) width: u64,
    most: usize,
}

impl Steps {
    /// At most `most` steps, an even number.
    pub(crate) fn at_most(most: usize) -> Self {
        Self { width: SHORTEST, most }
    }

    /// The step that `time` lies in, and how often two and two steps must become one before it is there.
    pub(crate) fn place(&mut self, time: u64) -> (usize, u32) {
        let mut halvings = 0;
        loop {
            match usize::try_from(time / self.width) {
                Ok(place) if place < self.most => return (place, halvings),
                _ => {
                    self.width = self.width.saturating_mul(2);
                    halvings += 1;
                }
            }
        }
    }
}

/// Makes one step of two, `times` times.
pub(crate) fn halve<T: Mergeable>(steps: &mut Vec<T>, times: u32) {
    for _ in 0..times {
        let halved = steps.chunks(2).map(|pair| {
            let mut merged = pair[0];
            pair[1..].iter().for_each(|next| merged.merge(*next));
            merged
        });
        *steps = halved.collect();
    }
}

/// The step at `place`, made when absent.
pub(crate) fn step_mut<T: Mergeable>(steps: &mut Vec<T>, place: usize) -> &mut T {
    if steps.len() <= place {
        steps.resize(place + 1, T::default());
    }
    &mut steps[place]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_become_wider_and_nothing_is_lost() {
        let mut steps = Steps::at_most(4);
        let (mut counts, mut peaks) = (Vec::<u32>::new(), Vec::<Peak>::new());
        for eighth in 0..9_u32 {
            let (place, halvings) = steps.place(u64::from(eighth) * 2 * SHORTEST);
            halve(&mut counts, halvings);
            halve(&mut peaks, halvings);
            step_mut(&mut counts, place).merge(1);
            step_mut(&mut peaks, place).merge(Peak(eighth));
        }
        assert_eq!((steps.width, counts), (8 * SHORTEST, vec![4, 4, 1]));
        assert_eq!(peaks, [Peak(3), Peak(7), Peak(8)]);
    }

    #[test]
    fn any_instant_has_a_step() {
        let mut steps = Steps::at_most(2);
        let (place, halvings) = steps.place(u64::MAX);
        assert!(place < 2 && halvings < 64);
    }
}
