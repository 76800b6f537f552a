//! RoIAlign (arXiv 1703.06870 §3) over a feature pyramid; spec/mask_rcnn.md §6.

use super::boxes::{Bbox, area};
use crate::Error;
use crate::spec::{LevelEpsilon, Rules};
use rayon::prelude::*;
use tch::{Device, Kind, Tensor};
use vovdet_native::{f32_slice, f32_tensor};

/// How regions are sampled.
#[derive(Debug, Clone, Copy)]
pub struct RoiAlign {
    /// Bins per side of the output.
    pub bins: usize,
    /// Samples per bin and axis; 0 takes as many as the bin has pixels, rounded up.
    pub sampling: usize,
    /// Shift by half a pixel, no minimum size.
    pub aligned: bool,
}

/// A region of one image of the batch.
#[derive(Debug, Clone, Copy)]
pub struct Roi {
    /// Index in the batch.
    pub image: usize,
    /// In input pixels.
    pub bbox: Bbox,
}

/// Level of the pyramid (0 is the finest of `levels`) that a region of this size is taken from (arXiv 1612.03144 eq. 1).
pub fn level(bbox: &Bbox, rules: &Rules, levels: usize) -> usize {
    let side = area(bbox, rules.plus_one).sqrt() / 224.0;
    let log = match rules.level_epsilon {
        LevelEpsilon::Inside(e) => 4.0 + (side + e).log2(),
        LevelEpsilon::Outside(e) => 4.0 + side.log2() + e,
    };
    // Level 2 is the finest. A NaN or -inf side (an empty box) goes to the finest level too.
    let index = log.floor() - 2.0;
    if index > 0.0 { (index as usize).min(levels - 1) } else { 0 }
}

/// Features of `rois` from a pyramid whose finest level has stride 4: `[R, C, bins, bins]`, channels last in memory.
///
/// # Errors
/// libtorch's message; a level that is not `[N, C, H, W]`.
pub fn pyramid_roi_align(levels: &[Tensor], rois: &[Roi], rules: &Rules, bins: usize) -> Result<Tensor, Error> {
    let align = RoiAlign { bins, sampling: rules.roi_sampling, aligned: rules.roi_aligned };
    let of_level: Vec<usize> = rois.iter().map(|r| level(&r.bbox, rules, levels.len())).collect();
    if levels.first().is_some_and(|l| l.device() != Device::Cpu) {
        return align.on_device(levels, rois, &of_level);
    }
    align.on_cpu(levels, rois, &of_level)
}

/// Finest level: one feature pixel for four input pixels, and each level doubles that.
fn scale(level: usize) -> f32 {
    0.25 / (1u32 << level) as f32
}

/// Start, bin size and sample count along one axis of a region.
struct Axis {
    start: f32,
    bin: f32,
    samples: usize,
}

impl RoiAlign {
    fn axis(&self, low: f32, high: f32, scale: f32) -> Axis {
        let shift = if self.aligned { 0.5 } else { 0.0 };
        let start = low * scale - shift;
        let mut length = high * scale - shift - start;
        if !self.aligned {
            length = length.max(1.0);
        }
        let bin = length / self.bins as f32;
        let samples = if self.sampling > 0 { self.sampling } else { bin.ceil().max(0.0) as usize };
        Axis { start, bin, samples }
    }

    fn on_cpu(&self, levels: &[Tensor], rois: &[Roi], of_level: &[usize]) -> Result<Tensor, Error> {
        let Some(first) = levels.first() else {
            return Err(Error::Input("RoIAlign needs a feature level".into()));
        };
        let channels = first.size4()?.1 as usize;
        // Channels last, so that a sample is four contiguous rows of channels.
        let maps: Vec<Tensor> = levels
            .iter()
            .map(|l| Ok(l.f_to_kind(Kind::Float)?.f_permute([0, 2, 3, 1])?.f_contiguous()?))
            .collect::<Result<_, Error>>()?;
        let maps: Vec<Map> = maps.iter().map(Map::new).collect::<Result<_, Error>>()?;
        let shape = [rois.len(), self.bins, self.bins, channels].map(|d| d as i64);
        let size = self.bins * self.bins * channels;
        let output = f32_tensor(&shape, |output| {
            output.par_chunks_mut(size).zip(rois).zip(of_level).for_each(|((output, roi), &level)| {
                self.roi_on_cpu(&maps[level], roi, scale(level), output);
            });
        })?;
        Ok(output.f_permute([0, 3, 1, 2])?)
    }

