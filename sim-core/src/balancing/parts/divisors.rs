//! The greatest common divisor and the maximum of numbers that change one at a time, in O(log n). Knows numbers by slot.

/// A binary tree in one array: vertex i has the children 2i and 2i + 1, and the leaves are its second half.
#[derive(Clone, Debug)]
pub struct Divisors {
    /// Greatest common divisor (0: of none) and maximum.
    vertices: Vec<(u32, u32)>,
}

impl Default for Divisors {
    fn default() -> Self {
        Self { vertices: vec![(0, 0); 2] }
    }
}

fn common(one: u32, other: u32) -> u32 {
    let (mut divisor, mut rest) = (one, other);
    while rest > 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    divisor
}

impl Divisors {
    /// Gives a slot a number; 0 takes it out.
    pub fn set(&mut self, slot: usize, number: u32) {
        let leaves = self.vertices.len() / 2;
        if slot >= leaves {
            self.grow((slot + 1).next_power_of_two());
        }
        let mut vertex = self.vertices.len() / 2 + slot;
        self.vertices[vertex] = (number, number);
        while vertex > 1 {
            vertex /= 2;
            let of_both = self.of_children(vertex);
            if self.vertices[vertex] == of_both {
                return;
            }
            self.vertices[vertex] = of_both;
        }
    }

    fn grow(&mut self, leaves: usize) {
        let old = self.vertices.split_off(self.vertices.len() / 2);
        self.vertices = vec![(0, 0); 2 * leaves];
        self.vertices[leaves..leaves + old.len()].copy_from_slice(&old);
        for vertex in (1..leaves).rev() {
            self.vertices[vertex] = self.of_children(vertex);
        }
    }

    fn of_children(&self, vertex: usize) -> (u32, u32) {
        let (left, right) = (self.vertices[2 * vertex], self.vertices[2 * vertex + 1]);
        (common(left.0, right.0), left.1.max(right.1))
    }

    /// The greatest common divisor of all numbers; 0 when there are none.
    pub fn greatest_common(&self) -> u32 {
        self.vertices[1].0
    }

    /// The greatest number; 0 when there are none.
    pub fn maximum(&self) -> u32 {
        self.vertices[1].1
    }

    /// Bytes of the tree.
    pub fn bytes(&self) -> usize {
        self.vertices.len() * size_of::<(u32, u32)>()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Mixer;
    use super::*;

    #[test]
    fn answers_are_those_of_a_scan() {
        let mut mixer = Mixer(1);
        let mut tree = Divisors::default();
        let mut numbers = [0; 40];
        assert_eq!((tree.greatest_common(), tree.maximum()), (0, 0));
        for step in 0..4_000 {
            let slot = mixer.below(1 + step / 100);
            let number = [0, 6, 12, 30, 42][mixer.below(5)];
            tree.set(slot, number);
            numbers[slot] = number;
            let divides = |divisor: &u32| numbers.iter().all(|number| number % divisor == 0);
            let divisor = (1..=42).rev().find(divides).filter(|_| numbers.iter().any(|number| *number > 0));
            assert_eq!(tree.greatest_common(), divisor.unwrap_or(0));
            assert_eq!(tree.maximum(), *numbers.iter().max().unwrap());
        }
    }
}
