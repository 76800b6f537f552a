//! Prior boxes of one-stage detectors (docs/reference/dsod.md §1.2, docs/reference/refinedet.md §1 and §4.2).

use super::boxes::Bbox;
use crate::spec::{PriorMap, PriorRule};

/// The prior boxes of all maps, in the order of the predictors' outputs: map, row, column, shape.
#[derive(Debug, Clone, Default)]
pub struct Priors {
    /// Corners in the unit of the dialect: pixels, or fractions of the input's sides.
    pub corners: Vec<Bbox>,
    /// In the reference's own form: corners, or centre, width and height.
    pub reported: Vec<[f32; 4]>,
}

/// Computes the prior boxes for maps of (height, width) `grids` of an input of `size` (height, width) pixels.
pub fn priors(rule: PriorRule, maps: &[PriorMap], grids: &[(i64, i64)], size: (i64, i64)) -> Priors {
    let mut priors = Priors::default();
    for (map, &grid) in maps.iter().zip(grids) {
        match rule {
            PriorRule::Caffe => caffe(map, grid, size, &mut priors),
            PriorRule::Torchvision => torchvision(map, grid, size, &mut priors),
            PriorRule::Luuuyi | PriorRule::Uoip => centred(rule, map, grid, size, &mut priors),
        }
    }
    priors
}

/// Distance of the centres along one side.
fn step(map: &PriorMap, side: i64, cells: i64) -> f64 {
    if map.step > 0.0 { map.step } else { side as f64 / cells.max(1) as f64 }
}

fn cells((rows, columns): (i64, i64)) -> impl Iterator<Item = (i64, i64)> {
    (0..rows).flat_map(move |row| (0..columns).map(move |column| (row, column)))
}

/// Caffe's prior_box_layer: float32 all the way.
fn caffe(map: &PriorMap, grid: (i64, i64), size: (i64, i64), priors: &mut Priors) {
    let min = map.min.trunc() as f32;
    let mut shapes = vec![(min, min)];
    if let Some(max) = map.max {
        let square = (min * max.trunc() as f32).sqrt();
        shapes.push((square, square));
    }
    for &ratio in &map.ratios {
        for ratio in [ratio as f32, 1.0 / ratio as f32] {
            shapes.push((min * ratio.sqrt(), min / ratio.sqrt()));
        }
    }
    let (step_y, step_x) = (step(map, size.0, grid.0) as f32, step(map, size.1, grid.1) as f32);
    let (height, width) = (size.0 as f32, size.1 as f32);
    for (row, column) in cells(grid) {
        let (cx, cy) = ((column as f32 + 0.5) * step_x, (row as f32 + 0.5) * step_y);
        for &(w, h) in &shapes {
            let (w, h) = (w / 2.0, h / 2.0);
            let corners = [(cx - w) / width, (cy - h) / height, (cx + w) / width, (cy + h) / height];
            priors.push(if map.clip { corners.map(|v| v.clamp(0.0, 1.0)) } else { corners });
        }
    }
}

/// torchvision's DefaultBoxGenerator: fractions in float32, scaled to pixels at the end.
fn torchvision(map: &PriorMap, grid: (i64, i64), size: (i64, i64), priors: &mut Priors) {
    // The reference speaks of scales, fractions of a square input.
    let side = size.1 as f64;
    let min = map.min / side;
    let mut shapes = vec![(min, min)];
    if let Some(max) = map.max {
        let square = (min * (max / side)).sqrt();
        shapes.push((square, square));
    }
    for &ratio in &map.ratios {
        let (w, h) = (min * ratio.sqrt(), min / ratio.sqrt());
        shapes.extend([(w, h), (h, w)]);
    }
    let shapes: Vec<(f32, f32)> =
        shapes.into_iter().map(|(w, h)| ((w as f32).clamp(0.0, 1.0), (h as f32).clamp(0.0, 1.0))).collect();
    let (fy, fx) = (size.0 as f64 / step(map, size.0, grid.0), size.1 as f64 / step(map, size.1, grid.1));
    let (height, width) = (size.0 as f32, size.1 as f32);
    for (row, column) in cells(grid) {
        let (cx, cy) = ((column as f32 + 0.5) / fx as f32, (row as f32 + 0.5) / fy as f32);
        for &(w, h) in &shapes {
            priors.push([
                (cx - 0.5 * w) * width,
                (cy - 0.5 * h) * height,
                (cx + 0.5 * w) * width,
                (cy + 0.5 * h) * height,
            ]);
        }
    }
}

/// The PyTorch ports: centre, width and height in float64, stored as float32.
fn centred(rule: PriorRule, map: &PriorMap, grid: (i64, i64), size: (i64, i64), priors: &mut Priors) {
    let side = size.1 as f64;
    let min = map.min / side;
    let square = map.max.map(|max| (min * (max / side)).sqrt());
    let pair = |ratio: f64| (min * ratio.sqrt(), min / ratio.sqrt());
    let mut shapes = Vec::new();
    if rule == PriorRule::Uoip {
        shapes.extend(square.map(|s| (s, s)));
        shapes.extend(map.ratios.iter().rev().map(|&r| pair(1.0 / r)));
        shapes.push((min, min));
        shapes.extend(map.ratios.iter().map(|&r| pair(r)));
    } else {
        shapes.push((min, min));
        shapes.extend(square.map(|s| (s, s)));
        for &ratio in &map.ratios {
            let (w, h) = pair(ratio);
            shapes.extend([(w, h), (h, w)]);
        }
    }
    let (step_y, step_x) = (step(map, size.0, grid.0) / size.0 as f64, step(map, size.1, grid.1) / side);
    for (row, column) in cells(grid) {
        let (cx, cy) = ((column as f64 + 0.5) * step_x, (row as f64 + 0.5) * step_y);
        for &(w, h) in &shapes {
            let mut centred = [cx, cy, w, h].map(|v| v as f32);
            if rule == PriorRule::Luuuyi {
                centred = centred.map(|v| v.clamp(0.0, 1.0));
            }
            let [cx, cy, w, h] = centred;
            priors.corners.push([cx - w / 2.0, cy - h / 2.0, cx + w / 2.0, cy + h / 2.0]);
            priors.reported.push(centred);
        }
    }
}

impl Priors {
    fn push(&mut self, corners: Bbox) {
        self.corners.push(corners);
        self.reported.push(corners);
    }
}