    fn roi_on_cpu(&self, map: &Map, roi: &Roi, scale: f32, output: &mut [f32]) {
        let [x1, y1, x2, y2] = roi.bbox;
        let (ax, ay) = (self.axis(x1, x2, scale), self.axis(y1, y2, scale));
        let count = (ax.samples * ay.samples).max(1) as f32;
        let taps = |axis: &Axis, size: usize| -> Vec<Option<Tap>> {
            (0..self.bins)
                .flat_map(|bin| (0..axis.samples).map(move |s| (bin, s)))
                .map(|(bin, s)| {
                    let within = (s as f32 + 0.5) * axis.bin / axis.samples as f32;
                    Tap::new(axis.start + bin as f32 * axis.bin + within, size)
                })
                .collect()
        };
        let (tx, ty) = (taps(&ax, map.width), taps(&ay, map.height));
        let plane = map.image(roi.image);
        for (cell, output) in output.chunks_exact_mut(map.channels).enumerate() {
            let (by, bx) = (cell / self.bins, cell % self.bins);
            let (ty, tx) = (&ty[by * ay.samples..][..ay.samples], &tx[bx * ax.samples..][..ax.samples]);
            for y in ty.iter().flatten() {
                for x in tx.iter().flatten() {
                    let row = |yi: usize, xi: usize| &plane[(yi * map.width + xi) * map.channels..][..map.channels];
                    let weights = [
                        (1.0 - y.part) * (1.0 - x.part),
                        (1.0 - y.part) * x.part,
                        y.part * (1.0 - x.part),
                        y.part * x.part,
                    ];
                    let [w1, w2, w3, w4] = weights.map(|w| w / count);
                    let rows = row(y.low, x.low)
                        .iter()
                        .zip(row(y.low, x.high))
                        .zip(row(y.high, x.low))
                        .zip(row(y.high, x.high));
                    for (out, (((a, b), c), d)) in output.iter_mut().zip(rows) {
                        *out += w1 * a + w2 * b + w3 * c + w4 * d;
                    }
                }
            }
        }
    }

    /// The same in tensor code, for CUDA: all samples of a level's regions are gathered at once, no round trip.
    fn on_device(&self, levels: &[Tensor], rois: &[Roi], of_level: &[usize]) -> Result<Tensor, Error> {
        let mut parts = Vec::new();
        let mut places = Vec::with_capacity(rois.len());
        let mut reference = None;
        for (index, map) in levels.iter().enumerate() {
            reference.get_or_insert((map.size4()?.1, map.device(), map.kind()));
            let mut chosen: Vec<usize> = (0..rois.len()).filter(|&r| of_level[r] == index).collect();
            // Regions with the same sample counts make one rectangular gather.
            let samples = |r: usize| {
                let [x1, y1, x2, y2] = rois[r].bbox;
                (self.axis(y1, y2, scale(index)).samples, self.axis(x1, x2, scale(index)).samples)
            };
            chosen.sort_by_key(|&r| samples(r));
            for group in chosen.chunk_by(|&a, &b| samples(a) == samples(b)) {
                // Bounded memory: the gather holds every sample of its regions.
                let (sy, sx) = samples(group[0]);
                let step = (4096 / (sy * sx).max(1)).max(1);
                for group in group.chunks(step) {
                    let of_group: Vec<Roi> = group.iter().map(|&r| rois[r]).collect();
                    parts.push(self.gather(map, &of_group, scale(index))?);
                    places.extend(group.iter().map(|&r| r as i64));
                }
            }
        }
        let Some((channels, device, kind)) = reference else {
            return Err(Error::Input("RoIAlign needs a feature level".into()));
        };
        let bins = self.bins as i64;
        let output = Tensor::f_zeros([rois.len() as i64, channels, bins, bins], (kind, device))?;
        if parts.is_empty() {
            return Ok(output);
        }
        let places = Tensor::from_slice(&places).f_to_device(device)?;
        Ok(output.f_index_copy(0, &places, &Tensor::f_cat(&parts, 0)?)?)
    }

