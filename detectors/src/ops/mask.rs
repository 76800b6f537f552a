//! From 28x28 probabilities to run-length masks in the photograph (docs/reference/mask_rcnn.md §10).
//!
//! Runs are written directly, column by column as COCO orders them: no bitmap of the photograph is ever made.

use super::boxes::Bbox;
use crate::spec::MaskPaste;
use hotcoco::Rle;

/// Pastes the `side` x `side` probabilities of one detection into a photograph of `width` x `height` pixels.
pub fn paste(probabilities: &[f32], side: usize, bbox: &Bbox, width: u32, height: u32, rule: MaskPaste) -> Rle {
    let (columns, rows) = match rule {
        MaskPaste::Integer => integer_taps(bbox, side, width, height),
        MaskPaste::Sampled => sampled_taps(bbox, side, width, height),
    };
    let inside = |value: f32| match rule {
        MaskPaste::Integer => value > 0.5,
        MaskPaste::Sampled => value >= 0.5,
    };
    let mut runs = Runs::new(width, height);
    for x in &columns.taps {
        for y in &rows.taps {
            let at = |yi: Option<usize>, xi: Option<usize>| match (yi, xi) {
                (Some(yi), Some(xi)) => probabilities[yi * side + xi],
                _ => 0.0,
            };
            let top = (1.0 - x.part) * at(y.low, x.low) + x.part * at(y.low, x.high);
            let bottom = (1.0 - x.part) * at(y.high, x.low) + x.part * at(y.high, x.high);
            if inside((1.0 - y.part) * top + y.part * bottom) {
                runs.set(x.pixel, y.pixel);
            }
        }
    }
    runs.finish()
}

/// Where one pixel row or column of the photograph samples the mask; `None` is the zero border.
struct Tap {
    pixel: u32,
    low: Option<usize>,
    high: Option<usize>,
    part: f32,
}

struct Taps {
    taps: Vec<Tap>,
}

fn in_mask(index: i64, side: usize) -> Option<usize> {
    usize::try_from(index).ok().filter(|&i| i < side)
}

/// The mask padded by one zero, the box grown to match and truncated to integers, a bilinear resize to its size.
fn integer_taps(bbox: &Bbox, side: usize, width: u32, height: u32) -> (Taps, Taps) {
    let padded = side + 2;
    let grow = padded as f32 / side as f32;
    let axis = |low: f32, high: f32, limit: u32| {
        let half = (high - low) * 0.5 * grow;
        let centre = (high + low) * 0.5;
        // `as` truncates toward zero and saturates, as the references' cast does within their range.
        let (first, last) = ((centre - half) as i64, (centre + half) as i64);
        let length = (last - first + 1).max(1);
        let scale = padded as f32 / length as f32;
        let taps = (first.max(0)..(last + 1).min(i64::from(limit)))
            .map(|pixel| {
                let source = (scale * ((pixel - first) as f32 + 0.5) - 0.5).max(0.0);
                let low = source as i64;
                let high = (low + 1).min(padded as i64 - 1);
                let part = source - low as f32;
                // The range starts at 0 and ends at `limit`, so the pixel fits in u32.
                Tap { pixel: pixel as u32, low: in_mask(low - 1, side), high: in_mask(high - 1, side), part }
            })
            .collect();
        Taps { taps }
    };
    (axis(bbox[0], bbox[2], width), axis(bbox[1], bbox[3], height))
}

/// Every pixel centre mapped into the box, zeros around the mask.
fn sampled_taps(bbox: &Bbox, side: usize, width: u32, height: u32) -> (Taps, Taps) {
    let axis = |low: f32, high: f32, limit: u32| {
        let first = (low.floor() as i64 - 1).max(0);
        let last = (high.ceil() as i64 + 1).min(i64::from(limit));
        let taps = (first..last)
            .map(|pixel| {
                // The reference's arithmetic: to [-1, 1] over the box, then to mask pixels with half-pixel corners.
                let unit = (pixel as f32 + 0.5 - low) / (high - low) * 2.0 - 1.0;
                let source = ((unit + 1.0) * side as f32 - 1.0) / 2.0;
                let floor = source.floor();
                let (low, part) = (floor as i64, source - floor);
                Tap { pixel: pixel as u32, low: in_mask(low, side), high: in_mask(low.saturating_add(1), side), part }
            })
            .collect();
        Taps { taps }
    };
    (axis(bbox[0], bbox[2], width), axis(bbox[1], bbox[3], height))
}

/// Collects set pixels in column-major order into runs.
struct Runs {
    width: u32,
    height: u32,
    counts: Vec<u32>,
    /// First position behind the last run of ones.
    end: u64,
}

impl Runs {
    fn new(width: u32, height: u32) -> Self {
        Self { width, height, counts: Vec::new(), end: 0 }
    }

    fn set(&mut self, x: u32, y: u32) {
        let position = u64::from(x) * u64::from(self.height) + u64::from(y);
        match self.counts.last_mut() {
            Some(run) if position == self.end => *run += 1,
            // Images hold fewer than 2^32 pixels, so a run fits in u32.
            _ => self.counts.extend([(position - self.end) as u32, 1]),
        }
        self.end = position + 1;
    }

    fn finish(mut self) -> Rle {
        let total = u64::from(self.width) * u64::from(self.height);
        if self.end < total || self.counts.is_empty() {
            self.counts.push((total - self.end) as u32);
        }
        Rle { h: self.height, w: self.width, counts: self.counts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_what_hotcoco_encodes() {
        let (w, h) = (5u32, 4u32);
        for seed in 0..300u32 {
            let bits: Vec<u8> =
                (0..w * h).map(|i| ((seed.wrapping_mul(2_654_435_761) >> (i % 31)) & 1) as u8).collect();
            let mut runs = Runs::new(w, h);
            for (i, _) in bits.iter().enumerate().filter(|(_, b)| **b == 1) {
                runs.set(i as u32 / h, i as u32 % h);
            }
            let rle = runs.finish();
            assert_eq!(hotcoco::mask::decode(&rle), bits, "seed {seed}");
            assert_eq!(rle, hotcoco::mask::encode(&bits, h, w).unwrap_or_else(|e| panic!("{e}")));
        }
    }

    /// A mask that is certain everywhere covers its box exactly, and a box outside the picture covers nothing.
    #[test]
    fn a_full_mask_fills_its_box() {
        let full = [1.0f32; 28 * 28];
        for rule in [MaskPaste::Integer, MaskPaste::Sampled] {
            let rle = paste(&full, 28, &[10.0, 20.0, 38.0, 48.0], 100, 80, rule);
            let [x, y, w, h] = hotcoco::mask::to_bbox(&rle);
            let slack = if rule == MaskPaste::Sampled { 0.0 } else { 1.0 };
            assert!((x - 10.0).abs() <= slack && (y - 20.0).abs() <= slack, "{rule:?} {x} {y}");
            assert!((w - 28.0).abs() <= 2.0 * slack && (h - 28.0).abs() <= 2.0 * slack, "{rule:?} {w} {h}");
            let outside = paste(&full, 28, &[200.0, 20.0, 238.0, 48.0], 100, 80, rule);
            assert_eq!(hotcoco::mask::area(&outside), 0);
        }
    }
}
