//! How many probes say, with a given probability of error, that there is no
//! further successor: the coupon collector's problem, computed exactly.

/// Above this many successors the union bound is used, which asks for half a
/// percent more probes there at most, and costs nothing.
const EXACT: usize = 256;

/// Stopping points for one failure probability, computed as far as asked.
#[derive(Debug, Clone)]
pub struct StoppingPoints {
    failure_probability: f64,
    /// By number of successors; 0 and 1 need none.
    points: Vec<u32>,
}

impl StoppingPoints {
    /// For a failure probability per vertex, between 0 and 1, both excluded.
    pub fn new(failure_probability: f64) -> Self {
        Self { failure_probability, points: vec![0, 0] }
    }

    /// The failure probability per vertex.
    pub fn failure_probability(&self) -> f64 {
        self.failure_probability
    }

    /// The smallest number of probes after which that many equally likely
    /// successors have all been seen, but for the failure probability.
    ///
    /// A vertex of which `k` successors are known has no other after
    /// `probes(k + 1)` probes through it.
    pub fn probes(&mut self, successors: usize) -> u32 {
        while self.points.len() <= successors.min(EXACT) {
            self.points.push(exact(self.points.len(), self.failure_probability));
        }
        match self.points.get(successors) {
            Some(&point) => point,
            None => union_bound(successors, self.failure_probability),
        }
    }
}

/// The probability that so many probes have not seen all of so many equally
/// likely successors.
pub fn miss_probability(successors: usize, probes: usize) -> f64 {
    if probes < successors {
        return 1.0;
    }
    let mut seen = Occupancy::new(successors);
    for _ in 0..probes {
        seen.draw();
    }
    seen.missing()
}

fn exact(successors: usize, failure_probability: f64) -> u32 {
    let mut seen = Occupancy::new(successors);
    let mut probes = 0;
    while seen.missing() > failure_probability {
        seen.draw();
        probes += 1;
    }
    probes
}

/// `k * ((k-1)/k)^n <= failure probability`, solved for n.
fn union_bound(successors: usize, failure_probability: f64) -> u32 {
    let k = successors as f64;
    ((failure_probability / k).ln() / ((k - 1.0) / k).ln()).ceil() as u32
}

/// The distribution of how many different successors have been seen.  A chain
/// of sums of positive terms, where the closed formula alternates and cancels.
struct Occupancy {
    probability: Vec<f64>,
}

impl Occupancy {
    fn new(successors: usize) -> Self {
        let mut probability = vec![0.0; successors + 1];
        probability[0] = 1.0;
        Self { probability }
    }

    fn draw(&mut self) {
        let successors = self.probability.len() - 1;
        for seen in (0..=successors).rev() {
            let again = self.probability[seen] * seen as f64;
            let first = match seen {
                0 => 0.0,
                _ => self.probability[seen - 1] * (successors - seen + 1) as f64,
            };
            self.probability[seen] = (again + first) / successors as f64;
        }
    }

    fn missing(&self) -> f64 {
        self.probability[..self.probability.len() - 1].iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::{StoppingPoints, miss_probability, union_bound};

    fn points(failure_probability: f64, last: usize) -> Vec<u32> {
        let mut points = StoppingPoints::new(failure_probability);
        (2..=last).map(|successors| points.probes(successors)).collect()
    }

    /// scamper's tables for 95 % and 99 % (`scamper_do_tracelb.c`), from two
    /// successors on, and the last entry of each.
    #[test]
    fn the_tables_of_scamper() {
        let at_95 = [6, 11, 16, 21, 27, 33, 38, 44, 51, 57, 63, 70, 76, 83, 90, 96];
        let at_99 = [8, 15, 21, 28, 36, 43, 51, 58, 66, 74, 82, 90, 98, 106, 115, 123];
        assert_eq!(points(0.05, 17), at_95);
        assert_eq!(points(0.01, 17), at_99);
        assert_eq!(points(0.05, 99).last(), Some(&746));
        assert_eq!(points(0.01, 99).last(), Some(&906));
    }

    #[test]
    fn five_percent_over_thirty_vertices() {
        let per_vertex = 1.0 - 0.95_f64.powf(1.0 / 30.0);
        assert_eq!(points(per_vertex, 9), [11, 19, 27, 36, 45, 54, 64, 73]);
    }

    #[test]
    fn the_bound_takes_over_without_a_step() {
        let mut points = StoppingPoints::new(0.05);
        let (exact, bound) = (points.probes(256), union_bound(256, 0.05));
        assert!((exact..=exact + exact / 200).contains(&bound), "{exact}, {bound}");
        assert!(points.probes(257) > bound);
    }

    #[test]
    fn missing_one_of_two() {
        assert!((miss_probability(2, 6) - 1.0 / 32.0).abs() < 1e-12);
        assert!((miss_probability(3, 2) - 1.0).abs() < 1e-12);
        assert!(miss_probability(16, 96) <= 0.05);
    }
}
