//! From a decoded image to the network's input: the one geometry that predict, evaluate and train share.
//!
//! Nothing here calls libtorch's threaded operators, so that worker threads can prepare images while the network runs.

mod cv;
mod pil;

use crate::Error;
use crate::ops::boxes::Bbox;
use crate::spec::{ChannelOrder, InputSpec, Resampler, ResizeRule, Rounding};
use fast_image_resize::images::Image;
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;
use pil::Kernel;
use tch::{Device, Kind, Tensor};

/// Most pixels of the resized image, and of what lies between the two passes of the resize: 200 MB of bytes. Ordinary
/// images need a few million; a picture of 1 x 10,000 pixels whose short side becomes 256 would need 655.
const MAX_RESIZED: u64 = 1 << 26;

/// One image, ready to be batched.
#[derive(Debug)]
pub struct Prepared {
    /// `[height, width, 3]`, normalised, not padded; float32.
    pixels: Vec<f32>,
    /// Where its pixels come from.
    pub geometry: Geometry,
}

/// Widths and heights on the two sides of the resize.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    /// The original image, in pixels.
    pub original: (u32, u32),
    /// The network's input without padding, in pixels.
    pub resized: (u32, u32),
}

impl Geometry {
    /// An input that was never resized.
    pub fn unscaled(width: u32, height: u32) -> Self {
        Self { original: (width, height), resized: (width, height) }
    }

    /// A box in pixels of the input as one in pixels of the original image.
    pub fn to_original(&self, b: &Bbox) -> Bbox {
        let x = self.original.0 as f32 / self.resized.0 as f32;
        let y = self.original.1 as f32 / self.resized.1 as f32;
        [b[0] * x, b[1] * y, b[2] * x, b[3] * y]
    }
}

impl Prepared {
    /// The input as a tensor `[3, H, W]` (channels last in memory), without padding.
    pub fn tensor(&self) -> Tensor {
        let (w, h) = self.geometry.resized;
        let (w, h) = (i64::from(w), i64::from(h));
        Tensor::from_slice(&self.pixels).view([h, w, 3]).permute([2, 0, 1])
    }
}

impl InputSpec {
    /// Resizes and normalises an image.
    ///
    /// # Errors
    /// When the image is empty, or so elongated that a side of the input would vanish or the input be huge.
    pub fn prepare(&self, image: &RgbImage) -> Result<Prepared, Error> {
        let _span = tracing::info_span!("prepare").entered();
        let (w, h) = image.dimensions();
        if w == 0 || h == 0 {
            return Err(Error::Input(format!("the image has no pixels ({w}x{h})")));
        }
        let (rw, rh) = self.resized_size(w, h);
        if rw == 0 || rh == 0 {
            return Err(Error::Input(format!("the image is too elongated to resize ({w}x{h})")));
        }
        // The first pass resizes the rows and keeps their number.
        if u64::from(rw) * u64::from(rh.max(h)) > MAX_RESIZED {
            return Err(Error::Input(format!(
                "the image is too elongated ({w}x{h}): resizing it to {rw}x{rh} would need more than {} million pixels; \
                 crop it",
                MAX_RESIZED / 1_000_000
            )));
        }
        let (pixels, resized) = match self.resampler {
            Resampler::TorchBilinear => (self.resize_floats(image, rw, rh)?, (rw, rh)),
            Resampler::PilBilinear => self.finish_bytes(&pil::resize(image, rw, rh, Kernel::Bilinear), rw, rh),
            Resampler::PilBicubic => self.finish_bytes(&pil::resize(image, rw, rh, Kernel::Bicubic), rw, rh),
            Resampler::CvBilinear => self.finish_bytes(&cv::resize(image, rw, rh), rw, rh),
        };
        Ok(Prepared { pixels, geometry: Geometry { original: (w, h), resized } })
    }

    /// Width and height after the resize, before any crop, for an image of `w` x `h` pixels.
    pub fn resized_size(&self, w: u32, h: u32) -> (u32, u32) {
        match self.resize {
            ResizeRule::CenterCrop { short, .. } => {
                let scale = |long: u32, s: u32| {
                    u32::try_from(u64::from(short) * u64::from(long) / u64::from(s)).unwrap_or(u32::MAX)
                };
                if w <= h { (short, scale(h, w)) } else { (scale(w, h), short) }
            }
            ResizeRule::Warp { size } => (size, size),
            ResizeRule::ShortSide { min, max, rounding } => match rounding {
                Rounding::MaskrcnnBenchmark => benchmark_size(w, h, min, max),
                Rounding::Detectron2 => detectron2_size(w, h, min, max),
                Rounding::Torchvision => torchvision_size(w, h, min, max),
            },
        }
    }