    /// `[R, C, bins, bins]` for regions that all have the same number of samples per bin.
    fn gather(&self, map: &Tensor, rois: &[Roi], scale: f32) -> Result<Tensor, Error> {
        let (_, channels, height, width) = map.size4()?;
        let device = map.device();
        let axes = |low: usize| rois.iter().map(|r| self.axis(r.bbox[low], r.bbox[low + 2], scale)).collect::<Vec<_>>();
        let (ys, xs) = (axes(1), axes(0));
        // Positions of all samples along an axis `[R, bins * samples]`, and their two taps with weights.
        let taps = |axes: &[Axis], size: i64| -> Result<(Tensor, Tensor, Tensor, Tensor), Error> {
            let samples = axes.first().map_or(0, |a| a.samples);
            let positions: Vec<f32> = axes
                .iter()
                .flat_map(|a| {
                    (0..self.bins * samples).map(move |k| {
                        let (bin, s) = (k / samples, k % samples);
                        a.start + bin as f32 * a.bin + (s as f32 + 0.5) * a.bin / samples as f32
                    })
                })
                .collect();
            let shape = [axes.len() as i64, (self.bins * samples) as i64];
            let p = Tensor::f_from_slice(&positions)?.f_view(shape)?.f_to_device(device)?;
            let inside = p.f_ge(-1.0)?.f_logical_and(&p.f_le(size as f64)?)?.f_to_kind(Kind::Float)?;
            let clamped = p.f_clamp(0.0, (size - 1) as f64)?;
            let low = clamped.f_floor()?;
            let part = &clamped - &low;
            let low = low.f_to_kind(Kind::Int64)?;
            let high = (&low + 1).f_clamp_max(size - 1)?;
            Ok((low, high, (1.0 - &part) * &inside, part * inside))
        };
        let (y0, y1, wy0, wy1) = taps(&ys, height)?;
        let (x0, x1, wx0, wx1) = taps(&xs, width)?;
        let images: Vec<i64> = rois.iter().map(|r| r.image as i64).collect();
        let images = Tensor::from_slice(&images).f_to_device(device)?.f_view([-1, 1, 1])?;
        let flat = map.f_permute([0, 2, 3, 1])?.f_reshape([-1, channels])?.f_to_kind(Kind::Float)?;
        let (sy, sx) = (ys[0].samples as i64, xs[0].samples as i64);
        let (bins, count) = (self.bins as i64, rois.len() as i64);
        let mut sum: Option<Tensor> = None;
        for (y, wy) in [(&y0, &wy0), (&y1, &wy1)] {
            for (x, wx) in [(&x0, &wx0), (&x1, &wx1)] {
                let index = (&images * height + y.f_unsqueeze(2)?) * width + x.f_unsqueeze(1)?;
                let weight = wy.f_unsqueeze(2)? * wx.f_unsqueeze(1)?;
                let tap = flat.f_index_select(0, &index.f_reshape([-1])?)? * weight.f_reshape([-1, 1])?;
                sum = Some(match sum {
                    Some(sum) => sum + tap,
                    None => tap,
                });
            }
        }
        let Some(sum) = sum.filter(|_| sy * sx > 0) else {
            return Ok(Tensor::f_zeros([count, channels, bins, bins], (map.kind(), device))?);
        };
        let pooled =
            sum.f_view([count, bins, sy, bins, sx, channels])?.f_mean_dim([2i64, 4].as_slice(), false, Kind::Float)?;
        Ok(pooled.f_permute([0, 3, 1, 2])?.f_to_kind(map.kind())?)
    }
}

/// A feature level on the CPU.
struct Map<'a> {
    data: &'a [f32],
    height: usize,
    width: usize,
    channels: usize,
}

impl<'a> Map<'a> {
    fn new(nhwc: &'a Tensor) -> Result<Self, Error> {
        let (_, h, w, c) = nhwc.size4()?;
        Ok(Self { data: f32_slice(nhwc)?, height: h as usize, width: w as usize, channels: c as usize })
    }

    fn image(&self, index: usize) -> &'a [f32] {
        let size = self.height * self.width * self.channels;
        &self.data[index * size..][..size]
    }
}

/// The two pixels around a sample along one axis, and the share of the second.
struct Tap {
    low: usize,
    high: usize,
    part: f32,
}

