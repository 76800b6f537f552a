//! One-stage detectors by name: `refinedet320_vovnet39`, `dsod300_ds64_64_16_1`, `ssd300_vgg16`, `pelee304`, …

use super::names::backbone;
use super::{
    BackboneSpec, BlockSpec, ChannelOrder, Dialect, DsodSpec, ExtraSpec, Form, HeadSpec, InputSpec, L2Spec,
    MobilenetV3Spec, ModelSpec, NormSpec, OneStagePost, OneStageSpec, PeleenetSpec, PriorMap, RefineSpec, Resampler,
    ResizeRule, Task, VggReduction, VggSpec,
};

/// Families whose names are `{family}{size}_{backbone}`, with the sizes that they come in.
const FAMILIES: [(&str, &[u32]); 4] =
    [("refinedet", &[320, 512]), ("dsod", &[300]), ("ssd", &[300, 512]), ("pelee", &[304])];

/// DSOD's own backbones: name, stem, bottleneck, growth (docs/reference/dsod.md §1.7).
const DSOD: [(&str, i64, i64, i64); 2] = [("ds64_192_48_1", 64, 192, 48), ("ds64_64_16_1", 64, 64, 16)];

const VGG: &str = "vgg16";
const SSDLITE: &str = "ssdlite320_mobilenet_v3_large";
const PELEE: &str = "pelee304";

/// The eps of BatchNorm behind DSOD's predictors, and everywhere in Pelee's detector.
const COARSE: NormSpec = NormSpec::batch(1e-3);

/// Names of all one-stage detectors on the given backbones.
pub(super) fn names(backbones: &[String]) -> Vec<String> {
    let mut names = Vec::new();
    for (family, sizes) in FAMILIES {
        let own: Vec<&str> = match family {
            "refinedet" | "ssd" => vec![VGG],
            "dsod" => DSOD.iter().map(|d| d.0).collect(),
            _ => Vec::new(),
        };
        for size in sizes {
            let all = own.iter().copied().chain(backbones.iter().map(String::as_str));
            names.extend(all.map(|backbone| format!("{family}{size}_{backbone}")));
        }
    }
    // Pelee's backbone is its own, so its name goes without.
    names.retain(|name| *name != "pelee304_peleenet");
    names.extend([PELEE, SSDLITE].map(String::from));
    names
}

/// The spec that `name` stands for; none if it is no one-stage detector, or `dialect` has none of its kind.
pub(super) fn named(name: &str, dialect: Option<Dialect>) -> Option<ModelSpec> {
    if name == SSDLITE {
        return dialect.is_none_or(|d| d == Dialect::Torchvision).then(ssdlite);
    }
    let (family, size, body) = split(if name == PELEE { "pelee304_peleenet" } else { name })?;
    let parts = match family {
        "refinedet" => refinedet(size, body, dialect)?,
        "dsod" => dsod(body, dialect)?,
        "ssd" => ssd(size, body, dialect)?,
        _ => pelee(body, dialect)?,
    };
    let (backbone, input, head) = parts;
    Some(ModelSpec { name: name.into(), backbone, task: Task::OneStage(head), input, classes: Vec::new() })
}

fn split(name: &str) -> Option<(&'static str, u32, &str)> {
    FAMILIES.iter().find_map(|&(family, sizes)| {
        let (size, body) = name.strip_prefix(family)?.split_once('_')?;
        let size = size.parse().ok()?;
        sizes.contains(&size).then_some((family, size, body))
    })
}

/// A backbone as the paper's Caffe code has it: pools that round up, ResNet's stride on the 1x1 convolutions.
fn caffe_body(name: &str) -> Option<BackboneSpec> {
    let mut spec = backbone(name, None)?;
    match &mut spec {
        BackboneSpec::Vovnet(v) if v.ese == super::Ese::None && v.form == Form::Pytorch => v.form = Form::Caffe,
        BackboneSpec::Resnet(r) => (r.form, r.stride_in_1x1) = (Form::Caffe, true),
        BackboneSpec::Densenet(d) => d.form = Form::Caffe,
        BackboneSpec::Peleenet(p) => p.form = Form::Caffe,
        _ => {}
    }
    Some(spec)
}

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|&n| n.to_owned()).collect()
}

/// Maps at strides 8, 16 and 32 of every backbone that has them.
const THREE: [&str; 3] = ["stage3", "stage4", "stage5"];

type Parts = (BackboneSpec, InputSpec, OneStageSpec);

