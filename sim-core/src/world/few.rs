//! A list of numbers of which there are very many, most with one number or none.

/// Numbers in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(super) enum Few {
    #[default]
    None,
    One(u32),
    /// Several, or what is left of them.
    #[allow(clippy::box_collection, reason = "all others are smaller so")]
    Many(Box<Vec<u32>>),
}

impl Few {
    /// All numbers.
    pub(super) fn as_slice(&self) -> &[u32] {
        match self {
            Self::None => &[],
            Self::One(number) => std::slice::from_ref(number),
            Self::Many(numbers) => numbers,
        }
    }

    /// Adds a number at the end.
    pub(super) fn push(&mut self, number: u32) {
        match self {
            Self::None => *self = Self::One(number),
            Self::One(first) => *self = Self::Many(Box::new(vec![*first, number])),
            Self::Many(numbers) => numbers.push(number),
        }
    }

    /// Takes a number out, the one that came last of equal ones.
    pub(super) fn remove(&mut self, number: u32) {
        match self {
            Self::One(only) if *only == number => *self = Self::None,
            Self::None | Self::One(_) => {}
            Self::Many(numbers) => {
                if let Some(place) = numbers.iter().rposition(|other| *other == number) {
                    numbers.remove(place);
                }
            }
        }
    }

    /// Heap memory in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Self::None | Self::One(_) => 0,
            Self::Many(numbers) => size_of::<Vec<u32>>() + numbers.capacity() * size_of::<u32>(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_and_go_in_order() {
        let mut few = Few::default();
        let mut all = Vec::new();
        for (number, comes) in
            [(4, true), (4, false), (1, true), (2, false), (2, true), (3, true), (2, false), (1, false)]
        {
            if comes {
                few.push(number);
                all.push(number);
            } else {
                few.remove(number);
                all.retain(|other| *other != number);
            }
            assert_eq!(few.as_slice(), all);
        }
        assert_eq!(size_of::<Few>(), 16);
    }
}
