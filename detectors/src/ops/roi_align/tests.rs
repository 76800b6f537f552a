#![allow(clippy::unwrap_used)]
use super::*;
use crate::spec::Dialect;

const SHAPE: [i64; 4] = [2, 3, 9, 11];

/// The definition of docs/reference/mask_rcnn.md §6, one value at a time, in float64; `value` reads the map at row and
/// column.
fn slow(value: &dyn Fn(i64, i64) -> f64, roi: &Roi, scale: f64, align: RoiAlign, by: usize, bx: usize) -> f64 {
    let [_, _, h, w] = SHAPE;
    let shift = if align.aligned { 0.5 } else { 0.0 };
    let corner = |i: usize| f64::from(roi.bbox[i]) * scale - shift;
    let size = |low: usize| {
        let s = corner(low + 2) - corner(low);
        if align.aligned { s } else { s.max(1.0) }
    };
    let (bin_w, bin_h) = (size(0) / align.bins as f64, size(1) / align.bins as f64);
    let samples = |bin: f64| if align.sampling > 0 { align.sampling } else { bin.ceil() as usize };
    let (sx, sy) = (samples(bin_w), samples(bin_h));
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

const SAMPLINGS: [(usize, bool); 4] = [(2, false), (0, true), (2, true), (0, false)];

/// Inside, over every border, smaller than a pixel, wide, wholly outside, and turned inside out.
fn rois() -> Vec<Roi> {
    let bbox = [
        [3.0, 2.0, 30.0, 33.0],
        [-9.0, -9.0, 60.0, 50.0],
        [10.0, 10.0, 10.5, 10.5],
        [20.0, 8.0, 41.0, 12.0],
        [90.0, 90.0, 130.0, 140.0],
        [-40.0, 3.0, 5.0, 9.0],
        [30.0, 25.0, 12.0, 20.0],
    ];
    bbox.iter().enumerate().map(|(i, &bbox)| Roi { image: i % 2, bbox }).collect()
}

/// Numbers in -1..1 without an order. Not libtorch's: its generator is that of all threads, and tests run side by side.
fn random(seed: i64, shape: &[i64], kind: Kind) -> Tensor {
    let places = Tensor::arange(shape.iter().product::<i64>(), (Kind::Double, Device::Cpu));
    (&places * &places * 0.618 + seed as f64).sin().view(shape).to_kind(kind)
}

fn on_host(align: RoiAlign, levels: &[Tensor], rois: &[Roi], of_level: &[usize]) -> Tensor {
    let levels = levels.iter().map(Tensor::shallow_clone).collect();
    Pyramid::new(levels).unwrap().roi_align(align, rois, of_level.to_vec()).unwrap()
}

fn on_device(align: RoiAlign, levels: &[Tensor], rois: &[Roi], of_level: &[usize]) -> Tensor {
    align.on_device(levels, rois, of_level).unwrap()
}

type Form = fn(RoiAlign, &[Tensor], &[Roi], &[usize]) -> Tensor;
const FORMS: [(&str, Form); 2] = [("host", on_host), ("device", on_device)];

#[test]
fn both_forms_agree_with_the_definition() {
    let rois = rois();
    for (kind, within) in [(Kind::Float, 1e-4), (Kind::Double, 1e-12)] {
        let map = random(7, &SHAPE, kind);
        for (sampling, aligned) in SAMPLINGS {
            let align = RoiAlign { bins: 3, sampling, aligned };
            for (form, pool) in FORMS {
                let pooled = pool(align, &[map.shallow_clone()], &rois, &vec![0; rois.len()]);
                assert_eq!(pooled.kind(), kind);
                for (r, roi) in rois.iter().enumerate() {
                    for (c, cell) in (0..3i64).flat_map(|c| (0..9).map(move |cell| (c, cell))) {
                        let value = |y, x| map.double_value(&[roi.image as i64, c, y, x]);
                        let want = slow(&value, roi, 0.25, align, cell / 3, cell % 3);
                        let got = pooled.double_value(&[r as i64, c, (cell / 3) as i64, (cell % 3) as i64]);
                        let text = format!("{form} {sampling} {aligned} {r} {c} {cell}: {got} {want}");
                        assert!((got - want).abs() < within, "{text}");
                    }
                }
            }
        }
    }
}

/// The definition is linear in the map, so central differences are exact but for rounding.
#[test]
fn gradients_agree_with_finite_differences_of_the_definition() {
    let rois = rois();
    let map = random(7, &SHAPE, Kind::Double);
    let values = Vec::<f64>::try_from(map.view([-1])).unwrap();
    let weights = random(8, &[rois.len() as i64, 3, 3, 3], Kind::Double);
    let [_, channels, height, width] = SHAPE;
    for (sampling, aligned) in SAMPLINGS {
        let align = RoiAlign { bins: 3, sampling, aligned };
        let gradient = FORMS.map(|(_, pool)| {
            let map = map.copy().set_requires_grad(true);
            let pooled = pool(align, &[map.shallow_clone()], &rois, &vec![0; rois.len()]);
            (pooled * &weights).sum(Kind::Double).backward();
            map.grad()
        });
        let weights = Vec::<f64>::try_from(weights.view([-1])).unwrap();
        for pixel in 0..values.len() as i64 {
            let (plane, at) = (pixel / (height * width), pixel % (height * width));
            let (image, c) = (plane / channels, plane % channels);
            // What the loss would be if this pixel had changed so much; other channels and images do not see it.
            let loss = |change: f64| {
                let value = |y: i64, x: i64| {
                    let index = y * width + x;
                    values[(plane * height * width + index) as usize] + if index == at { change } else { 0.0 }
                };
                let seen = rois.iter().enumerate().filter(|(_, roi)| roi.image as i64 == image);
                let terms = seen.flat_map(|(r, roi)| (0..9).map(move |cell| (r, roi, cell)));
                let term = |(r, roi, cell): (usize, &Roi, usize)| {
                    let weight = weights[(r * channels as usize + c as usize) * 9 + cell];
                    weight * slow(&value, roi, 0.25, align, cell / 3, cell % 3)
                };
                terms.map(term).sum::<f64>()
            };
            let want = (loss(1.0) - loss(-1.0)) / 2.0;
            for (gradient, (form, _)) in gradient.iter().zip(FORMS) {
                let got = gradient.double_value(&[image, c, at / width, at % width]);
                assert!((got - want).abs() < 1e-12, "{form} {sampling} {aligned} pixel {pixel}: {got} {want}");
            }
        }
    }
}

/// tests/fixtures/roi_align/make.py.
#[test]
fn both_forms_agree_with_torchvision_and_its_backward() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/roi_align/torchvision.safetensors");
    let named: std::collections::HashMap<String, Tensor> =
        Tensor::read_safetensors(file).unwrap().into_iter().collect();
    let rows = Vec::<Vec<f64>>::try_from(&named["rois"]).unwrap();
    let roi = |row: &Vec<f64>| Roi { image: row[0] as usize, bbox: std::array::from_fn(|i| row[i + 1] as f32) };
    let rois: Vec<Roi> = rows.iter().map(roi).collect();
    for (sampling, aligned) in SAMPLINGS {
        let align = RoiAlign { bins: 3, sampling, aligned };
        let name = format!("sampling{sampling}{}", if aligned { "_aligned" } else { "" });
        for (form, pool) in FORMS {
            let map = named["map"].copy().set_requires_grad(true);
            let pooled = pool(align, &[map.shallow_clone()], &rois, &vec![0; rois.len()]);
            (&pooled * &named["weights"]).sum(Kind::Double).backward();
            for (what, ours) in [("output", pooled.detach()), ("gradient", map.grad())] {
                let apart = (ours - &named[&format!("{name}.{what}")]).abs().max().double_value(&[]);
                assert!(apart < 1e-13, "{form} {name} {what}: {apart}");
            }
        }
    }
}