/// docs/reference/refinedet.md §1, §4 and §5.
fn refinedet(size: u32, body: &str, dialect: Option<Dialect>) -> Option<Parts> {
    let vgg = body == VGG;
    let dialect = dialect.unwrap_or(Dialect::Caffe);
    match dialect {
        Dialect::Caffe => {}
        Dialect::Luuuyi if vgg => {}
        _ => return None,
    }
    let backbone = if vgg {
        let form = if dialect == Dialect::Caffe { Form::Caffe } else { Form::Pytorch };
        BackboneSpec::Vgg(VggSpec { reduced: VggReduction::RefineDet, form })
    } else {
        caffe_body(body)?
    };
    let norm = (!vgg).then_some(NormSpec::BATCH);
    let extra = if vgg {
        ExtraSpec::Conv { squeeze: 256, output: 512, kernel: 3, stride: 2, padding: 1, norm: None }
    } else {
        ExtraSpec::Residual { block: BlockSpec { width: 128, output: 512 }, norm: NormSpec::BATCH }
    };
    let prior = |min: f64, step: f64| PriorMap { min, max: None, ratios: vec![2.0], step, clip: false };
    // The test harness subtracts the mean first and resizes floats.
    let mut input = InputSpec { resampler: Resampler::TorchBilinear, ..InputSpec::caffe(size) };
    if dialect == Dialect::Luuuyi {
        input = InputSpec {
            channels: ChannelOrder::Rgb,
            mean: [123.0, 117.0, 104.0],
            resampler: Resampler::CvBilinear,
            ..input
        };
    }
    let head = OneStageSpec {
        dialect,
        taps: strings(if vgg { &["conv4_3", "conv5_3", "fc7"] } else { &THREE }),
        extras: vec![extra],
        l2: if vgg { vec![L2Spec { source: 0, initial: 10.0 }, L2Spec { source: 1, initial: 8.0 }] } else { vec![] },
        refine: Some(RefineSpec { channels: 256, norm, objectness: 0.01 }),
        head: HeadSpec {
            sources: vec![0, 1, 2, 3],
            block: norm.map(|_| BlockSpec { width: 256, output: 1024 }),
            block_norm: NormSpec::BATCH,
            kernel: 3,
            norm: None,
            depthwise: None,
        },
        priors: vec![prior(32.0, 8.0), prior(64.0, 16.0), prior(128.0, 32.0), prior(256.0, 64.0)],
        post: OneStagePost { score: 0.01, nms: 0.45, top_k: 1000, keep: 500, soft_nms: None },
    };
    Some((backbone, input, head))
}

/// What every SSD of the paper's Caffe code keeps (docs/reference/dsod.md §1.6).
const SSD_POST: OneStagePost = OneStagePost { score: 0.01, nms: 0.45, top_k: 400, keep: 200, soft_nms: None };

fn plain_head(sources: usize, kernel: i64) -> HeadSpec {
    HeadSpec {
        sources: (0..sources).collect(),
        block: None,
        block_norm: NormSpec::BATCH,
        kernel,
        norm: None,
        depthwise: None,
    }
}

/// Prior boxes from consecutive sizes: each is the small square of its map and the large one of the map before.
fn chain(sizes: &[f64], steps: &[f64], ratios: &[&[f64]]) -> Vec<PriorMap> {
    let pairs = sizes.windows(2).zip(steps).zip(ratios);
    pairs
        .map(|((s, &step), ratios)| PriorMap { min: s[0], max: Some(s[1]), ratios: ratios.to_vec(), step, clip: false })
        .collect()
}

/// Ratios of SSD's six maps.
const TWO: &[f64] = &[2.0];
const BOTH: &[f64] = &[2.0, 3.0];

