//! The receiving end of a byte stream in packets: what is there in order, and what has come ahead of a hole.
//! Acknowledges each packet at once. Knows no sender and no time.

use std::collections::BTreeSet;

/// What has arrived.
#[derive(Clone, Debug, Default)]
pub struct Receiver {
    next: u64,
    ahead: BTreeSet<u64>,
}

impl Receiver {
    /// Takes a packet; the acknowledgement that it calls for: everything before this number is there.
    pub fn receive(&mut self, packet: u64) -> u64 {
        if packet > self.next {
            self.ahead.insert(packet);
        } else if packet == self.next {
            self.next += 1;
            while self.ahead.remove(&self.next) {
                self.next += 1;
            }
        }
        self.next
    }

    /// Everything before this number is there.
    pub fn next(&self) -> u64 {
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_holds_back_what_comes_after_it() {
        let mut receiver = Receiver::default();
        assert_eq!([0, 2, 3, 2, 1, 0].map(|packet| receiver.receive(packet)), [1, 1, 1, 1, 4, 4]);
    }
}
