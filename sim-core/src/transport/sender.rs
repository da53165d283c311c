//! The sending end of a byte stream that is longer than its window: which packet is next, what duplicate and partial
//! acknowledgements mean, what a timeout resends. `NewReno` (RFC 6582, its impatient variant) with limited
//! transmit (RFC 3042), without SACK. A duplicate says that one packet has left the network; where the RFC widens the window by it,
//! it is taken off the packets in flight here, as Linux does, which lets the same packets go. Numbers packets from 0 over a
//! connection's life; knows no time, no bytes and no network.

use std::collections::VecDeque;

use super::congestion::Window;

/// Duplicate acknowledgements that mean a loss.
const DUPLICATES: u32 = 3;

/// A packet that leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Its number.
    pub packet: u64,
    /// How often it was sent before.
    pub transmission: u8,
}

/// What an acknowledgement meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Nothing new.
    Nothing,
    /// Packets have arrived; `restarts` when that gives the retransmission timer a new start.
    Progress {
        /// The timer starts anew.
        restarts: bool,
    },
    /// A packet is lost: fast retransmit.
    Loss,
}

/// The state of a sender.
#[derive(Clone, Debug)]
pub struct Sender {
    window: Window,
    /// The first packet that is not acknowledged.
    first: u64,
    /// The next one to send in order.
    next: u64,
    /// One past the last one sent so far.
    highest: u64,
    /// One past the last one there is.
    end: u64,
    /// Packets that have left the network, as duplicates say.
    left: u32,
    /// What `highest` was at the last loss.
    recover: u64,
    recovering: bool,
    /// The timer was given a new start in this recovery.
    restarted: bool,
    /// The lost packet that goes first, whatever the window says.
    resend: bool,
    /// How often each packet from `first` to `highest` was sent.
    transmissions: VecDeque<u8>,
}

impl Sender {
    /// A sender without anything to send.
    pub fn new(window: Window) -> Self {
        Self {
            window,
            first: 0,
            next: 0,
            highest: 0,
            end: 0,
            left: 0,
            recover: 0,
            recovering: false,
            restarted: false,
            resend: false,
            transmissions: VecDeque::new(),
        }
    }

    /// The window.
    pub fn window(&self) -> Window {
        self.window
    }

    /// The window, to change it before anything is sent.
    pub fn window_mut(&mut self) -> &mut Window {
        &mut self.window
    }

    /// So many more packets are to be sent; the number of the first of them.
    pub fn offer(&mut self, packets: u64) -> u64 {
        let begin = self.end;
        self.end += packets;
        begin
    }

    /// The first packet that is not acknowledged.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// Everything is acknowledged.
    pub fn is_idle(&self) -> bool {
        self.first == self.end
    }

    /// Packets in the network, as far as the sender knows: sent, not acknowledged, and not there as duplicates say.
    pub fn in_flight(&self) -> u32 {
        self.open().saturating_sub(self.left)
    }

    /// Packets sent since the last timeout and not acknowledged.
    fn open(&self) -> u32 {
        u32::try_from(self.next - self.first).unwrap_or(u32::MAX)
    }

    /// The next packet to send now; `None` when all are sent or the window is full.
    pub fn take_next(&mut self) -> Option<Outgoing> {
        if std::mem::take(&mut self.resend) {
            return Some(self.send(self.first));
        }
        if self.next >= self.end || self.in_flight() >= self.window.size() {
            return None;
        }
        self.next += 1;
        Some(self.send(self.next - 1))
    }

    /// Duplicates mean a new loss only once more than the last loss's packets have arrived (RFC 6582, section 3.2).
    fn is_past_recovery(&self) -> bool {
        self.recover == 0 || self.first > self.recover
    }

    fn send(&mut self, packet: u64) -> Outgoing {
        let place = usize::try_from(packet - self.first).expect("windows fit memory");
        if packet == self.highest {
            self.highest += 1;
            self.transmissions.push_back(0);
        }
        let count = &mut self.transmissions[place];
        let transmission = *count;
        *count = count.saturating_add(1);
        Outgoing { packet, transmission }
    }

    /// The other end has everything before packet `upto`.
    pub fn acknowledge(&mut self, upto: u64) -> Meaning {
        if upto > self.first {
            return Meaning::Progress { restarts: self.advance(upto.min(self.highest)) };
        }
        if upto < self.first || self.first == self.highest {
            return Meaning::Nothing;
        }
        if !self.recovering && !self.is_past_recovery() {
            return Meaning::Nothing;
        }
        self.left = (self.left + 1).min(self.open());
        if self.recovering || self.left != DUPLICATES {
            return Meaning::Nothing;
        }
        // What limited transmit has added does not count (RFC 5681, section 3.2).
        self.window.halve(self.open().min(self.window.size()));
        self.recovering = true;
        self.restarted = false;
        self.recover = self.highest;
        self.resend = true;
        Meaning::Loss
    }

