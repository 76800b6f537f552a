//! RoIAlign (arXiv 1703.06870 §3) over a feature pyramid; docs/reference/mask_rcnn.md §6.
//!
//! On the CPU our own loops run (`host`), forward and backward; elsewhere the same sums are tensor code (`device`),
//! which autograd differentiates. Both compute in float32, and in float64 for maps of that kind.

mod device;
mod host;
mod sampling;
#[cfg(test)]
mod tests;

use super::boxes::{Bbox, area};
use crate::Error;
use crate::spec::{LevelEpsilon, Rules};
use sampling::Real;
use tch::{Device, Kind, Tensor};
use vovdet_native::{Element, HostArray, with_backward};

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

/// Features of `rois` from a pyramid whose finest level has stride 4: `[R, C, bins, bins]`, channels last in memory on
/// the CPU; differentiable with respect to the maps.
///
/// # Errors
/// libtorch's message; a region of an image that the maps do not hold.
pub fn pyramid_roi_align(pyramid: &Pyramid, rois: &[Roi], rules: &Rules, bins: usize) -> Result<Tensor, Error> {
    let align = RoiAlign { bins, sampling: rules.roi_sampling, aligned: rules.roi_aligned };
    let of_level = rois.iter().map(|r| level(&r.bbox, rules, pyramid.levels())).collect();
    pyramid.roi_align(align, rois, of_level)
}

/// Finest level: one feature pixel for four input pixels, and each level doubles that.
fn scale(level: usize) -> f32 {
    0.25 / (1u32 << level) as f32
}

/// The levels of a feature pyramid, finest (stride 4) first, made ready once for all regions of a batch.
#[derive(Debug)]
pub struct Pyramid {
    maps: Maps,
    /// The levels `[N, C, H, W]` as gradients flow to them from [`Maps`] on the host; empty where none is needed.
    tracked: Vec<Tensor>,
    images: usize,
}

/// The levels as they are sampled.
#[derive(Debug)]
enum Maps {
    /// Channels last on the CPU, `[N, H, W, C]`: a sample is four contiguous rows of channels.
    Float(Vec<HostArray<f32>>),
    /// The same in float64.
    Double(Vec<HostArray<f64>>),
    /// `[N, C, H, W]` on another device.
    Device(Vec<Tensor>),
}

impl Pyramid {
    /// Takes the levels `[N, C, H, W]`. On the CPU they are copied unless they are channels last, float32 or float64,
    /// need no gradient, and these are the last handles to them.
    ///
    /// # Errors
    /// When there is no level, or one is empty or not `[N, C, H, W]` with as many images and channels as the first;
    /// libtorch's message.
    pub fn new(levels: Vec<Tensor>) -> Result<Self, Error> {
        let sizes = levels.iter().map(Tensor::size4).collect::<Result<Vec<_>, _>>()?;
        let Some(&(images, channels, ..)) = sizes.first() else {
            return Err(Error::Input("RoIAlign needs a feature level".into()));
        };
        if channels < 1 || sizes.iter().any(|&(n, c, h, w)| (n, c) != (images, channels) || h < 1 || w < 1) {
            return Err(Error::Input(format!("the levels of a feature pyramid do not fit together: {sizes:?}")));
        }
        let (maps, tracked) = if levels[0].device() != Device::Cpu {
            (Maps::Device(levels), Vec::new())
        } else if levels[0].kind() == Kind::Double {
            let (maps, tracked) = channels_last(levels)?;
            (Maps::Double(maps), tracked)
        } else {
            let (maps, tracked) = channels_last(levels)?;
            (Maps::Float(maps), tracked)
        };
        Ok(Self { maps, tracked, images: images as usize })
    }

    fn levels(&self) -> usize {
        match &self.maps {
            Maps::Float(maps) => maps.len(),
            Maps::Double(maps) => maps.len(),
            Maps::Device(maps) => maps.len(),
        }
    }

    /// `[R, C, bins, bins]`; `of_level` says which level each region is taken from.
    fn roi_align(&self, align: RoiAlign, rois: &[Roi], of_level: Vec<usize>) -> Result<Tensor, Error> {
        if let Some(roi) = rois.iter().find(|r| r.image >= self.images) {
            return Err(Error::Input(format!("a region of image {} in a batch of {}", roi.image, self.images)));
        }
        match &self.maps {
            Maps::Float(maps) => self.on_host(align, maps, rois, of_level),
            Maps::Double(maps) => self.on_host(align, maps, rois, of_level),
            Maps::Device(maps) => align.on_device(maps, rois, &of_level),
        }
    }

    fn on_host<T: Real>(
        &self,
        align: RoiAlign,
        maps: &[HostArray<T>],
        rois: &[Roi],
        of_level: Vec<usize>,
    ) -> Result<Tensor, Error> {
        let output = align.forward(maps, rois, &of_level)?;
        if self.tracked.is_empty() {
            return Ok(output);
        }
        let shapes: Vec<Vec<i64>> = maps.iter().map(|m| m.shape().to_vec()).collect();
        let (rois, inputs) = (rois.to_vec(), self.tracked.iter().collect::<Vec<_>>());
        Ok(with_backward(output, &inputs, move |gradient| {
            align.backward::<T>(&shapes, &rois, &of_level, gradient).map_err(|e| format!("RoIAlign: {e}"))
        })?)
    }
}

/// The levels as `[N, H, W, C]`, and as tensors if gradients flow to any of them.
fn channels_last<T: Element>(levels: Vec<Tensor>) -> Result<(Vec<HostArray<T>>, Vec<Tensor>), Error> {
    let mut tracked = Vec::new();
    let differentiable = levels.iter().any(Tensor::requires_grad);
    let mut maps = Vec::with_capacity(levels.len());
    for level in levels {
        let converted = level.f_to_kind(T::KIND)?;
        let map = converted.f_detach()?.f_permute([0, 2, 3, 1])?;
        if differentiable {
            tracked.push(converted);
        } else {
            // The last handles but `map`, whose memory is then taken over and not copied.
            drop((level, converted));
        }
        maps.push(HostArray::new(map)?);
    }
    Ok((maps, tracked))
}
