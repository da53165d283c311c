//! Places of a list, drawn uniformly; knows nothing of what stands there.

use crate::kernel::draws::RandomBits;

/// A place in 0 .. `length`, which is not 0.
pub(in crate::balancing) fn place(bits: &mut dyn RandomBits, length: usize) -> usize {
    usize::try_from(bits.below(length as u64)).expect("a place in a list")
}

/// Two different places in 0 .. `length`, in random order; `length` is at least 2 (Floyd's algorithm, with two draws).
pub(in crate::balancing) fn two_places(bits: &mut dyn RandomBits, length: usize) -> [usize; 2] {
    let first = place(bits, length - 1);
    let second = place(bits, length);
    // The last place could not be drawn first: it stands in for a repetition.
    [if first == second { length - 1 } else { first }, second]
}

/// `N` at most different places in 0 .. `length`, every set of `count` (at most `N`) equally likely: the places, and how
/// many there are. Floyd's algorithm, with a draw for each; all places, and no draw, when there are no more than `count`.
pub(in crate::balancing) fn places<const N: usize>(
    bits: &mut dyn RandomBits,
    length: usize,
    count: usize,
) -> ([usize; N], usize) {
    let mut drawn = [0; N];
    if length <= count {
        for (index, place) in drawn.iter_mut().enumerate().take(length) {
            *place = index;
        }
        return (drawn, length);
    }
    for index in 0..count {
        let last = length - count + index;
        let candidate = place(bits, last + 1);
        drawn[index] = if drawn[..index].contains(&candidate) { last } else { candidate };
    }
    (drawn, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordered_pairs_and_sets_are_equally_likely() {
        // Every pair of draws once, as the upper bits of a 64-bit draw scaled by 3 and by 4.
        let upper = |number: u64, of: u64| (u64::MAX / of).wrapping_mul(number).wrapping_add(u64::MAX / of / 2);
        let mut pairs = [[0; 4]; 4];
        for (first, second) in (0..3).flat_map(|first| (0..4).map(move |second| (first, second))) {
            let mut draws = [upper(first, 3), upper(second, 4)].into_iter();
            let [one, other] = two_places(&mut || draws.next().unwrap(), 4);
            pairs[one][other] += 1;
        }
        for (one, row) in pairs.iter().enumerate() {
            for (other, count) in row.iter().enumerate() {
                assert_eq!(*count, i32::from(one != other), "{one}, {other}");
            }
        }
        // Two of three places: Floyd's draws below 2 and below 3 give each set twice.
        let mut sets = [0; 8];
        for (first, second) in (0..2).flat_map(|first| (0..3).map(move |second| (first, second))) {
            let mut draws = [upper(first, 2), upper(second, 3)].into_iter();
            let (drawn, count) = places::<2>(&mut || draws.next().unwrap(), 3, 2);
            assert_eq!(count, 2);
            sets[(1 << drawn[0]) | (1 << drawn[1])] += 1;
        }
        assert_eq!(sets, [0, 0, 0, 2, 0, 2, 2, 0]);
        assert_eq!(places::<4>(&mut || unreachable!("no draw"), 2, 3), ([0, 1, 0, 0], 2));
    }
}
