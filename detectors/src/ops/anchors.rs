//! Anchors of a pyramid level (docs/reference/mask_rcnn.md §3), computed where they are needed instead of stored.

use super::boxes::Bbox;
use crate::spec::{AnchorRule, AnchorSpec};

/// Cell anchors of the level with nominal `stride`, whose square anchor has side `size`, in the order of the ratios.
pub fn cell_anchors(rule: AnchorRule, spec: &AnchorSpec, size: f64, stride: f64) -> Vec<Bbox> {
    spec.ratios.iter().map(|&ratio| cell_anchor(rule, size, ratio, stride)).collect()
}

fn cell_anchor(rule: AnchorRule, size: f64, ratio: f64, stride: f64) -> Bbox {
    match rule {
        AnchorRule::Legacy => {
            // A stride-sized box is reshaped and rounded first, and only then scaled to the anchor's size.
            let w = (stride * stride / ratio).sqrt().round_ties_even();
            let h = (w * ratio).round_ties_even();
            let centre = 0.5 * (stride - 1.0);
            let (half_w, half_h) = (0.5 * (w * size / stride - 1.0), 0.5 * (h * size / stride - 1.0));
            [centre - half_w, centre - half_h, centre + half_w, centre + half_h].map(|v| v as f32)
        }
        AnchorRule::Exact => {
            let w = (size * size / ratio).sqrt();
            let h = ratio * w;
            [-w / 2.0, -h / 2.0, w / 2.0, h / 2.0].map(|v| v as f32)
        }
        AnchorRule::Rounded => {
            // float32 all the way, as the reference computes it.
            let (size, h_ratio) = (size as f32, (ratio as f32).sqrt());
            let w_ratio = 1.0 / h_ratio;
            let (w, h) = (w_ratio * size, h_ratio * size);
            [-w / 2.0, -h / 2.0, w / 2.0, h / 2.0].map(f32::round_ties_even)
        }
    }
}

/// The anchors of one level: anchor `i` belongs to row, column and ratio in that order of significance.
#[derive(Debug, Clone)]
pub struct AnchorGrid {
    cells: Vec<Bbox>,
    width: usize,
    stride: (f32, f32),
}

impl AnchorGrid {
    /// Anchors over a grid `width` cells wide whose cells are `stride` (x, y) input pixels apart.
    pub fn new(cells: Vec<Bbox>, width: usize, stride: (f32, f32)) -> Self {
        Self { cells, width, stride }
    }

    /// Anchor number `index` in input pixels.
    pub fn get(&self, index: usize) -> Bbox {
        let (cell, ratio) = (index / self.cells.len(), index % self.cells.len());
        let x = (cell % self.width) as f32 * self.stride.0;
        let y = (cell / self.width) as f32 * self.stride.1;
        let c = self.cells[ratio];
        [x + c[0], y + c[1], x + c[2], y + c[3]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATIOS: [f64; 3] = [0.5, 1.0, 2.0];

    fn level(rule: AnchorRule, size: f64, stride: f64) -> Vec<Bbox> {
        let spec = AnchorSpec { sizes: vec![size], ratios: RATIOS.to_vec(), cells: Vec::new() };
        cell_anchors(rule, &spec, size, stride)
    }

    /// Values of docs/reference/mask_rcnn.md §3, which are also those in published checkpoints.
    #[test]
    fn legacy_anchors_are_those_of_the_checkpoints() {
        let expected: [(f64, f64, [Bbox; 3]); 5] = [
            (32., 4., [[-22., -10., 25., 13.], [-14., -14., 17., 17.], [-10., -22., 13., 25.]]),
            (64., 8., [[-40., -20., 47., 27.], [-28., -28., 35., 35.], [-20., -44., 27., 51.]]),
            (128., 16., [[-84., -40., 99., 55.], [-56., -56., 71., 71.], [-36., -80., 51., 95.]]),
            (256., 32., [[-164., -72., 195., 103.], [-112., -112., 143., 143.], [-76., -168., 107., 199.]]),
            (512., 64., [[-332., -152., 395., 215.], [-224., -224., 287., 287.], [-148., -328., 211., 391.]]),
        ];
        for (size, stride, anchors) in expected {
            assert_eq!(level(AnchorRule::Legacy, size, stride), anchors, "size {size}");
        }
    }

    /// Values of docs/reference/mask_rcnn.md §3.
    #[test]
    fn rounded_anchors_are_torchvisions() {
        assert_eq!(level(AnchorRule::Rounded, 32., 4.)[0], [-23., -11., 23., 11.]);
        assert_eq!(level(AnchorRule::Rounded, 64., 8.)[2], [-23., -45., 23., 45.]);
        assert_eq!(level(AnchorRule::Rounded, 512., 64.)[0], [-362., -181., 362., 181.]);
    }

    #[test]
    fn grid_goes_row_column_ratio() {
        let grid = AnchorGrid::new(vec![[0., 0., 1., 1.], [0., 0., 2., 2.]], 3, (4.0, 8.0));
        assert_eq!(grid.get(0), [0., 0., 1., 1.]);
        assert_eq!(grid.get(3), [4., 0., 6., 2.]);
        assert_eq!(grid.get(6), [0., 8., 1., 9.]);
    }
}
