//! RoIAlign in tensor code, for CUDA: all samples of a level's regions are gathered at once, without a round trip to
//! the host. Autograd differentiates it.

use super::sampling::{Axis, Real};
use super::{Roi, RoiAlign, scale};
use crate::Error;
use tch::{Kind, Tensor};

impl RoiAlign {
    /// `[R, C, bins, bins]` from levels `[N, C, H, W]`, in their kind.
    pub(super) fn on_device(&self, levels: &[Tensor], rois: &[Roi], of_level: &[usize]) -> Result<Tensor, Error> {
        match levels.first().map(Tensor::kind) {
            Some(Kind::Double) => self.gather_all::<f64>(levels, rois, of_level),
            _ => self.gather_all::<f32>(levels, rois, of_level),
        }
    }

    fn gather_all<T: Real>(&self, levels: &[Tensor], rois: &[Roi], of_level: &[usize]) -> Result<Tensor, Error> {
        let mut parts = Vec::new();
        let mut places = Vec::with_capacity(rois.len());
        let mut reference = None;
        for (index, map) in levels.iter().enumerate() {
            reference.get_or_insert((map.size4()?.1, map.device(), map.kind()));
            let mut chosen: Vec<usize> = (0..rois.len()).filter(|&r| of_level[r] == index).collect();
            // Regions with the same sample counts make one rectangular gather.
            let samples = |r: usize| {
                let [x1, y1, x2, y2] = rois[r].bbox;
                let samples = |low, high| self.axis::<T>(low, high, scale(index)).samples;
                (samples(y1, y2), samples(x1, x2))
            };
            chosen.sort_by_key(|&r| samples(r));
            for group in chosen.chunk_by(|&a, &b| samples(a) == samples(b)) {
                // Bounded memory: the gather holds every sample of its regions.
                let (sy, sx) = samples(group[0]);
                let step = (4096 / (sy * sx).max(1)).max(1);
                for group in group.chunks(step) {
                    let of_group: Vec<Roi> = group.iter().map(|&r| rois[r]).collect();
                    parts.push(self.gather::<T>(map, &of_group, scale(index))?);
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
    fn gather<T: Real>(&self, map: &Tensor, rois: &[Roi], scale: f32) -> Result<Tensor, Error> {
        let (_, channels, height, width) = map.size4()?;
        let (kind, device) = (T::KIND, map.device());
        let axes = |low: usize| -> Vec<Axis<T>> {
            rois.iter().map(|r| self.axis(r.bbox[low], r.bbox[low + 2], scale)).collect()
        };
        let (ys, xs) = (axes(1), axes(0));
        // Positions of all samples along an axis `[R, bins * samples]`, and their two taps with weights.
        let taps = |axes: &[Axis<T>], size: i64| -> Result<(Tensor, Tensor, Tensor, Tensor), Error> {
            let samples = axes.first().map_or(0, |a| a.samples);
            let positions: Vec<T> = axes
                .iter()
                .flat_map(|a| (0..self.bins * samples).map(move |k| a.position(k / samples, k % samples)))
                .collect();
            let shape = [axes.len() as i64, (self.bins * samples) as i64];
            let p = Tensor::f_from_slice(&positions)?.f_view(shape)?.f_to_device(device)?;
            let inside = p.f_ge(-1.0)?.f_logical_and(&p.f_le(size as f64)?)?.f_to_kind(kind)?;
            let clamped = p.f_clamp(0.0, (size - 1) as f64)?;
            let low = clamped.f_floor()?;
            let part = clamped.f_sub(&low)?;
            let low = low.f_to_kind(Kind::Int64)?;
            let high = low.f_add_scalar(1)?.f_clamp_max(size - 1)?;
            let first = part.f_neg()?.f_add_scalar(1)?.f_mul(&inside)?;
            Ok((low, high, first, part.f_mul(&inside)?))
        };
        let (y0, y1, wy0, wy1) = taps(&ys, height)?;
        let (x0, x1, wx0, wx1) = taps(&xs, width)?;
        let images: Vec<i64> = rois.iter().map(|r| r.image as i64).collect();
        let images = Tensor::f_from_slice(&images)?.f_to_device(device)?.f_view([-1, 1, 1])?;
        let flat = map.f_permute([0, 2, 3, 1])?.f_reshape([-1, channels])?.f_to_kind(kind)?;
        let (sy, sx) = (ys.first().map_or(0, |a| a.samples) as i64, xs.first().map_or(0, |a| a.samples) as i64);
        let (bins, count) = (self.bins as i64, rois.len() as i64);
        if sy * sx == 0 {
            return Ok(Tensor::f_zeros([count, channels, bins, bins], (map.kind(), device))?);
        }
        let tap = |y: &Tensor, weight_y: &Tensor, x: &Tensor, weight_x: &Tensor| -> Result<Tensor, Error> {
            let rows = images.f_mul_scalar(height)?.f_add(&y.f_unsqueeze(2)?)?;
            let index = rows.f_mul_scalar(width)?.f_add(&x.f_unsqueeze(1)?)?.f_reshape([-1])?;
            let weight = weight_y.f_unsqueeze(2)?.f_mul(&weight_x.f_unsqueeze(1)?)?.f_reshape([-1, 1])?;
            Ok(flat.f_index_select(0, &index)?.f_mul(&weight)?)
        };
        let sum = tap(&y0, &wy0, &x0, &wx0)?.f_add(&tap(&y0, &wy0, &x1, &wx1)?)?;
        let sum = sum.f_add(&tap(&y1, &wy1, &x0, &wx0)?)?.f_add(&tap(&y1, &wy1, &x1, &wx1)?)?;
        let pooled =
            sum.f_view([count, bins, sy, bins, sx, channels])?.f_mean_dim([2i64, 4].as_slice(), false, kind)?;
        Ok(pooled.f_permute([0, 3, 1, 2])?.f_to_kind(map.kind())?)
    }
}
