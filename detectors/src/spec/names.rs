//! Names: every model that can be asked for by name is put together here from parts.

use super::{
    BackboneSpec, Class, DensenetSpec, Dialect, Ese, Form, InputSpec, MaskRcnnSpec, MobilenetSpec, MobilenetV2Spec,
    ModelSpec, NormSpec, PeleenetSpec, ResizeRule, ResnetSpec, Rounding, Task, VovnetSpec, one_stage_names,
};
use crate::Error;

/// One row of docs/reference/vovnet.md §1.
struct Row {
    name: &'static str,
    stem: [i64; 3],
    slim: bool,
    /// Width of stage 2: the one number in which V1 slim and V2 slim differ.
    stage2: i64,
    blocks: [usize; 4],
    layers: usize,
    ese: Ese,
    depthwise: bool,
}

const fn v1(name: &'static str, slim: bool, blocks: [usize; 4]) -> Row {
    let stage2 = if slim { 128 } else { 256 };
    Row { name, stem: [64, 64, 128], slim, stage2, blocks, layers: 5, ese: Ese::None, depthwise: false }
}

const fn v2(name: &'static str, slim: bool, depthwise: bool, blocks: [usize; 4], layers: usize) -> Row {
    let stem = if depthwise { [64, 64, 64] } else { [64, 64, 128] };
    let stage2 = if slim { 112 } else { 256 };
    Row { name, stem, slim, stage2, blocks, layers, ese: Ese::Every, depthwise }
}

const fn timm(name: &'static str, depthwise: bool, blocks: [usize; 4], layers: usize) -> Row {
    Row { ese: Ese::Last, ..v2(name, false, depthwise, blocks, layers) }
}

const VOVNETS: [Row; 15] = [
    v1("vovnet27_slim", true, [1, 1, 1, 1]),
    v1("vovnet39", false, [1, 1, 2, 2]),
    v1("vovnet57", false, [1, 1, 4, 3]),
    v1("vovnet75", false, [1, 2, 6, 3]),
    v1("vovnet93", false, [1, 3, 8, 3]),
    v2("vovnet19_slim_dw_ese", true, true, [1, 1, 1, 1], 3),
    v2("vovnet19_dw_ese", false, true, [1, 1, 1, 1], 3),
    v2("vovnet19_slim_ese", true, false, [1, 1, 1, 1], 3),
    v2("vovnet19_ese", false, false, [1, 1, 1, 1], 3),
    v2("vovnet39_ese", false, false, [1, 1, 2, 2], 5),
    v2("vovnet57_ese", false, false, [1, 1, 4, 3], 5),
    v2("vovnet99_ese", false, false, [1, 3, 9, 3], 5),
    timm("ese_vovnet19b_dw", true, [1, 1, 1, 1], 3),
    timm("ese_vovnet39b", false, [1, 1, 2, 2], 5),
    timm("ese_vovnet57b", false, [1, 1, 4, 3], 5),
];

const RESNETS: [(&str, [usize; 4]); 2] = [("resnet50", [3, 4, 6, 3]), ("resnet101", [3, 4, 23, 3])];

/// Stem, growth and blocks of torchvision's DenseNets.
const DENSENETS: [(&str, i64, i64, [usize; 4]); 4] = [
    ("densenet121", 64, 32, [6, 12, 24, 16]),
    ("densenet161", 96, 48, [6, 12, 36, 24]),
    ("densenet169", 64, 32, [6, 12, 32, 32]),
    ("densenet201", 64, 32, [6, 12, 48, 32]),
];

/// VoVNets that vision-toolbox has.
const TOOLBOX_FORMS: [&str; 8] = [
    "vovnet27_slim",
    "vovnet39",
    "vovnet57",
    "vovnet19_slim_ese",
    "vovnet19_ese",
    "vovnet39_ese",
    "vovnet57_ese",
    "vovnet99_ese",
];

/// Backbones of which there is one.
const SINGLES: &[&str] = &["peleenet", "mobilenet", "mobilenet_v2"];

/// The model that ships with the program.
pub(crate) const NUCLEI: &str = "nuclei_mask_rcnn_vovnet27_slim";