/// docs/reference/dsod.md §1 and §3.
fn dsod(body: &str, dialect: Option<Dialect>) -> Option<Parts> {
    let own = DSOD.iter().find(|d| d.0 == body);
    let dialect = dialect.unwrap_or(Dialect::Caffe);
    let uoip = match dialect {
        Dialect::Caffe => false,
        // The port has the published growth alone, and no wide bottleneck (docs/reference/dsod.md §1.9).
        Dialect::Uoip if body == DSOD[0].0 => true,
        _ => return None,
    };
    let backbone = match own {
        Some(&(_, stem, bottleneck, growth)) => BackboneSpec::Dsod(DsodSpec {
            stem,
            bottleneck: if uoip { growth } else { bottleneck },
            growth,
            side_last: !uoip,
            norm: NormSpec::BATCH,
        }),
        None => caffe_body(body)?,
    };
    let units: &[i64] = if own.is_some() { &[256, 128, 128, 128] } else { &[128, 128, 128] };
    let unit = |(i, &width): (usize, &i64)| ExtraSpec::Dense {
        width,
        pool_first: !uoip,
        valid: uoip && i + 1 == units.len(),
        norm: NormSpec::BATCH,
    };
    let taps = strings(if own.is_some() { &["first", "second"] } else { &THREE });
    let sizes = [30.0, 60.0, 111.0, 162.0, 213.0, 264.0, 315.0];
    // 2x2 with step 300 is what published weights expect; other bodies keep DSOD's boxes (docs/reference/dsod.md §3).
    let steps = [8.0, 16.0, 32.0, 64.0, 100.0, 300.0];
    let post = OneStagePost { score: if uoip { 0.2 } else { 0.01 }, ..SSD_POST };
    let head = OneStageSpec {
        dialect,
        taps,
        extras: units.iter().enumerate().map(unit).collect(),
        l2: (0..6).map(|source| L2Spec { source, initial: 20.0 }).collect(),
        refine: None,
        head: HeadSpec { norm: (!uoip).then_some(COARSE), ..plain_head(6, 3) },
        priors: chain(&sizes, &steps, &[TWO, BOTH, BOTH, BOTH, TWO, TWO]),
        post,
    };
    Some((backbone, InputSpec::caffe(300), head))
}

/// SSD's extra source: 1x1 and 3x3.
fn extra(squeeze: i64, output: i64, stride: i64, norm: Option<NormSpec>) -> ExtraSpec {
    ExtraSpec::Conv { squeeze, output, kernel: 3, stride, padding: stride - 1, norm }
}

/// VGG-16 in the dialects of torchvision and Caffe (arXiv 1512.02325); other bodies as MobileNet-SSD has it
/// (docs/reference/pelee_mobilenet_cifar.md §2).
fn ssd(size: u32, body: &str, dialect: Option<Dialect>) -> Option<Parts> {
    let vgg = body == VGG;
    let torchvision = vgg && size == 300;
    let dialect = dialect.unwrap_or(if torchvision { Dialect::Torchvision } else { Dialect::Caffe });
    match dialect {
        Dialect::Caffe => {}
        Dialect::Torchvision if torchvision => {}
        _ => return None,
    }
    if !vgg {
        return ssd_mobile(size, body);
    }
    let form = if dialect == Dialect::Caffe { Form::Caffe } else { Form::Pytorch };
    let backbone = BackboneSpec::Vgg(VggSpec { reduced: VggReduction::Ssd, form });
    let mut extras = vec![extra(256, 512, 2, None), extra(128, 256, 2, None)];
    let (sizes, steps): (Vec<f64>, Vec<f64>) = if size == 300 {
        extras.extend([extra(128, 256, 1, None), extra(128, 256, 1, None)]);
        let sizes = match dialect {
            Dialect::Torchvision => [0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05].map(|scale| scale * 300.0).to_vec(),
            _ => vec![30.0, 60.0, 111.0, 162.0, 213.0, 264.0, 315.0],
        };
        (sizes, vec![8.0, 16.0, 32.0, 64.0, 100.0, 300.0])
    } else {
        extras.extend([extra(128, 256, 2, None), extra(128, 256, 2, None)]);
        extras.push(ExtraSpec::Conv { squeeze: 128, output: 256, kernel: 4, stride: 1, padding: 1, norm: None });
        let sizes = vec![35.84, 76.8, 153.6, 230.4, 307.2, 384.0, 460.8, 537.6];
        (sizes, vec![8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0])
    };
    let ratios: &[&[f64]] =
        if size == 300 { &[TWO, BOTH, BOTH, BOTH, TWO, TWO] } else { &[TWO, BOTH, BOTH, BOTH, BOTH, TWO, TWO] };
    let input = match dialect {
        Dialect::Torchvision => InputSpec {
            channels: ChannelOrder::Rgb,
            scale: 1.0 / 255.0,
            mean: [0.48235, 0.45882, 0.40784],
            std: [1.0 / 255.0; 3],
            resize: ResizeRule::Warp { size },
            resampler: Resampler::TorchBilinear,
            pad_to: 1,
        },
        _ => InputSpec::caffe(size),
    };
    let head = OneStageSpec {
        dialect,
        taps: strings(&["conv4_3", "fc7"]),
        extras,
        l2: vec![L2Spec { source: 0, initial: 20.0 }],
        refine: None,
        head: plain_head(ratios.len(), 3),
        priors: chain(&sizes, &steps, ratios),
        post: SSD_POST,
    };
    Some((backbone, input, head))
}