    /// New data is acknowledged; true when the timer starts anew: in a recovery at the first time alone.
    fn advance(&mut self, upto: u64) -> bool {
        let before = self.in_flight();
        let packets = upto - self.first;
        self.transmissions.drain(..usize::try_from(packets).expect("windows fit memory"));
        self.first = upto;
        self.next = self.next.max(upto);
        let packets = u32::try_from(packets).unwrap_or(u32::MAX);
        if !self.recovering {
            self.left = 0;
            self.window.acknowledged(packets, before);
            return true;
        }
        if upto < self.recover {
            // The lost packet is among them; the others had left before.
            self.left = self.left.saturating_sub(packets - 1);
            self.resend = true;
            return !std::mem::replace(&mut self.restarted, true);
        }
        self.recovering = false;
        self.left = 0;
        true
    }

    /// The retransmission timer fires for the `first` or a further time without progress: all that is not acknowledged
    /// is to be sent again, from a window of one packet on; acknowledgements skip what has arrived.
    pub fn time_out(&mut self, first: bool) {
        let sent = u32::try_from(self.highest - self.first).unwrap_or(u32::MAX);
        self.window.time_out(sent.saturating_sub(self.left).min(self.window.size()), first);
        self.recovering = false;
        self.resend = false;
        self.left = 0;
        self.recover = self.highest;
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The packets that may leave now.
    fn leave(sender: &mut Sender) -> Vec<u64> {
        std::iter::from_fn(|| sender.take_next()).map(|outgoing| outgoing.packet).collect()
    }

    fn sender(packets: u64) -> Sender {
        let mut sender = Sender::new(Window::new(10));
        sender.offer(packets);
        sender
    }

    #[test]
    fn slow_start_sends_two_packets_for_each_that_arrives() {
        let mut sender = sender(100);
        assert_eq!(leave(&mut sender), (0..10).collect::<Vec<_>>());
        for arrived in 0..10 {
            assert_eq!(sender.acknowledge(arrived + 1), Meaning::Progress { restarts: true });
            assert_eq!(leave(&mut sender), [10 + 2 * arrived, 11 + 2 * arrived]);
        }
        assert_eq!(sender.window().size(), 20);
    }

    #[test]
    fn three_duplicates_resend_the_lost_packet_and_a_full_acknowledgement_ends_the_recovery() {
        let mut sender = sender(100);
        leave(&mut sender);
        // Packet 0 is lost; 1 to 9 arrive. Two duplicates let a packet go each.
        assert_eq!((sender.acknowledge(0), leave(&mut sender)), (Meaning::Nothing, vec![10]));
        assert_eq!((sender.acknowledge(0), leave(&mut sender)), (Meaning::Nothing, vec![11]));
        assert_eq!((sender.acknowledge(0), leave(&mut sender)), (Meaning::Loss, vec![0]));
        assert_eq!((sender.window().size(), sender.window().threshold()), (5, 5));
        // Of twelve packets three have left, and five may stay on their way: the fifth duplicate from now lets one go.
        let sent: Vec<_> = (0..6).map(|_| (sender.acknowledge(0), leave(&mut sender)).1).collect();
        assert_eq!(sent, [vec![], vec![], vec![], vec![], vec![12], vec![13]]);
        assert_eq!(sender.acknowledge(12), Meaning::Progress { restarts: true });
        assert_eq!(sender.window().size(), 5);
        assert_eq!(leave(&mut sender), [14, 15, 16]);
    }

    #[test]
    fn a_partial_acknowledgement_resends_the_next_hole() {
        let mut sender = sender(10);
        leave(&mut sender);
        // Packets 2 and 5 are lost.
        sender.acknowledge(2);
        let meanings = [(); 3].map(|()| sender.acknowledge(2));
        assert_eq!(meanings, [Meaning::Nothing, Meaning::Nothing, Meaning::Loss]);
        assert_eq!(leave(&mut sender), [2]);
        assert_eq!(sender.acknowledge(5), Meaning::Progress { restarts: true });
        assert_eq!(sender.take_next(), Some(Outgoing { packet: 5, transmission: 1 }));
        assert_eq!(sender.acknowledge(10), Meaning::Progress { restarts: true });
        assert!(sender.is_idle());
    }

    #[test]
    fn after_a_timeout_acknowledgements_skip_what_has_arrived() {
        let mut sender = sender(10);
        leave(&mut sender);
        // Packets 0 and 8 are lost, and so are the acknowledgements.
        sender.time_out(true);
        assert_eq!((sender.window().size(), sender.window().threshold()), (1, 5));
        assert_eq!(leave(&mut sender), [0]);
        sender.acknowledge(8);
        assert_eq!(leave(&mut sender), [8, 9]);
        sender.acknowledge(10);
        assert!(sender.is_idle());
    }

    #[test]
    fn duplicates_of_what_was_sent_twice_mean_no_loss() {
        let mut sender = sender(40);
        leave(&mut sender);
        sender.time_out(true);
        leave(&mut sender);
        assert!((0..5).all(|_| sender.acknowledge(0) == Meaning::Nothing));
        assert_eq!(sender.acknowledge(10), Meaning::Progress { restarts: true });
    }
}
