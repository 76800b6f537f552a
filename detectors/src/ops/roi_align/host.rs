//! RoIAlign on the CPU, forward and backward, on maps with the channels last.

use super::sampling::{Real, Shares, real, taps};
use super::{Roi, RoiAlign, scale};
use crate::Error;
use rayon::prelude::*;
use tch::Tensor;
use vovdet_native::HostArray;

/// Rows of a map whose gradient one task sums.
const BAND: usize = 8;

/// A feature level.
struct Map<'a, T> {
    data: &'a [T],
    height: usize,
    width: usize,
    channels: usize,
}

impl<'a, T: Real> Map<'a, T> {
    fn new(nhwc: &'a HostArray<T>) -> Self {
        let [height, width, channels] = sides(nhwc.shape());
        Self { data: nhwc, height, width, channels }
    }

    fn image(&self, index: usize) -> &'a [T] {
        let size = self.height * self.width * self.channels;
        &self.data[index * size..][..size]
    }
}

/// Height, width and channels of `[N, H, W, C]`.
fn sides(nhwc: &[i64]) -> [usize; 3] {
    // Lengths of dimensions are not negative.
    std::array::from_fn(|i| nhwc[i + 1] as usize)
}

/// A region as the backward sees it, rows counted over all images of its level.
struct Region<T> {
    /// Which row of the gradient.
    index: usize,
    /// Row 0 of its image.
    base: usize,
    /// First and last row that it takes from.
    rows: (usize, usize),
    x: Shares<T>,
    y: Shares<T>,
}

impl RoiAlign {
    /// `[R, C, bins, bins]` in memory of `[R, bins, bins, C]`, from levels `[N, H, W, C]`.
    pub(super) fn forward<T: Real>(
        &self,
        levels: &[HostArray<T>],
        rois: &[Roi],
        of_level: &[usize],
    ) -> Result<Tensor, Error> {
        let maps: Vec<Map<T>> = levels.iter().map(Map::new).collect();
        let channels = maps.first().map_or(0, |m| m.channels);
        let shape = [rois.len(), self.bins, self.bins, channels].map(|d| d as i64);
        let mut output = HostArray::<T>::zeros(&shape)?;
        let size = (self.bins * self.bins * channels).max(1);
        output.par_chunks_mut(size).zip(rois).zip(of_level).for_each(|((output, roi), &level)| {
            self.forward_one(&maps[level], roi, scale(level), output);
        });
        Ok(output.into_tensor().f_permute([0, 3, 1, 2])?)
    }

    fn forward_one<T: Real>(&self, map: &Map<T>, roi: &Roi, scale: f32, output: &mut [T]) {
        let [x1, y1, x2, y2] = roi.bbox;
        let (ax, ay) = (self.axis(x1, x2, scale), self.axis(y1, y2, scale));
        let count: T = real((ax.samples * ay.samples).max(1));
        let (tx, ty) = (taps(&ax, self.bins, map.width), taps(&ay, self.bins, map.height));
        let plane = map.image(roi.image);
        for (cell, output) in output.chunks_exact_mut(map.channels).enumerate() {
            let (by, bx) = (cell / self.bins, cell % self.bins);
            let (ty, tx) = (&ty[by * ay.samples..][..ay.samples], &tx[bx * ax.samples..][..ax.samples]);
            for y in ty.iter().flatten() {
                for x in tx.iter().flatten() {
                    let row = |yi: usize, xi: usize| &plane[(yi * map.width + xi) * map.channels..][..map.channels];
                    let (near_y, near_x) = (T::one() - y.part, T::one() - x.part);
                    let weights = [near_y * near_x, near_y * x.part, y.part * near_x, y.part * x.part];
                    let [w1, w2, w3, w4] = weights.map(|w| w / count);
                    let rows = row(y.low, x.low)
                        .iter()
                        .zip(row(y.low, x.high))
                        .zip(row(y.high, x.low))
                        .zip(row(y.high, x.high));
                    for (out, (((&a, &b), &c), &d)) in output.iter_mut().zip(rows) {
                        *out += w1 * a + w2 * b + w3 * c + w4 * d;
                    }
                }
            }
        }
    }

    /// Gradient of every level `[N, C, H, W]` from that of the output `[R, C, bins, bins]`; none for a level without
    /// regions. `shapes` are those of the levels, `[N, H, W, C]`.
    ///
    /// Every pixel sums over the regions in their order, whichever thread does it: the result does not depend on the
    /// number of threads.
    pub(super) fn backward<T: Real>(
        &self,
        shapes: &[Vec<i64>],
        rois: &[Roi],
        of_level: &[usize],
        gradient: &Tensor,
    ) -> Result<Vec<Option<Tensor>>, Error> {
        let gradient = HostArray::<T>::new(gradient.f_permute([0, 2, 3, 1])?)?;
        let of_level = |level: usize, shape: &Vec<i64>| {
            let chosen = (0..rois.len()).filter(|&r| of_level[r] == level);
            let regions: Vec<Region<T>> = chosen.filter_map(|r| self.region(r, &rois[r], level, shape)).collect();
            if regions.is_empty() {
                return Ok(None);
            }
            let [_, width, channels] = sides(shape);
            let mut sums = HostArray::<T>::zeros(shape)?;
            let size = (BAND * width * channels).max(1);
            sums.par_chunks_mut(size).enumerate().for_each(|(band, sums)| {
                for region in &regions {
                    self.backward_one(region, &gradient, [band * BAND, width, channels], sums);
                }
            });
            Ok(Some(sums.into_tensor().f_permute([0, 3, 1, 2])?))
        };
        shapes.iter().enumerate().map(|(level, shape)| of_level(level, shape)).collect()
    }

    /// None for a region that lies outside the map.
    fn region<T: Real>(&self, index: usize, roi: &Roi, level: usize, shape: &[i64]) -> Option<Region<T>> {
        let [height, width, _] = sides(shape);
        let [x1, y1, x2, y2] = roi.bbox;
        let x = Shares::new(&self.axis(x1, x2, scale(level)), self.bins, width);
        let y = Shares::new(&self.axis(y1, y2, scale(level)), self.bins, height);
        let (first, last) = y.range()?;
        let base = roi.image * height;
        Some(Region { index, base, rows: (base + first, base + last), x, y })
    }

    /// Adds what the rows from `first` on take from a region's gradient.
    fn backward_one<T: Real>(
        &self,
        region: &Region<T>,
        gradient: &[T],
        [first, width, channels]: [usize; 3],
        sums: &mut [T],
    ) {
        if region.rows.1 < first || region.rows.0 >= first + BAND {
            return;
        }
        for by in 0..self.bins {
            for &(y, weight_y) in region.y.of_bin(by) {
                let row = region.base + y;
                if !(first..first + BAND).contains(&row) {
                    continue;
                }
                let sums = &mut sums[(row - first) * width * channels..][..width * channels];
                for bx in 0..self.bins {
                    let cell = (region.index * self.bins + by) * self.bins + bx;
                    let gradient = &gradient[cell * channels..][..channels];
                    for &(x, weight_x) in region.x.of_bin(bx) {
                        let weight = weight_y * weight_x;
                        let sums = &mut sums[x * channels..][..channels];
                        sums.iter_mut().zip(gradient).for_each(|(sum, &g)| *sum += weight * g);
                    }
                }
            }
        }
    }
}
