//! The paired bootstrap: images are drawn again, and both results are scored on the same draws.
//!
//! A replicate draws as many images as there are, with replacement. An image that is drawn twice counts twice, with its
//! objects and its detections, as if the data set held a copy of it; nothing is matched again. hotcoco's `compare` makes a
//! set of the drawn images, which keeps about 63 % of them once each: its intervals are those of a smaller sample without
//! repetition, which is too narrow, and it has none per class.
//!
//! Draws are made to be made again elsewhere. The `j`-th image of replicate `r` (both from 0), of `n` images, has the place
//! `⌊x · n / 2⁶⁴⌋`, where `x` is output `r · n + j + 1` of SplitMix64 (Steele, Lea, Flood 2014) that starts at the seed.
//! So a replicate depends on the seed and its number alone, and threads change nothing.

use crate::metrics::replay::{LANES, Lanes, Replay};
use rayon::prelude::*;
use serde::Serialize;

/// Differences up to this are the rounding of sums: both are equal.
const ROUNDING: f64 = 1e-12;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bootstrap {
    /// Replicates.
    pub samples: usize,
    /// Where the generator starts.
    pub seed: u64,
    /// The part of the replicates that an interval holds, between 0 and 1.
    pub confidence: f64,
}

/// What the replicates say of the difference of one figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// The part of the replicates in which B is better; of those in which both are equal a half.
    pub better: f64,
    /// Replicates in which both figures are defined.
    pub samples: usize,
}

/// The differences B - A of all figures over the replicates; none for a figure that no replicate defines. `done` is called
/// of each pass of [`LANES`] replicates.
pub fn paired<R: Replay>(a: &R, b: &R, bootstrap: &Bootstrap, done: impl Fn() + Sync) -> Vec<Option<Interval>> {
    struct Workspace<S> {
        weights: Vec<Lanes>,
        a: S,
        b: S,
        found: Vec<Lanes>,
    }
    let images = a.images();
    let pass = |workspace: &mut Workspace<R::Scratch>, first: usize| {
        let Workspace { weights, found, .. } = workspace;
        weights.fill([0.0; LANES]);
        for (lane, replicate) in (first..).take(LANES).enumerate() {
            draw(bootstrap.seed, replicate, images, |image| weights[image][lane] += 1.0);
        }
        let mut deltas = vec![[f64::NAN; LANES]; b.figures()];
        a.replay(weights, &mut workspace.a, found);
        b.replay(weights, &mut workspace.b, &mut deltas);
        for (delta, a) in deltas.iter_mut().zip(found.iter()) {
            for (delta, a) in delta.iter_mut().zip(a) {
                let exact = *delta - a;
                *delta = if exact.abs() <= ROUNDING { 0.0 } else { exact };
            }
        }
        done();
        deltas
    };
    let workspace = || Workspace {
        weights: vec![[0.0; LANES]; images],
        a: a.scratch(),
        b: b.scratch(),
        found: vec![[f64::NAN; LANES]; a.figures()],
    };
    let firsts: Vec<usize> = (0..bootstrap.samples).step_by(LANES).collect();
    let passes: Vec<Vec<Lanes>> = firsts.into_par_iter().map_init(workspace, pass).collect();
    let figure = |slot: usize| {
        let deltas = passes.iter().flat_map(|pass| pass[slot]).take(bootstrap.samples);
        interval(deltas.filter(|delta| !delta.is_nan()).collect(), bootstrap.confidence)
    };
    (0..a.figures()).into_par_iter().map(figure).collect()
}

fn draw(seed: u64, replicate: usize, images: usize, mut each: impl FnMut(usize)) {
    let first = (replicate as u64).wrapping_mul(images as u64);
    for j in 1..=images as u64 {
        let x = split_mix(seed, first.wrapping_add(j));
        each(((u128::from(x) * images as u128) >> 64) as usize);
    }
}

/// Output `index`, from 1, of SplitMix64 that starts at `seed`.
fn split_mix(seed: u64, index: u64) -> u64 {
    let mut z = seed.wrapping_add(index.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn interval(mut deltas: Vec<f64>, confidence: f64) -> Option<Interval> {
    deltas.sort_unstable_by(f64::total_cmp);
    let samples = deltas.len();
    let above = deltas.iter().filter(|delta| **delta > 0.0).count() as f64;
    let equal = deltas.iter().filter(|delta| **delta == 0.0).count() as f64;
    Some(Interval {
        low: quantile(&deltas, (1.0 - confidence) / 2.0)?,
        high: quantile(&deltas, (1.0 + confidence) / 2.0)?,
        better: (above + equal / 2.0) / samples as f64,
        samples,
    })
}

/// `numpy.quantile` of sorted values, linear between them.
fn quantile(sorted: &[f64], part: f64) -> Option<f64> {
    let place = part * sorted.len().checked_sub(1)? as f64;
    let below = sorted[place.floor() as usize];
    let above = sorted[(place.floor() as usize + 1).min(sorted.len() - 1)];
    let (step, between) = (above - below, place.fract());
    Some(if between < 0.5 { below + step * between } else { above - step * (1.0 - between) })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// The first outputs for the seed 1234567, as Rosetta Code publishes them.
    #[test]
    fn the_generator_is_split_mix() {
        let found: Vec<u64> = (1..=5).map(|index| split_mix(1_234_567, index)).collect();
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_replicate_draws_as_many_images_as_there_are_and_each_is_another() {
        let drawn = |seed, replicate| {
            let mut counts = vec![0; 50];
            draw(seed, replicate, 50, |image| counts[image] += 1);
            counts
        };
        assert_eq!(drawn(3, 7).iter().sum::<i32>(), 50);
        assert!(drawn(3, 7).contains(&0) && drawn(3, 7).iter().any(|n| *n > 1), "with replacement");
        assert_ne!(drawn(3, 7), drawn(3, 8));
        assert_ne!(drawn(3, 7), drawn(4, 7));
    }

    /// By hand, after numpy's definition: the place of a part q of n values is q (n - 1).
    #[test]
    fn quantiles_lie_between_values() {
        let values = [1.0, 2.0, 4.0, 8.0];
        assert_eq!(quantile(&values, 0.0), Some(1.0));
        assert_eq!(quantile(&values, 0.5), Some(3.0));
        assert_eq!(quantile(&values, 0.75), Some(5.0));
        assert_eq!(quantile(&values, 1.0), Some(8.0));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn ties_are_half_a_win() {
        let found = interval(vec![-1.0, 0.0, 0.0, 1.0, 2.0], 0.5).unwrap();
        assert_eq!((found.better, found.low, found.high, found.samples), (0.6, 0.0, 1.0, 5));
        assert_eq!(interval(Vec::new(), 0.95), None);
    }
}
