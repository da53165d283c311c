//! Contenders doing the same work by turns, and the table of their times. Knows nothing of the work. Time is that of the
//! thread on its core, so what else runs on the machine counts only by what it leaves in the caches.

use std::hint::black_box;
use std::time::Duration;

use cpu_time::ThreadTime;

/// How often each contender's time is taken when nothing else is asked for; the median counts.
pub const ROUNDS: usize = 15;

/// A measurement goes on for so long at least, so that it soon has its memory in the caches again.
const LEAST: Duration = Duration::from_millis(10);

/// The table's head.
pub const HEADER: &str =
    "race                                            ours ns  peer                          peer ns  ratio  wanted    ";

/// One way to do the work: a call does all of it once, and returns something that depends on all of it.
pub struct Contender {
    name: String,
    work: Box<dyn FnMut() -> u64>,
}

impl Contender {
    pub fn new(name: impl Into<String>, work: impl FnMut() -> u64 + 'static) -> Self {
        Self { name: name.into(), work: Box::new(work) }
    }

    /// Nanoseconds per operation, over as many calls as it takes.
    fn time(&mut self, operations: u64, calls: u64) -> f64 {
        let start = ThreadTime::now();
        for _ in 0..calls {
            black_box((self.work)());
        }
        start.elapsed().as_secs_f64() * 1e9 / (operations * calls) as f64
    }

    /// How many calls take the least time.
    fn calls(&mut self) -> u64 {
        let start = ThreadTime::now();
        black_box((self.work)());
        let once = start.elapsed().max(Duration::from_nanos(1));
        (LEAST.as_nanos() / once.as_nanos()) as u64 + 1
    }
}

/// What the ratio of our time to a peer's should be.
#[derive(Clone, Copy)]
pub enum Wanted {
    AtMost(f64),
    /// Nothing is wanted; it is told.
    Reported,
}

impl Wanted {
    /// So many times faster than the peer.
    pub fn times_faster(times: f64) -> Self {
        Self::AtMost(1.0 / times)
    }
}

/// Our way against others.
pub struct Race {
    pub name: String,
    /// What one call does, by which times are divided.
    operations: u64,
    ours: Contender,
    peers: Vec<(Contender, Wanted)>,
}

impl Race {
    pub fn new(name: impl Into<String>, operations: u64, ours: impl FnMut() -> u64 + 'static) -> Self {
        Self { name: name.into(), operations, ours: Contender::new("ours", ours), peers: Vec::new() }
    }

    /// With another contender.
    pub fn against(mut self, peer: impl Into<String>, wanted: Wanted, work: impl FnMut() -> u64 + 'static) -> Self {
        self.peers.push((Contender::new(peer, work), wanted));
        self
    }

    /// Runs and prints it; how many wanted ratios it missed.
    pub fn run(self, rounds: usize) -> usize {
        let Self { name, operations, ours, peers } = self;
        let (mut contenders, mut wanted) = (vec![ours], vec![]);
        for (peer, ratio) in peers {
            contenders.push(peer);
            wanted.push(ratio);
        }
        let calls: Vec<u64> = contenders.iter_mut().map(Contender::calls).collect();
        let mut times = vec![Vec::new(); contenders.len()];
        for _ in 0..rounds {
            for ((contender, calls), times) in contenders.iter_mut().zip(&calls).zip(&mut times) {
                times.push(contender.time(operations, *calls));
            }
        }
        let medians: Vec<f64> = times.into_iter().map(median).collect();
        let mut missed = 0;
        for ((peer, wanted), time) in contenders[1..].iter().zip(wanted).zip(&medians[1..]) {
            let ratio = medians[0] / time;
            let verdict = match wanted {
                Wanted::AtMost(most) if ratio <= most => format!("<= {most:<6.4} ok"),
                Wanted::AtMost(most) => {
                    missed += 1;
                    format!("<= {most:<6.4} missed")
                }
                Wanted::Reported => "reported".to_owned(),
            };
            println!("{name:<46} {:>8.1}  {:<26} {time:>10.1} {ratio:>6.3}  {verdict}", medians[0], peer.name);
        }
        missed
    }
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
