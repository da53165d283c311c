//! A station of equal workers with one queue, Poisson arrivals and exponential service: M/M/c, and M/M/1 with one worker.
//! Times in and times out have one unit, whichever. Knows no model.

/// Erlang's C: the share of arrivals that wait when `workers` are offered `offered` erlangs, which are fewer. By the
/// recursion of his B (A. K. Erlang 1917; Kleinrock, Queueing Systems I, 3.5).
pub fn share_that_waits(workers: u32, offered: f64) -> f64 {
    let blocked = (1..=workers).fold(1.0, |b, worker| offered * b / (f64::from(worker) + offered * b));
    let utilisation = offered / f64::from(workers);
    blocked / (1.0 - utilisation * (1.0 - blocked))
}

/// Mean time that an arrival waits for a worker, for a mean service of `service`; `offered` is below `workers`.
pub fn mean_wait(workers: u32, offered: f64, service: f64) -> f64 {
    share_that_waits(workers, offered) * service / (f64::from(workers) - offered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erlangs_c_has_the_textbooks_values() {
        // One worker: everybody waits with probability rho. Two: 2 rho^2 / (1 + rho). Four at 3.2: 0.5964.
        assert!((share_that_waits(1, 0.7) - 0.7).abs() < 1e-12);
        assert!((share_that_waits(2, 1.2) - 2.0 * 0.36 / 1.6).abs() < 1e-12);
        assert!((share_that_waits(4, 3.2) - 0.5964).abs() < 5e-5);
    }

    #[test]
    fn one_worker_waits_as_mm1_does() {
        // W = rho / (mu - lambda): at 0.8 of 1 ms, 4 ms.
        assert!((mean_wait(1, 0.8, 1.0) - 4.0).abs() < 1e-12);
        assert!(mean_wait(8, 0.8, 1.0) < 1e-6, "eight workers for less than one");
    }
}