/// Several levels, one without regions, in both kinds and both memory layouts.
#[test]
fn both_forms_have_the_same_gradients_over_a_pyramid() {
    let rois: Vec<Roi> = (0..3).flat_map(|_| rois()).collect();
    let of_level: Vec<usize> = (0..rois.len()).map(|i| [0, 1, 3][i % 3]).collect();
    let sides = [(40, 37), (20, 19), (10, 10), (5, 5)];
    for (kind, within) in [(Kind::Double, 1e-13), (Kind::Float, 1e-5)] {
        for (sampling, aligned) in SAMPLINGS {
            let align = RoiAlign { bins: 7, sampling, aligned };
            let gradients = FORMS.map(|(_, pool)| {
                let leaves: Vec<Tensor> = (1..)
                    .zip(sides)
                    .map(|(i, (h, w))| random(i, &[2, 5, h, w], kind).set_requires_grad(true))
                    .collect();
                // Behind an operation, as in a network; the second level is channels last.
                let mut levels: Vec<Tensor> = leaves.iter().map(|leaf| leaf * 2.0).collect();
                levels[1] = levels[1].permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2]);
                let pooled = pool(align, &levels, &rois, &of_level);
                let weights = random(9, &pooled.size(), kind);
                (pooled.square() * weights).sum(kind).backward();
                leaves.iter().map(Tensor::grad).collect::<Vec<_>>()
            });
            for (level, (host, device)) in gradients[0].iter().zip(&gradients[1]).enumerate() {
                let scale = if device.defined() { device.abs().max().double_value(&[]) } else { 0.0 };
                assert_eq!(scale > 0.0, level != 2, "only the third level has no regions");
                let zero = Tensor::zeros([1], (kind, Device::Cpu));
                let or_zero = |t: &Tensor| if t.defined() { t.shallow_clone() } else { zero.shallow_clone() };
                let apart = (or_zero(host) - or_zero(device)).abs().max().double_value(&[]);
                assert!(apart <= within * scale, "{kind:?} {sampling} {aligned} level {level}: {apart} of {scale}");
            }
        }
    }
}

