//! A closed network: users that think, ask one of some equal stations at random, and wait. Exact mean value analysis
//! (Reiser and Lavenberg 1980), with the marginal probabilities that several workers of a station need. Times in and
//! times out have one unit, whichever. Knows no model.

/// What users find at the stations together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flow {
    /// Requests per unit of time.
    pub throughput: f64,
    /// Mean time of a request at its station, waiting and service.
    pub response: f64,
}

/// `users` think for `think` on average, however that is distributed, and ask one of `stations`, at least one, with
/// `workers` each, at least one; service is exponential with mean `service`.
pub fn solve(users: u32, think: f64, stations: u32, workers: u32, service: f64) -> Flow {
    let (visits, servers) = (1.0 / f64::from(stations), f64::from(workers));
    let mut queue = 0.0;
    // The chance that 0, 1, ... workers - 1 requests are at a station, with one user fewer.
    let mut chances = vec![0.0; workers as usize];
    chances[0] = 1.0;
    let mut flow = Flow { throughput: 0.0, response: service };
    for present in 1..=users {
        let idle = (1_u32..workers).zip(&chances).map(|(number, chance)| (servers - f64::from(number)) * chance);
        let response = service / servers * (1.0 + queue + idle.sum::<f64>());
        let throughput = f64::from(present) / (think + response);
        let at_each = visits * throughput;
        queue = at_each * response;
        let offered = at_each * service;
        for number in (1..chances.len()).rev() {
            chances[number] = offered / f64::from(u32::try_from(number).unwrap_or(u32::MAX)) * chances[number - 1];
        }
        let free = (1_u32..workers).zip(&chances[1..]).map(|(number, chance)| (servers - f64::from(number)) * chance);
        chances[0] = (1.0 - (offered + free.sum::<f64>()) / servers).max(0.0);
        flow = Flow { throughput, response };
    }
    flow
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine repairman's model by its birth and death equations: one station with some workers.
    fn by_balance(users: u32, think: f64, workers: u32, service: f64) -> Flow {
        let mut weights = vec![1.0];
        for present in 1..=users {
            let arrivals = f64::from(users - present + 1) / think;
            let departures = f64::from(present.min(workers)) / service;
            weights.push(weights.last().unwrap() * arrivals / departures);
        }
        let all: f64 = weights.iter().sum();
        let chances = weights.iter().zip(0_u32..).map(|(weight, present)| (f64::from(present), weight / all));
        let present: f64 = chances.map(|(present, chance)| present * chance).sum();
        let throughput = (f64::from(users) - present) / think;
        Flow { throughput, response: present / throughput }
    }

    #[test]
    fn one_station_is_the_repairmans_model() {
        for (users, think, workers) in
            [(1, 5.0, 1), (10, 5.0, 1), (40, 5.0, 1), (10, 3.0, 2), (30, 8.0, 4), (5, 1.0, 8)]
        {
            let (mva, balance) = (solve(users, think, 1, workers, 1.0), by_balance(users, think, workers, 1.0));
            assert!((mva.throughput - balance.throughput).abs() < 1e-9, "{users} {workers}: {mva:?} {balance:?}");
            assert!((mva.response - balance.response).abs() < 1e-9, "{users} {workers}: {mva:?} {balance:?}");
        }
    }

    #[test]
    fn two_stations_in_balance_have_the_textbooks_bound() {
        // Balanced stations without thinking: X = N / (N + M - 1) of all that they can do.
        let flow = solve(6, 0.0, 3, 1, 1.0);
        assert!((flow.throughput - 3.0 * 6.0 / 8.0).abs() < 1e-12, "{flow:?}");
    }
}