/// Suffix of the Caffe topology of a V1 backbone.
pub(crate) const CAFFE: &str = "_caffe";
/// Suffix of the form in which vision-toolbox trained it.
pub(crate) const TOOLBOX: &str = "_toolbox";
/// Suffix of a V1 backbone with 1x1 bottlenecks (Table 3 of the paper).
const BOTTLENECK: &str = "_bottleneck";

/// Names of all backbones, each also a classifier.
pub fn backbone_names() -> Vec<String> {
    let vovnets = VOVNETS.iter().map(|r| r.name.to_owned());
    let plain = || VOVNETS.iter().filter(|r| r.ese == Ese::None);
    let caffe = plain().map(|r| format!("{}{CAFFE}", r.name));
    let bottleneck = plain().map(|r| format!("{}{BOTTLENECK}", r.name));
    let toolbox = TOOLBOX_FORMS.iter().map(|name| format!("{name}{TOOLBOX}"));
    let others = RESNETS.iter().map(|r| r.0).chain(DENSENETS.iter().map(|d| d.0)).chain(SINGLES.iter().copied());
    vovnets.chain(caffe).chain(bottleneck).chain(toolbox).chain(others.map(String::from)).collect()
}

/// Names of all models: classifiers, then detectors.
pub fn model_names() -> Vec<String> {
    let backbones = backbone_names();
    let mut names = backbones.clone();
    for detector in ["faster_rcnn", "mask_rcnn"] {
        for backbone in backbones.iter().filter(|b| !b.ends_with(CAFFE)) {
            names.extend(["fpn", "fpnlite"].map(|neck| format!("{detector}_{backbone}_{neck}")));
            if group_norm_fits(backbone) {
                names.push(format!("{detector}_{backbone}_fpn_gn"));
            }
        }
    }
    names.extend(["faster_rcnn_resnet50_fpn_v2", "mask_rcnn_resnet50_fpn_v2", NUCLEI].map(String::from));
    let bodies: Vec<String> = backbones.into_iter().filter(|b| !b.ends_with(CAFFE)).collect();
    names.extend(one_stage_names::names(&bodies));
    names
}

/// GroupNorm needs channels divisible by 32, which the slim widths 80 and 112 and the halved widths of bottlenecks are not
/// (docs/reference/vovnet.md §3).
fn group_norm_fits(backbone: &str) -> bool {
    match VOVNETS.iter().find(|r| backbone.strip_suffix(TOOLBOX).unwrap_or(backbone) == r.name) {
        Some(row) => !row.slim,
        None => backbone.starts_with("resnet"),
    }
}

impl ModelSpec {
    /// The spec that `name` stands for. `dialect` decides where the name does not; without it, that of the published
    /// weights: maskrcnn-benchmark for a two-stage detector on VoVNet V1, detectron2 on V2, torchvision on others; Caffe
    /// for a one-stage detector, torchvision for `ssd300_vgg16`.
    ///
    /// # Errors
    /// When there is no such model, or none in this dialect; the message suggests the nearest name.
    pub fn named(name: &str, dialect: Option<Dialect>) -> Result<Self, Error> {
        if name == NUCLEI {
            return Ok(nuclei());
        }
        if let Some((masks, rest)) = strip_detector(name) {
            for neck in ["_fpn_gn", "_fpn_v2", "_fpnlite", "_fpn"] {
                let Some(backbone) = rest.strip_suffix(neck) else { continue };
                if let Some(spec) = detector(name, masks, backbone, neck, dialect) {
                    return Ok(spec);
                }
            }
        } else if let Some(spec) = one_stage_names::named(name, dialect) {
            return Ok(spec);
        } else if let Some(backbone) = backbone(name, dialect) {
            let imagenet = InputSpec::imagenet();
            let caffe = InputSpec { resampler: imagenet.resampler, ..InputSpec::caffe(224) };
            let input = match (&backbone, dialect) {
                // Its Caffe file takes the same numbers in the other order (docs/reference/pelee_mobilenet_cifar.md
                // §1.2).
                (BackboneSpec::Peleenet(_), Some(Dialect::Caffe)) => imagenet.reversed(),
                (_, Some(dialect)) => {
                    InputSpec { resize: imagenet.resize, ..InputSpec::coco(dialect).unwrap_or(caffe) }
                }
                (BackboneSpec::Vovnet(v), None) if v.form == Form::Caffe => {
                    InputSpec { resize: imagenet.resize, ..caffe }
                }
                _ => InputSpec::timm(name).unwrap_or(imagenet),
            };
            return Ok(Self {
                name: name.into(),
                backbone,
                task: Task::Classify { outputs: 1000 },
                input: InputSpec { pad_to: 1, ..input },
                classes: Vec::new(),
            });
        }
        let names = model_names();
        if let (Some(dialect), true) = (dialect, names.iter().any(|n| n == name)) {
            return Err(Error::NoDialect { name: name.into(), dialect });
        }
        let near = vovdet_pretrained::naming::closest(name, names.iter().map(String::as_str)).map(String::from);
        Err(Error::UnknownModel { name: name.into(), near })
    }
}

