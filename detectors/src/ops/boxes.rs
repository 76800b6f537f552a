//! Box coding and clipping (docs/reference/mask_rcnn.md §5).

/// `[x1, y1, x2, y2]` in pixels.
pub type Bbox = [f32; 4];

/// Where two-stage detectors clamp width and height deltas before the exponential: ln(1000 / 16).
pub const MAX_LOG_SCALE: f32 = 4.135_166_6;

/// Turns deltas into boxes, Faster R-CNN's parametrisation.
#[derive(Debug, Clone, Copy)]
pub struct BoxCoder {
    /// What the deltas (dx, dy, dw, dh) were multiplied by in training.
    pub weights: [f32; 4],
    /// 1 where boxes hold their last pixel (maskrcnn-benchmark), else 0.
    pub plus_one: f32,
    /// Width and height deltas are clamped here before the exponential.
    pub max_log_scale: f32,
}

impl BoxCoder {
    /// Applies `deltas` to `anchor`.
    pub fn decode(&self, deltas: [f32; 4], anchor: &Bbox) -> Bbox {
        let w = anchor[2] - anchor[0] + self.plus_one;
        let h = anchor[3] - anchor[1] + self.plus_one;
        let cx = anchor[0] + 0.5 * w;
        let cy = anchor[1] + 0.5 * h;
        let [dx, dy, dw, dh] = std::array::from_fn(|i| deltas[i] / self.weights[i]);
        let (cx, cy) = (dx * w + cx, dy * h + cy);
        let half_w = 0.5 * (dw.min(self.max_log_scale).exp() * w);
        let half_h = 0.5 * (dh.min(self.max_log_scale).exp() * h);
        [cx - half_w, cy - half_h, cx + half_w - self.plus_one, cy + half_h - self.plus_one]
    }
}

/// Moves the corners into an image of `width` x `height` pixels.
pub fn clip(b: &Bbox, width: f32, height: f32, plus_one: f32) -> Bbox {
    let (right, bottom) = (width - plus_one, height - plus_one);
    [b[0].clamp(0.0, right), b[1].clamp(0.0, bottom), b[2].clamp(0.0, right), b[3].clamp(0.0, bottom)]
}

/// Area in pixels.
pub fn area(b: &Bbox, plus_one: f32) -> f32 {
    (b[2] - b[0] + plus_one) * (b[3] - b[1] + plus_one)
}

/// True when no coordinate is NaN or infinite.
pub fn is_finite(b: &Bbox) -> bool {
    b.iter().all(|v| v.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hand calculation: shift by half a side, double the width, keep the height.
    #[test]
    fn decodes_by_hand() {
        let coder = BoxCoder { weights: [10.0, 10.0, 5.0, 5.0], plus_one: 0.0, max_log_scale: MAX_LOG_SCALE };
        let decoded = coder.decode([5.0, 0.0, 5.0 * 2f32.ln(), 0.0], &[0.0, 0.0, 10.0, 20.0]);
        for (got, want) in decoded.iter().zip([0.0, 0.0, 20.0, 20.0]) {
            assert!((got - want).abs() < 1e-5, "{decoded:?}");
        }
    }

    #[test]
    fn zero_deltas_keep_the_box_in_both_conventions() {
        for plus_one in [0.0, 1.0] {
            let coder = BoxCoder { weights: [1.0; 4], plus_one, max_log_scale: MAX_LOG_SCALE };
            assert_eq!(coder.decode([0.0; 4], &[3.0, 4.0, 10.0, 19.0]), [3.0, 4.0, 10.0, 19.0]);
        }
    }

    #[test]
    fn growth_is_bounded() {
        let coder = BoxCoder { weights: [1.0; 4], plus_one: 0.0, max_log_scale: MAX_LOG_SCALE };
        let [x1, _, x2, _] = coder.decode([0.0, 0.0, 100.0, 0.0], &[0.0, 0.0, 16.0, 16.0]);
        assert!((x2 - x1 - 1000.0).abs() < 1e-2, "16 px grow to 1000 px at most");
    }
}
