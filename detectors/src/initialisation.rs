//! How the layers of a fresh network start: the tables of docs/initialisation.md, by layer name.

use crate::classifier::last_layer;
use crate::layers::{Fan, InitRule};
use crate::spec::{BackboneSpec, Dialect, Ese, Form, MaskRcnnSpec, ModelSpec, OneStageSpec, Task};

/// How the weight and the bias of a layer start.
pub(crate) type Start = [InitRule; 2];

const IN: InitRule = InitRule::KaimingNormal(Fan::In);
const OUT: InitRule = InitRule::KaimingNormal(Fan::Out);
const ZERO: InitRule = InitRule::ZERO;
/// References leave it in place more often than they say.
const DEFAULT: Start = InitRule::DEFAULT;
/// Caffe's xavier and Caffe2's XavierFill.
const CAFFE_XAVIER: Start = [InitRule::CaffeXavier, ZERO];
const CAFFE_MSRA: Start = [IN, ZERO];
const XAVIER: Start = [InitRule::XavierUniform, ZERO];

const fn normal(stdev: f64) -> Start {
    [InitRule::Normal(stdev), ZERO]
}

/// The rules for a convolution or linear layer of `spec`'s network; norms start as identities everywhere.
pub(crate) fn start(spec: &ModelSpec, layer: &str) -> Start {
    match (&spec.task, layer.strip_prefix(spec.task.body())) {
        (Task::Classify { .. }, _) if layer == last_layer(&spec.backbone) => classifier(&spec.backbone),
        (_, Some(layer)) => backbone(&spec.backbone, spec.dialect(), layer),
        (Task::MaskRcnn(head), None) => two_stage(head, layer),
        (Task::OneStage(head), None) => one_stage(&spec.backbone, head, layer),
        (Task::Classify { .. }, None) => DEFAULT,
    }
}

fn backbone(spec: &BackboneSpec, dialect: Option<Dialect>, layer: &str) -> Start {
    let gate = layer.ends_with(".ese.fc");
    match spec {
        BackboneSpec::Vovnet(v) => match (v.form, v.ese) {
            (Form::Caffe, _) => CAFFE_XAVIER,
            (Form::Toolbox, _) if gate => DEFAULT,
            (Form::Toolbox, _) => [OUT, ZERO],
            // Only the gate has a bias, to which neither gives a rule.
            (Form::Pytorch, Ese::Last) => [OUT, DEFAULT[1]],
            (Form::Pytorch, Ese::None | Ese::Every) => [IN, DEFAULT[1]],
        },
        BackboneSpec::Resnet(_) if dialect == Some(Dialect::MaskrcnnBenchmark) => CAFFE_XAVIER,
        BackboneSpec::Resnet(_) | BackboneSpec::MobilenetV2(_) => [OUT, ZERO],
        BackboneSpec::Densenet(_) => [IN, ZERO],
        BackboneSpec::Dsod(_) if dialect == Some(Dialect::Uoip) => XAVIER,
        BackboneSpec::Dsod(_) => CAFFE_XAVIER,
        BackboneSpec::Peleenet(p) if p.form == Form::Caffe => CAFFE_XAVIER,
        BackboneSpec::Peleenet(_) => [OUT, ZERO],
        // timm divides the outputs of a depthwise convolution by its groups: as many as it has inputs.
        BackboneSpec::Mobilenet(m) if m.relu6 && !layer.contains(".dw.") => [OUT, ZERO],
        BackboneSpec::Mobilenet(_) => CAFFE_MSRA,
        BackboneSpec::MobilenetV3(_) => normal(0.03),
        BackboneSpec::Vgg(_) => match dialect {
            Some(Dialect::Torchvision) if layer.starts_with("fc") => XAVIER,
            Some(Dialect::Torchvision) => [OUT, ZERO],
            Some(Dialect::Luuuyi) => DEFAULT,
            _ => CAFFE_XAVIER,
        },
    }
}

/// The linear layer behind a backbone.
fn classifier(backbone: &BackboneSpec) -> Start {
    match backbone {
        BackboneSpec::Vovnet(v) => match v.form {
            Form::Pytorch => [DEFAULT[0], ZERO],
            Form::Caffe => CAFFE_MSRA,
            Form::Toolbox => DEFAULT,
        },
        BackboneSpec::Densenet(_) => [DEFAULT[0], ZERO],
        BackboneSpec::Peleenet(p) if p.form == Form::Caffe => CAFFE_XAVIER,
        BackboneSpec::Peleenet(_) | BackboneSpec::MobilenetV2(_) | BackboneSpec::MobilenetV3(_) => normal(0.01),
        BackboneSpec::Mobilenet(m) if m.relu6 => [InitRule::InverseRoot(Fan::Out), ZERO],
        BackboneSpec::Mobilenet(_) => CAFFE_MSRA,
        BackboneSpec::Resnet(_) | BackboneSpec::Dsod(_) | BackboneSpec::Vgg(_) => DEFAULT,
    }
}

fn two_stage(head: &MaskRcnnSpec, layer: &str) -> Start {
    let is = |part: &str| layer.starts_with(part);
    if is("backbone.fpn.") {
        return CAFFE_XAVIER;
    }
    if is("rpn.") {
        return normal(0.01);
    }
    let torchvision = head.dialect == Dialect::Torchvision;
    if is("roi_heads.mask_head.") {
        return [OUT, ZERO];
    }
    if is("roi_heads.mask_predictor.") {
        return match head.dialect {
            Dialect::Torchvision => [OUT, DEFAULT[1]],
            Dialect::Detectron2 if layer.ends_with(".mask_fcn_logits") => normal(0.001),
            _ => [OUT, ZERO],
        };
    }
    if is("roi_heads.box_predictor.") {
        return match (torchvision, layer.ends_with(".bbox_pred")) {
            (true, _) => DEFAULT,
            (false, true) => normal(0.001),
            (false, false) => normal(0.01),
        };
    }
    // The box head: a convolution is `{i}.0`, a linear layer `{i}`, `fc6` or `fc7`.
    match (layer.ends_with(".0"), head.dialect) {
        (true, Dialect::MaskrcnnBenchmark) => normal(0.01),
        (true, _) => [OUT, ZERO],
        (false, Dialect::Torchvision) => DEFAULT,
        (false, _) => CAFFE_XAVIER,
    }
}

fn one_stage(backbone: &BackboneSpec, head: &OneStageSpec, layer: &str) -> Start {
    match head.dialect {
        Dialect::Torchvision if head.head.depthwise.is_some() => normal(0.03),
        Dialect::Torchvision | Dialect::Luuuyi | Dialect::Uoip => XAVIER,
        Dialect::Caffe | Dialect::MaskrcnnBenchmark | Dialect::Detectron2 => {
            let predictor =
                ["loc.", "conf."].iter().any(|part| layer.starts_with(part) || layer.contains(&format!(".{part}")));
            match &head.refine {
                // RefineDet: everything but the predictors has a norm, unless it stands on VGG.
                Some(refine) if refine.norm.is_some() && !predictor => normal(0.01),
                Some(_) => CAFFE_XAVIER,
                // DSOD: the predictors have one.
                None if head.head.norm.is_some() && predictor => normal(0.01),
                None if head.head.norm.is_some() => CAFFE_XAVIER,
                // SSD on VGG, and Pelee, which has residual blocks.
                None if matches!(backbone, BackboneSpec::Vgg(_)) || head.head.block.is_some() => CAFFE_XAVIER,
                // MobileNet-SSD.
                None => CAFFE_MSRA,
            }
        }
    }
}