fn strip_detector(name: &str) -> Option<(bool, &str)> {
    let mask = name.strip_prefix("mask_rcnn_").map(|rest| (true, rest));
    mask.or_else(|| name.strip_prefix("faster_rcnn_").map(|rest| (false, rest)))
}

/// A backbone by name, normalised as the weights of `dialect` are, or as ImageNet files are without one.
pub(super) fn backbone(name: &str, dialect: Option<Dialect>) -> Option<BackboneSpec> {
    let frozen_or = |plain| match dialect {
        None | Some(Dialect::Torchvision | Dialect::Caffe | Dialect::Luuuyi | Dialect::Uoip) => plain,
        Some(Dialect::MaskrcnnBenchmark) => NormSpec::frozen(0.0),
        Some(Dialect::Detectron2) => NormSpec::frozen(1e-5),
    };
    let form = if dialect == Some(Dialect::Caffe) { Form::Caffe } else { Form::Pytorch };
    if let Some(&(_, stem, growth, blocks)) = DENSENETS.iter().find(|d| d.0 == name) {
        let norm = frozen_or(NormSpec::BATCH);
        return Some(BackboneSpec::Densenet(DensenetSpec { stem, growth, blocks, form, norm }));
    }
    match name {
        "peleenet" => return Some(BackboneSpec::Peleenet(PeleenetSpec { form, norm: frozen_or(NormSpec::BATCH) })),
        "mobilenet" => {
            let norm = frozen_or(NormSpec::BATCH);
            return Some(BackboneSpec::Mobilenet(MobilenetSpec { relu6: false, norm }));
        }
        "mobilenet_v2" => {
            return Some(BackboneSpec::MobilenetV2(MobilenetV2Spec { norm: frozen_or(NormSpec::BATCH) }));
        }
        _ => {}
    }
    if let Some(&(_, blocks)) = RESNETS.iter().find(|r| r.0 == name) {
        let (stride_in_1x1, norm) = match dialect {
            None => (false, NormSpec::BATCH),
            Some(Dialect::Torchvision) => (false, NormSpec::frozen(0.0)),
            Some(Dialect::MaskrcnnBenchmark) => (true, NormSpec::frozen(0.0)),
            Some(Dialect::Detectron2) => (true, NormSpec::frozen(1e-5)),
            Some(Dialect::Caffe | Dialect::Luuuyi | Dialect::Uoip) => (true, NormSpec::BATCH),
        };
        return Some(BackboneSpec::Resnet(ResnetSpec { blocks, stride_in_1x1, form, norm }));
    }
    let (name, named_caffe) = name.strip_suffix(CAFFE).map_or((name, false), |v1| (v1, true));
    let (name, toolbox) = name.strip_suffix(TOOLBOX).map_or((name, false), |form| (form, true));
    let (name, bottleneck) = name.strip_suffix(BOTTLENECK).map_or((name, false), |v1| (v1, true));
    let row = VOVNETS.iter().find(|r| r.name == name)?;
    if (named_caffe || bottleneck) && row.ese != Ese::None
        || toolbox && (named_caffe || bottleneck || !TOOLBOX_FORMS.contains(&name))
    {
        return None;
    }
    let caffe = (named_caffe || form == Form::Caffe) && row.ese == Ese::None;
    let form = match (toolbox, caffe) {
        (true, _) => Form::Toolbox,
        (false, true) => Form::Caffe,
        (false, false) => Form::Pytorch,
    };
    let norm = frozen_or(NormSpec::BATCH);
    let (stage_conv, out) =
        if row.slim { ([64, 80, 96, 112], [256, 384, 512]) } else { ([128, 160, 192, 224], [512, 768, 1024]) };
    Some(BackboneSpec::Vovnet(VovnetSpec {
        stem: row.stem,
        stage_conv,
        // Where the V2 reference narrows the slim stage 2 to 112, vision-toolbox keeps 128.
        stage_out: [if toolbox && row.slim { 128 } else { row.stage2 }, out[0], out[1], out[2]],
        layers: row.layers,
        blocks: row.blocks,
        ese: row.ese,
        depthwise: row.depthwise,
        bottleneck,
        form,
        norm,
    }))
}