    /// Crop and normalisation of resized 8-bit pixels.
    fn finish_bytes(&self, resized: &[u8], w: u32, h: u32) -> (Vec<f32>, (u32, u32)) {
        let table = self.table();
        let (crop_w, crop_h) = match self.resize {
            ResizeRule::CenterCrop { crop, .. } => (crop.min(w), crop.min(h)),
            ResizeRule::ShortSide { .. } | ResizeRule::Warp { .. } => (w, h),
        };
        let (left, top) = (half_even((w - crop_w) as f64 / 2.0), half_even((h - crop_h) as f64 / 2.0));
        let mut pixels = Vec::with_capacity(crop_w as usize * crop_h as usize * 3);
        for row in resized.chunks_exact(w as usize * 3).skip(top as usize).take(crop_h as usize) {
            let row = &row[left as usize * 3..][..crop_w as usize * 3];
            for rgb in row.chunks_exact(3) {
                for (channel, values) in table.iter().enumerate() {
                    pixels.push(values[usize::from(rgb[self.source_channel(channel)])]);
                }
            }
        }
        (pixels, (crop_w, crop_h))
    }

    /// Normalisation first, then torch's two-tap kernel on floats.
    fn resize_floats(&self, image: &RgbImage, w: u32, h: u32) -> Result<Vec<f32>, Error> {
        let table = self.table();
        let mut source = Vec::with_capacity(image.as_raw().len() * 4);
        for rgb in image.as_raw().chunks_exact(3) {
            for (channel, values) in table.iter().enumerate() {
                source.extend_from_slice(&values[usize::from(rgb[self.source_channel(channel)])].to_ne_bytes());
            }
        }
        let source = Image::from_vec_u8(image.width(), image.height(), source, PixelType::F32x3).map_err(resizing)?;
        let mut target = Image::new(w, h, PixelType::F32x3);
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Interpolation(FilterType::Bilinear));
        Resizer::new().resize(&source, &mut target, &options).map_err(resizing)?;
        let floats = target.buffer().as_chunks::<4>().0.iter().map(|&bytes| f32::from_ne_bytes(bytes));
        Ok(floats.collect())
    }

    /// Normalised value of every grey level, per channel of the tensor: float32 arithmetic in the reference's order.
    fn table(&self) -> [Vec<f32>; 3] {
        // The references divide by 255; a multiplication by the rounded reciprocal would differ in the last bit.
        let divisor = (1.0 / self.scale).round();
        let exact = divisor >= 1.0 && (self.scale * divisor - 1.0).abs() < 1e-12;
        std::array::from_fn(|channel| {
            let (mean, std) = (self.mean[channel] as f32, self.std[channel] as f32);
            (0..=255u8)
                .map(|level| {
                    let level = f32::from(level);
                    let scaled = if exact { level / divisor as f32 } else { level * self.scale as f32 };
                    (scaled - mean) / std
                })
                .collect()
        })
    }

    fn source_channel(&self, channel: usize) -> usize {
        match self.channels {
            ChannelOrder::Rgb => channel,
            ChannelOrder::Bgr => 2 - channel,
        }
    }

    /// Width and height of an image's plane in the network's input, padding included, when its batch has no larger image.
    pub fn padded_size(&self, geometry: Geometry) -> (u32, u32) {
        let (w, h) = geometry.resized;
        let side = |side: u32| side.next_multiple_of(self.pad_to.max(1));
        (side(w), side(h))
    }

    /// Stacks inputs into `[N, 3, H, W]` (channels last in memory), zeros at the right and bottom up to the largest
    /// input and a multiple of `pad_to`.
    ///
    /// # Errors
    /// libtorch's message, for want of memory.
    pub fn batch(&self, inputs: &[Prepared], device: Device, kind: Kind) -> Result<Tensor, Error> {
        let sizes = || inputs.iter().map(|input| self.padded_size(input.geometry));
        let w = sizes().map(|(w, _)| w as usize).max().unwrap_or(1);
        let h = sizes().map(|(_, h)| h as usize).max().unwrap_or(1);
        let mut data = vec![0f32; inputs.len() * h * w * 3];
        for (input, plane) in inputs.iter().zip(data.chunks_exact_mut(h * w * 3)) {
            let row = input.geometry.resized.0 as usize * 3;
            for (from, to) in input.pixels.chunks_exact(row).zip(plane.chunks_exact_mut(w * 3)) {
                to[..row].copy_from_slice(from);
            }
        }
        let shape = [inputs.len() as i64, h as i64, w as i64, 3];
        let batch = Tensor::f_from_slice(&data)?.f_view(shape)?.f_to_device(device)?.f_to_kind(kind)?;
        Ok(batch.f_permute([0, 3, 1, 2])?)
    }
}

