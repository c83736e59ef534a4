//! Whether two kinds of calls can be told apart by how long their answers take.

use std::fmt;
use std::time::{Duration, Instant};

/// How long calls of two kinds took, in milliseconds.
pub struct Compared {
    one: Vec<f64>,
    other: Vec<f64>,
}

/// Times two kinds of calls in turn, one at a time, so that whatever the machine does besides meets both alike. Each pair begins with
/// the one that the last ended with.
pub async fn compare(pairs: usize, one: impl AsyncFn(usize), other: impl AsyncFn(usize)) -> Compared {
    let mut compared = Compared { one: Vec::new(), other: Vec::new() };
    for pair in 0..pairs {
        if pair % 2 == 0 {
            compared.one.push(time(one(pair)).await);
            compared.other.push(time(other(pair)).await);
        } else {
            compared.other.push(time(other(pair)).await);
            compared.one.push(time(one(pair)).await);
        }
    }
    compared
}

async fn time(work: impl Future<Output = ()>) -> f64 {
    let begun = Instant::now();
    work.await;
    Duration::as_secs_f64(&begun.elapsed()) * 1_000.0
}

impl Compared {
    /// Welch's t of the means. As often as not it is within ±0.7 when there is no difference, and beyond ±2.6 in one run of a hundred.
    fn welch(&self) -> f64 {
        let error =
            variance(&self.one) / self.one.len() as f64 + variance(&self.other) / self.other.len() as f64;
        (mean(&self.one) - mean(&self.other)) / error.sqrt()
    }

    /// The rank-sum test of Wilcoxon, Mann and Whitney as a normal deviate, which outliers do not disturb. To be read as [`Self::welch`].
    fn rank(&self) -> f64 {
        let (ones, others) = (self.one.len() as f64, self.other.len() as f64);
        let mut all: Vec<(f64, bool)> = self.one.iter().map(|time| (*time, true)).collect();
        all.extend(self.other.iter().map(|time| (*time, false)));
        all.sort_by(|(time, _), (next, _)| time.total_cmp(next));
        let places = all.iter().enumerate().filter(|(_, (_, one))| *one);
        let ranks: f64 = places.map(|(place, _)| place as f64 + 1.0).sum();
        let expected = ones * (ones + others + 1.0) / 2.0;
        (ranks - expected) / (ones * others * (ones + others + 1.0) / 12.0).sqrt()
    }
}

fn mean(times: &[f64]) -> f64 {
    times.iter().sum::<f64>() / times.len() as f64
}

fn variance(times: &[f64]) -> f64 {
    let mean = mean(times);
    times.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (times.len() as f64 - 1.0)
}

fn median(times: &[f64]) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

impl fmt::Display for Compared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, times) in [("one", &self.one), ("other", &self.other)] {
            let (mean, median, deviation) = (mean(times), median(times), variance(times).sqrt());
            let count = times.len();
            writeln!(
                formatter,
                "  the {name:5} mean {mean:8.3} ms, median {median:8.3} ms, deviation {deviation:7.3} ms, {count} times"
            )?;
        }
        let (welch, rank) = (self.welch(), self.rank());
        write!(formatter, "  Welch's t {welch:.2}, rank sum z {rank:.2}: beyond ±2.6 they can be told apart")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shifted(by: f64) -> Compared {
        let spread = |from: f64| (0..100).map(|step| from + f64::from(step * 37 % 100) / 10.0).collect();
        Compared { one: spread(50.0 + by), other: spread(50.05) }
    }

    #[test]
    fn alike_and_different_times_are_told_apart() {
        let alike = shifted(0.0);
        assert!(alike.welch().abs() < 0.7 && alike.rank().abs() < 0.7, "{alike}");
        let different = shifted(3.0);
        assert!(different.welch() > 2.6 && different.rank() > 2.6, "{different}");
    }

    #[test]
    fn known_figures_come_out() {
        let compared = Compared { one: vec![1.0, 2.0, 3.0, 4.0], other: vec![5.0, 6.0, 7.0, 8.0] };
        assert!((compared.welch() + 4.381_780).abs() < 1e-6);
        assert!((compared.rank() + 2.309_401).abs() < 1e-6);
    }
}