#[test]
fn gradients_do_not_depend_on_the_number_of_threads() {
    let rois: Vec<Roi> = (0..20).flat_map(|_| rois()).collect();
    let gradient = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let map = random(7, &[2, 3, 50, 60], Kind::Float).set_requires_grad(true);
            let align = RoiAlign { bins: 7, sampling: 2, aligned: true };
            let pooled = on_host(align, &[map.shallow_clone()], &rois, &vec![0; rois.len()]);
            let weights = random(8, &pooled.size(), Kind::Float);
            // Backward runs on the calling thread, so in this pool.
            (pooled * weights).sum(Kind::Float).backward();
            map.grad()
        })
    };
    let one = gradient(1);
    for threads in [2, 3, 8] {
        assert_eq!(gradient(threads), one, "{threads}");
    }
}

#[test]
fn maps_of_ones_own_are_not_copied() {
    let map = random(7, &[2, 9, 11, 3], Kind::Float).permute([0, 3, 1, 2]);
    let address = map.data_ptr() as usize;
    let pyramid = tch::no_grad(|| Pyramid::new(vec![map])).unwrap();
    let Maps::Float(maps) = &pyramid.maps else { panic!("float32") };
    assert_eq!(maps[0].as_ptr() as usize, address);
}

#[test]
fn what_does_not_fit_is_an_error() {
    let map = |shape: &[i64]| random(1, shape, Kind::Float);
    assert!(Pyramid::new(vec![]).is_err());
    assert!(Pyramid::new(vec![map(&[3, 4, 5])]).is_err());
    assert!(Pyramid::new(vec![map(&[1, 3, 4, 5]), map(&[1, 4, 2, 2])]).is_err());
    assert!(Pyramid::new(vec![map(&[1, 3, 0, 5])]).is_err());
    let pyramid = Pyramid::new(vec![map(&[1, 3, 4, 5])]).unwrap();
    let roi = Roi { image: 1, bbox: [0.0, 0.0, 4.0, 4.0] };
    let rules = Dialect::Torchvision.rules().unwrap();
    assert!(pyramid_roi_align(&pyramid, &[roi], rules, 7).is_err());
    assert_eq!(pyramid_roi_align(&pyramid, &[], rules, 7).unwrap().size(), [0, 3, 7, 7]);
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