impl Tap {
    /// None outside [-1, size], where a sample counts as zero; else clamped into the map.
    fn new(position: f32, size: usize) -> Option<Self> {
        if !(-1.0..=size as f32).contains(&position) {
            return None;
        }
        let clamped = position.clamp(0.0, (size - 1) as f32);
        let low = clamped as usize;
        Some(Self { low, high: (low + 1).min(size - 1), part: clamped - low as f32 })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::spec::Dialect;

    /// The definition of spec/mask_rcnn.md §6, one value at a time, in float64.
    fn slow(map: &Tensor, roi: &Roi, scale: f64, align: RoiAlign, c: i64, by: usize, bx: usize) -> f64 {
        let (_, _, h, w) = map.size4().unwrap();
        let shift = if align.aligned { 0.5 } else { 0.0 };
        let corner = |i: usize| f64::from(roi.bbox[i]) * scale - shift;
        let size = |low: usize| {
            let s = corner(low + 2) - corner(low);
            if align.aligned { s } else { s.max(1.0) }
        };
        let (bin_w, bin_h) = (size(0) / align.bins as f64, size(1) / align.bins as f64);
        let samples = |bin: f64| if align.sampling > 0 { align.sampling } else { bin.ceil() as usize };
        let (sx, sy) = (samples(bin_w), samples(bin_h));
        let value = |y: i64, x: i64| map.double_value(&[roi.image as i64, c, y, x]);
        let mut sum = 0.0;
        for iy in 0..sy {
            for ix in 0..sx {
                let y = corner(1) + by as f64 * bin_h + (iy as f64 + 0.5) * bin_h / sy as f64;
                let x = corner(0) + bx as f64 * bin_w + (ix as f64 + 0.5) * bin_w / sx as f64;
                if y < -1.0 || y > h as f64 || x < -1.0 || x > w as f64 {
                    continue;
                }
                let (y, x) = (y.clamp(0.0, (h - 1) as f64), x.clamp(0.0, (w - 1) as f64));
                let (y0, x0) = (y.floor() as i64, x.floor() as i64);
                let (y1, x1) = ((y0 + 1).min(h - 1), (x0 + 1).min(w - 1));
                let (fy, fx) = (y - y0 as f64, x - x0 as f64);
                sum += (1.0 - fy) * ((1.0 - fx) * value(y0, x0) + fx * value(y0, x1))
                    + fy * ((1.0 - fx) * value(y1, x0) + fx * value(y1, x1));
            }
        }
        sum / (sx * sy).max(1) as f64
    }

    #[test]
    fn both_forms_agree_with_the_definition() {
        tch::manual_seed(7);
        let map = Tensor::randn([2, 3, 9, 11], (Kind::Float, Device::Cpu));
        let bbox =
            [[3.0, 2.0, 30.0, 33.0], [-9.0, -9.0, 60.0, 50.0], [10.0, 10.0, 10.5, 10.5], [20.0, 8.0, 41.0, 12.0]];
        let rois: Vec<Roi> = bbox.iter().enumerate().map(|(i, &bbox)| Roi { image: i % 2, bbox }).collect();
        for (sampling, aligned) in [(2, false), (0, true), (2, true), (0, false)] {
            let align = RoiAlign { bins: 3, sampling, aligned };
            let levels = [map.shallow_clone()];
            let cpu = align.on_cpu(&levels, &rois, &[0; 4]).unwrap();
            let tensors = align.on_device(&levels, &rois, &[0; 4]).unwrap();
            for (r, roi) in rois.iter().enumerate() {
                for c in 0..3i64 {
                    for cell in 0..9 {
                        let want = slow(&map, roi, 0.25, align, c, cell / 3, cell % 3);
                        let at = [r as i64, c, (cell / 3) as i64, (cell % 3) as i64];
                        for got in [cpu.double_value(&at), tensors.double_value(&at)] {
                            assert!((got - want).abs() < 1e-4, "{sampling} {aligned} {r} {c} {cell}: {got} {want}");
                        }
                    }
                }
            }
        }
    }

    /// Boxes of side 112, 224 and 448 sit exactly on the borders of levels 3, 4 and 5 (arXiv 1612.03144 eq. 1).
    #[test]
    fn levels_change_at_powers_of_two() {
        for dialect in [Dialect::MaskrcnnBenchmark, Dialect::Detectron2, Dialect::Torchvision] {
            let rules = dialect.rules().unwrap();
            let side = |s: f32| level(&[0.0, 0.0, s - rules.plus_one, s - rules.plus_one], rules, 4);
            assert_eq!([30.0, 112.5, 224.5, 448.5, 2000.0].map(side), [0, 1, 2, 3, 3], "{dialect}");
            assert_eq!([111.0, 223.0, 447.0].map(side), [0, 1, 2], "{dialect}");
        }
    }
}
