//! PIL's 8-bit resampling to the last bit.
//!
//! The references resize with PIL, and a difference of one grey level is enough to move a detection. General resizers
//! come within one level (theirs is another fixed point); this is PIL's: two passes, horizontal first, weights in
//! 22-bit fixed point, 8-bit intermediate (facts of Pillow's `Resample.c`).

use image::RgbImage;

/// Bits behind the point of a weight: 32, less 8 of the pixel and 2 of headroom.
const PRECISION: u32 = 22;

/// A resampling kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kernel {
    /// Triangle of radius 1.
    Bilinear,
    /// Cubic of radius 2 with a = -0.5.
    Bicubic,
}

impl Kernel {
    fn radius(self) -> f64 {
        match self {
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
        }
    }

    fn weight(self, x: f64) -> f64 {
        const A: f64 = -0.5;
        let x = x.abs();
        match self {
            Self::Bilinear => (1.0 - x).max(0.0),
            Self::Bicubic if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
            Self::Bicubic if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
            Self::Bicubic => 0.0,
        }
    }
}

/// The input pixels of one output pixel: the first, and a weight for each.
struct Taps {
    first: usize,
    weights: Vec<i32>,
}

fn taps(kernel: Kernel, input: u32, output: u32) -> Vec<Taps> {
    let scale = f64::from(input) / f64::from(output);
    let stretch = scale.max(1.0);
    let support = kernel.radius() * stretch;
    (0..output)
        .map(|i| {
            let centre = (f64::from(i) + 0.5) * scale;
            // `as` truncates, as the reference's cast does; negative values saturate at 0, where it clamps.
            let first = (centre - support + 0.5) as usize;
            let end = ((centre + support + 0.5) as usize).min(input as usize);
            let raw: Vec<f64> =
                (first..end).map(|x| kernel.weight((x as f64 - centre + 0.5) * (1.0 / stretch))).collect();
            let sum: f64 = raw.iter().sum();
            let fixed = |w: &f64| {
                let w = if sum != 0.0 { w / sum } else { *w } * f64::from(1u32 << PRECISION);
                (if w < 0.0 { w - 0.5 } else { w + 0.5 }) as i32
            };
            Taps { first, weights: raw.iter().map(fixed).collect() }
        })
        .collect()
}

fn round(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

const HALF: i32 = 1 << (PRECISION - 1);

/// `image` at `width` x `height`.
pub(super) fn resize(image: &RgbImage, width: u32, height: u32, kernel: Kernel) -> Vec<u8> {
    let (w, h) = image.dimensions();
    let rows = if w == width { image.as_raw().clone() } else { horizontal(image.as_raw(), w, width, kernel) };
    if h == height { rows } else { vertical(&rows, width, h, height, kernel) }
}

fn horizontal(source: &[u8], width: u32, target: u32, kernel: Kernel) -> Vec<u8> {
    let taps = taps(kernel, width, target);
    let mut output = Vec::with_capacity(source.len() / width as usize * target as usize);
    for row in source.chunks_exact(width as usize * 3) {
        for tap in &taps {
            let mut sum = [HALF; 3];
            let pixels = row[tap.first * 3..].as_chunks::<3>().0;
            for (pixel, &weight) in pixels.iter().zip(&tap.weights) {
                for (sum, &value) in sum.iter_mut().zip(pixel) {
                    *sum += i32::from(value) * weight;
                }
            }
            output.extend(sum.map(round));
        }
    }
    output
}

fn vertical(source: &[u8], width: u32, height: u32, target: u32, kernel: Kernel) -> Vec<u8> {
    let stride = width as usize * 3;
    let mut output = Vec::with_capacity(stride * target as usize);
    let mut sums = vec![0i32; stride];
    for tap in taps(kernel, height, target) {
        sums.fill(HALF);
        for (row, &weight) in source[tap.first * stride..].chunks_exact(stride).zip(&tap.weights) {
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum += i32::from(value) * weight;
            }
        }
        output.extend(sums.iter().map(|&sum| round(sum)));
    }
    output
}