fn detector(name: &str, masks: bool, backbone_name: &str, neck: &str, dialect: Option<Dialect>) -> Option<ModelSpec> {
    if neck == "_fpn_gn" && !group_norm_fits(backbone_name) || neck == "_fpn_v2" && backbone_name != "resnet50" {
        return None;
    }
    let dialect = dialect.unwrap_or(match backbone_name {
        n if n.ends_with(TOOLBOX) => Dialect::Torchvision,
        n if n.contains("ese") => Dialect::Detectron2,
        n if !n.starts_with("vovnet") => Dialect::Torchvision,
        _ if neck == "_fpnlite" => Dialect::Detectron2,
        _ => Dialect::MaskrcnnBenchmark,
    });
    let input = InputSpec::coco(dialect)?;
    let mut backbone = backbone(backbone_name, Some(dialect))?;
    let mut head = MaskRcnnSpec::coco(dialect, masks);
    match neck {
        "_fpnlite" => head.fpn.channels = 128,
        "_fpn_gn" => {
            *backbone.norm_mut()? = NormSpec::GROUP;
            // The GroupNorm configurations of both projects say STRIDE_IN_1X1: False.
            if let BackboneSpec::Resnet(resnet) = &mut backbone {
                resnet.stride_in_1x1 = false;
            }
            head = head.with_group_norm();
        }
        "_fpn_v2" => {
            let norm = Some(NormSpec::BATCH);
            *backbone.norm_mut()? = NormSpec::BATCH;
            head = head.with_group_norm();
            head.fpn.norm = norm;
            head.box_head.norm = norm;
            head.rpn.convs = 2;
            if let Some(mask) = &mut head.mask_head {
                mask.norm = norm;
            }
        }
        _ => {}
    }
    Some(ModelSpec { name: name.into(), backbone, task: Task::MaskRcnn(head), input, classes: Vec::new() })
}

/// The model trained on CC0 microscope images: small objects, so small anchors and a small input.
fn nuclei() -> ModelSpec {
    let dialect = Dialect::Torchvision;
    let mut head = MaskRcnnSpec::coco(dialect, true);
    head.anchors.sizes = vec![8.0, 16.0, 32.0, 64.0, 128.0];
    head.box_head.hidden = 256;
    head.post.max_dets = 200;
    let resize = ResizeRule::ShortSide { min: 256, max: 512, rounding: Rounding::Torchvision };
    let coco = InputSpec::coco(dialect).unwrap_or_else(|| unreachable!("torchvision has two-stage detectors"));
    let input = InputSpec { resize, ..coco };
    ModelSpec {
        name: NUCLEI.into(),
        // A name of the table above, so the lookup cannot fail; an empty list of names would be a bug caught by tests.
        backbone: backbone("vovnet27_slim", Some(dialect)).unwrap_or_else(|| unreachable!("vovnet27_slim is a row")),
        task: Task::MaskRcnn(head),
        input,
        classes: Class::from_names(["nucleus"]),
    }
}