fn resizing(error: impl std::fmt::Display) -> Error {
    Error::Input(format!("the image cannot be resized: {error}"))
}

/// Rounds half to even, as Python and numpy do.
fn half_even(x: f64) -> u32 {
    x.round_ties_even() as u32
}

/// maskrcnn-benchmark: the short side is exact, the long one is truncated (docs/reference/mask_rcnn.md §9).
fn benchmark_size(w: u32, h: u32, min: u32, max: u32) -> (u32, u32) {
    let (short, long) = (f64::from(w.min(h)), f64::from(w.max(h)));
    let mut size = f64::from(min);
    if long / short * size > f64::from(max) {
        size = (f64::from(max) * short / long).round_ties_even();
    }
    let other = |side: u32, base: u32| (size * f64::from(side) / f64::from(base)) as u32;
    let size_px = size as u32;
    if w <= h && w == size_px || h <= w && h == size_px {
        (w, h)
    } else if w < h {
        (size_px, other(h, w))
    } else {
        (other(w, h), size_px)
    }
}

/// detectron2: both sides scaled, then rounded half up.
fn detectron2_size(w: u32, h: u32, min: u32, max: u32) -> (u32, u32) {
    let (w, h, size) = (f64::from(w), f64::from(h), f64::from(min));
    let scale = size / w.min(h);
    let (mut nw, mut nh) = if h < w { (scale * w, size) } else { (size, scale * h) };
    let long = nw.max(nh);
    if long > f64::from(max) {
        let scale = f64::from(max) / long;
        (nw, nh) = (nw * scale, nh * scale);
    }
    ((nw + 0.5) as u32, (nh + 0.5) as u32)
}

/// torchvision: one scale, a float32 number, and the floor of each side.
fn torchvision_size(w: u32, h: u32, min: u32, max: u32) -> (u32, u32) {
    let scale = (min as f32 / w.min(h) as f32).min(max as f32 / w.max(h) as f32);
    let side = |side: u32| (f64::from(side) * f64::from(scale)).floor() as u32;
    (side(w), side(h))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::spec::Dialect;

    /// A thin picture must not ask for gigabytes, whatever the rule; one that is merely long is prepared.
    #[test]
    fn thin_pictures_are_refused_before_memory_is_spent() {
        let coco = InputSpec::coco(Dialect::Torchvision).unwrap();
        for (spec, (w, h)) in [
            (InputSpec::imagenet(), (1, 1_000_000)),
            (InputSpec::imagenet(), (1_000_000, 1)),
            (InputSpec::imagenet(), (1, 10_000)),
            (InputSpec::caffe(300), (1, 1 << 24)),
            (InputSpec { resampler: Resampler::TorchBilinear, ..InputSpec::caffe(320) }, (1, 1 << 24)),
        ] {
            let error = spec.prepare(&RgbImage::new(w, h)).unwrap_err().to_string();
            assert!(error.contains("too elongated") && error.contains(&format!("{w}x{h}")), "{error}");
        }
        assert_eq!(InputSpec::imagenet().prepare(&RgbImage::new(20, 2000)).unwrap().geometry.resized, (224, 224));
        assert_eq!(InputSpec::caffe(300).prepare(&RgbImage::new(2, 65_535)).unwrap().geometry.resized, (300, 300));
        assert!(coco.prepare(&RgbImage::new(400, 30)).is_ok());
    }
}