/// MobileNet-SSD, and the same head on any other body.
fn ssd_mobile(size: u32, body: &str) -> Option<Parts> {
    let backbone = caffe_body(body)?;
    let norm = Some(NormSpec::BATCH);
    let scale = f64::from(size) / 300.0;
    let map = |min: f64, max: f64| PriorMap {
        min: min * scale,
        max: Some(max * scale),
        ratios: vec![2.0, 3.0],
        step: 0.0,
        clip: false,
    };
    let first = PriorMap { min: 60.0 * scale, max: None, ratios: vec![2.0], step: 0.0, clip: false };
    let mobile = body == "mobilenet";
    let input = if mobile {
        InputSpec { scale: 0.007843, mean: [127.5 * 0.007843; 3], ..InputSpec::caffe(size) }
    } else {
        InputSpec::caffe(size)
    };
    let head = OneStageSpec {
        dialect: Dialect::Caffe,
        taps: strings(&["stage4", "stage5"]),
        extras: [(256, 512), (128, 256), (128, 256), (64, 128)]
            .map(|(squeeze, output)| extra(squeeze, output, 2, norm))
            .to_vec(),
        l2: Vec::new(),
        refine: None,
        head: plain_head(6, 1),
        priors: vec![
            first,
            map(105.0, 150.0),
            map(150.0, 195.0),
            map(195.0, 240.0),
            map(240.0, 285.0),
            map(285.0, 300.0),
        ],
        post: SSD_POST,
    };
    Some((backbone, input, head))
}

/// docs/reference/pelee_mobilenet_cifar.md §1.3.
fn pelee(body: &str, dialect: Option<Dialect>) -> Option<Parts> {
    if dialect.is_some_and(|d| d != Dialect::Caffe) {
        return None;
    }
    let mut backbone = caffe_body(body)?;
    if let BackboneSpec::Peleenet(p) = &mut backbone {
        *p = PeleenetSpec { form: Form::Caffe, norm: COARSE };
    }
    let sizes = [30.4, 60.8, 112.48, 164.16, 215.84, 267.52, 319.2];
    let input = InputSpec { scale: 0.017, mean: [103.94, 116.78, 123.68].map(|m| m * 0.017), ..InputSpec::caffe(304) };
    let head = OneStageSpec {
        dialect: Dialect::Caffe,
        taps: strings(&["stage4", "stage5"]),
        extras: vec![extra(256, 256, 2, None), extra(128, 256, 1, None), extra(128, 256, 1, None)],
        l2: Vec::new(),
        refine: None,
        head: HeadSpec {
            // The first map is read twice.
            sources: vec![0, 0, 1, 2, 3, 4],
            block: Some(BlockSpec { width: 128, output: 256 }),
            block_norm: COARSE,
            ..plain_head(6, 1)
        },
        priors: chain(&sizes, &[0.0; 6], &[BOTH; 6]),
        post: SSD_POST,
    };
    Some((backbone, input, head))
}

/// torchvision's ssdlite320_mobilenet_v3_large.
fn ssdlite() -> ModelSpec {
    let norm = NormSpec { momentum: 0.03, ..NormSpec::batch(1e-3) };
    let sizes = [0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1.0].map(|scale| scale * 320.0);
    let extra = |squeeze, output| ExtraSpec::Depthwise { squeeze, output, norm };
    let head = OneStageSpec {
        dialect: Dialect::Torchvision,
        taps: strings(&["stage4", "stage5"]),
        extras: vec![extra(256, 512), extra(128, 256), extra(128, 256), extra(64, 128)],
        l2: Vec::new(),
        refine: None,
        head: HeadSpec { depthwise: Some(norm), ..plain_head(6, 3) },
        priors: chain(&sizes, &[0.0; 6], &[BOTH; 6]),
        post: OneStagePost { score: 0.001, nms: 0.55, top_k: 300, keep: 300, soft_nms: None },
    };
    let input = InputSpec {
        channels: ChannelOrder::Rgb,
        scale: 1.0 / 255.0,
        mean: [0.5; 3],
        std: [0.5; 3],
        resize: ResizeRule::Warp { size: 320 },
        resampler: Resampler::TorchBilinear,
        pad_to: 1,
    };
    let backbone = BackboneSpec::MobilenetV3(MobilenetV3Spec { norm });
    ModelSpec { name: SSDLITE.into(), backbone, task: Task::OneStage(head), input, classes: Vec::new() }
}
