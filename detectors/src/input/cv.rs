//! OpenCV's bilinear resize of 8-bit images: two taps a side without antialiasing, in 11-bit fixed point.
//!
//! Source: cv::resize with INTER_LINEAR for CV_8U; tests/fixtures/images holds what it makes of a photograph.

use image::RgbImage;

/// Bits of a weight.
const BITS: u32 = 11;

/// The two source samples of an output sample, and their weights.
struct Tap {
    from: [usize; 2],
    weights: [i32; 2],
}

/// One tap per output sample; `inside` clamps the position itself, as OpenCV does along rows but not along columns.
fn taps(source: u32, target: u32, inside: bool) -> Vec<Tap> {
    let scale = f64::from(source) / f64::from(target);
    let last = i64::from(source) - 1;
    (0..target)
        .map(|i| {
            let position = ((f64::from(i) + 0.5) * scale - 0.5) as f32;
            let (mut at, mut fraction) = (position.floor() as i64, position - position.floor());
            if inside && (at < 0 || at >= last) {
                (at, fraction) = (at.clamp(0, last), 0.0);
            }
            let weight = |w: f32| (w * (1 << BITS) as f32).round_ties_even() as i32;
            Tap {
                // Clamped into the image, so neither is negative.
                from: [at, at + 1].map(|k| k.clamp(0, last) as usize),
                weights: [weight(1.0 - fraction), weight(fraction)],
            }
        })
        .collect()
}

/// The image as `width` x `height` pixels, row by row, three bytes a pixel.
pub(super) fn resize(image: &RgbImage, width: u32, height: u32) -> Vec<u8> {
    if image.dimensions() == (width, height) {
        return image.as_raw().clone();
    }
    let (columns, rows) = (taps(image.width(), width, true), taps(image.height(), height, false));
    let stride = image.width() as usize * 3;
    let line = |row: usize, into: &mut Vec<i32>| {
        let source = &image.as_raw()[row * stride..][..stride];
        into.clear();
        for Tap { from, weights } in &columns {
            for channel in 0..3 {
                let sample = |k: usize| i32::from(source[from[k] * 3 + channel]) * weights[k];
                into.push(sample(0) + sample(1));
            }
        }
    };
    let (mut upper, mut lower) = (Vec::new(), Vec::new());
    let mut held = [usize::MAX; 2];
    let mut resized = Vec::with_capacity(width as usize * height as usize * 3);
    for Tap { from, weights } in &rows {
        if from[0] == held[1] {
            std::mem::swap(&mut upper, &mut lower);
            held = [held[1], usize::MAX];
        }
        if from[0] != held[0] {
            line(from[0], &mut upper);
        }
        if from[1] != held[1] {
            line(from[1], &mut lower);
        }
        held = *from;
        let mix = |(&a, &b): (&i32, &i32)| {
            let part = |value: i32, weight: i32| (weight * (value >> 4)) >> 16;
            // Weights sum to 2048, so the result fits a byte but for rounding at its end.
            ((part(a, weights[0]) + part(b, weights[1]) + 2) >> 2).clamp(0, 255) as u8
        };
        resized.extend(upper.iter().zip(&lower).map(mix));
    }
    resized
}
