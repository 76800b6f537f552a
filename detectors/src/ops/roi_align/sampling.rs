//! Where the samples of a region lie, along one axis.

use super::RoiAlign;
use num_traits::Float;
use std::ops::AddAssign;
use vovdet_native::Element;

/// What positions, weights and sums are computed in: `f32` or `f64`.
pub(super) trait Real: Element + Float + From<f32> + AddAssign + std::fmt::Debug {}

impl Real for f32 {}
impl Real for f64 {}

/// A count as a number; exact below 2^24, and no map has as many pixels along a side.
pub(super) fn real<T: Real>(count: usize) -> T {
    (count as f32).into()
}

/// Start, bin size and sample count along one axis of a region.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis<T> {
    pub(super) start: T,
    pub(super) bin: T,
    pub(super) samples: usize,
}

impl RoiAlign {
    /// The axis from `low` to `high` input pixels in a map that is scaled by `scale`.
    pub(super) fn axis<T: Real>(&self, low: f32, high: f32, scale: f32) -> Axis<T> {
        let (low, high, scale): (T, T, T) = (low.into(), high.into(), scale.into());
        let shift: T = if self.aligned { 0.5 } else { 0.0 }.into();
        let start = low * scale - shift;
        let mut length = high * scale - shift - start;
        if !self.aligned {
            length = length.max(T::one());
        }
        let bin = length / real(self.bins);
        let adaptive = || bin.ceil().max(T::zero()).to_usize().unwrap_or(0);
        let samples = if self.sampling > 0 { self.sampling } else { adaptive() };
        Axis { start, bin, samples }
    }
}

impl<T: Real> Axis<T> {
    /// Position of a sample in the map.
    pub(super) fn position(&self, bin: usize, sample: usize) -> T {
        let half: T = 0.5.into();
        let within = (real::<T>(sample) + half) * self.bin / real(self.samples);
        self.start + real::<T>(bin) * self.bin + within
    }
}

/// The two pixels around a sample along one axis, and the share of the second.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tap<T> {
    pub(super) low: usize,
    pub(super) high: usize,
    pub(super) part: T,
}

impl<T: Real> Tap<T> {
    /// None outside [-1, size], where a sample counts as zero; else clamped into the map.
    pub(super) fn new(position: T, size: usize) -> Option<Self> {
        if !(-T::one()..=real(size)).contains(&position) {
            return None;
        }
        let clamped = num_traits::clamp(position, T::zero(), real(size - 1));
        let low = clamped.to_usize()?;
        Some(Self { low, high: (low + 1).min(size - 1), part: clamped - real(low) })
    }
}

/// Taps of all samples along an axis, bin by bin.
pub(super) fn taps<T: Real>(axis: &Axis<T>, bins: usize, size: usize) -> Vec<Option<Tap<T>>> {
    let samples = (0..bins).flat_map(|bin| (0..axis.samples).map(move |sample| (bin, sample)));
    samples.map(|(bin, sample)| Tap::new(axis.position(bin, sample), size)).collect()
}

/// What every bin takes from every pixel along an axis: the mean of its samples as weights of pixels.
#[derive(Debug)]
pub(super) struct Shares<T> {
    /// Pixel and weight, bin by bin.
    entries: Vec<(usize, T)>,
    /// Where the entries of each bin end.
    ends: Vec<usize>,
}

impl<T: Real> Shares<T> {
    pub(super) fn new(axis: &Axis<T>, bins: usize, size: usize) -> Self {
        let mut shares = Self { entries: Vec::new(), ends: Vec::with_capacity(bins) };
        let all = taps(axis, bins, size);
        for bin in 0..bins {
            let start = shares.entries.len();
            for tap in all[bin * axis.samples..][..axis.samples].iter().flatten() {
                shares.add(start, tap.low, (T::one() - tap.part) / real(axis.samples));
                shares.add(start, tap.high, tap.part / real(axis.samples));
            }
            shares.ends.push(shares.entries.len());
        }
        shares
    }

    /// Neighbouring samples share pixels: one entry each.
    fn add(&mut self, start: usize, pixel: usize, weight: T) {
        match self.entries[start..].iter_mut().rev().find(|entry| entry.0 == pixel) {
            Some(entry) => entry.1 += weight,
            None => self.entries.push((pixel, weight)),
        }
    }

    pub(super) fn of_bin(&self, bin: usize) -> &[(usize, T)] {
        let start = if bin == 0 { 0 } else { self.ends[bin - 1] };
        &self.entries[start..self.ends[bin]]
    }

    /// First and last pixel that any bin takes from.
    pub(super) fn range(&self) -> Option<(usize, usize)> {
        let pixels = || self.entries.iter().map(|entry| entry.0);
        pixels().min().zip(pixels().max())
    }
}
