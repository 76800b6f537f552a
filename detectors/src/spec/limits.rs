//! What the numbers of a spec may be. A spec comes from files of unknown origin, so every number is checked before anything
//! is built from it; the limits are far beyond any network that exists.

use super::{BackboneSpec, BlockSpec, ExtraSpec, MaskRcnnSpec, ModelSpec, OneStageSpec, Task};
use crate::Error;
use serde_json::Value;

/// Smallest and largest value of every number, by the name of its field (an array's is that of the array).
const NUMBERS: &[(&str, f64, f64)] = &[
    // Widths of layers, in channels.
    ("stem", 1.0, CHANNELS),
    ("stage_conv", 1.0, CHANNELS),
    ("stage_out", 1.0, CHANNELS),
    ("bottleneck", 1.0, CHANNELS),
    ("growth", 1.0, CHANNELS),
    ("channels", 1.0, CHANNELS),
    ("conv_channels", 1.0, CHANNELS),
    ("hidden", 1.0, CHANNELS),
    ("squeeze", 1.0, CHANNELS),
    ("output", 1.0, CHANNELS),
    ("width", 1.0, CHANNELS),
    // Counts of layers.
    ("layers", 1.0, LAYERS),
    ("blocks", 1.0, LAYERS),
    ("convs", 0.0, LAYERS),
    // Geometry of convolutions.
    ("kernel", 1.0, 31.0),
    ("stride", 1.0, 31.0),
    ("padding", 0.0, 31.0),
    // Normalisation.
    ("eps", 0.0, 1.0),
    ("momentum", 0.0, 1.0),
    // Classes.
    ("outputs", 0.0, CLASSES as f64),
    ("id", 0.0, u32::MAX as f64),
    // Input images.
    ("scale", 1e-6, 1e6),
    ("mean", -1e6, 1e6),
    ("std", 1e-6, 1e6),
    ("min", 1e-3, SIDE),
    ("max", 1e-3, SIDE),
    ("size", 1.0, SIDE),
    ("short", 1.0, SIDE),
    ("crop", 1.0, SIDE),
    ("pad_to", 1.0, 1024.0),
    // Anchors and prior boxes, in pixels.
    ("sizes", 1e-3, 1e6),
    ("ratios", 1e-3, 1e3),
    ("cells", -1e6, 1e6),
    ("step", 0.0, SIDE),
    ("initial", -1e6, 1e6),
    // Which map.
    ("source", 0.0, MAPS),
    ("sources", 0.0, MAPS),
    // From scores to detections.
    ("pre_nms", 1.0, CANDIDATES),
    ("post_nms", 1.0, CANDIDATES),
    ("top_k", 1.0, CANDIDATES),
    ("keep", 1.0, CANDIDATES),
    ("max_dets", 1.0, CANDIDATES),
    ("nms", 0.0, 1.0),
    ("score", -1.0, 1.0),
    ("threshold", 0.0, 1.0),
    ("objectness", 0.0, 1.0),
];

const CHANNELS: f64 = 65_536.0;
const LAYERS: f64 = 256.0;
const CLASSES: usize = 1_000_000;
const SIDE: f64 = 32_768.0;
const MAPS: f64 = 255.0;
const CANDIDATES: f64 = 1e6;
/// Elements of an array other than the classes.
const ELEMENTS: usize = 256;
/// Bytes of a name.
const NAME: usize = 4096;
/// Weights of a model: 4 GB in float32. A Mask R-CNN on VoVNet-99 has 0.1e9.
const WEIGHTS: f64 = 1e9;

impl ModelSpec {
    /// Checks every number and the length of every list and name, so that building the model can neither fail in
    /// libtorch nor ask for more memory than a large model needs. Building calls this itself.
    ///
    /// # Errors
    /// [`Error::Spec`] that names the field, its value and the limit.
    pub fn validate(&self) -> Result<(), Error> {
        self.check().map_err(|text| Error::Spec(format!("`{}`: {text}", shortened(&self.name))))
    }

    /// About how many weights a model of this spec has, at most; nothing is built. What is small beside the rest is left
    /// out: biases, norms, depthwise convolutions.
    pub fn weights_bound(&self) -> f64 {
        weights(self)
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let tree = serde_json::to_value(self).map_err(|e| e.to_string())?;
        check_value("", "", &tree)?;
        match &self.task {
            Task::MaskRcnn(head) => check_anchors(head)?,
            Task::Classify { .. } | Task::OneStage(_) => {}
        }
        let weights = self.weights_bound();
        if weights > WEIGHTS {
            return Err(format!("about {weights:.1e} weights follow from its numbers, and {WEIGHTS:.0e} is the most"));
        }
        Ok(())
    }
}

/// The start of a name that may be a hostile one.
fn shortened(name: &str) -> String {
    name.chars().take(80).collect()
}

/// `path` is for people; `field` the name of the nearest field above, which the limits go by.
fn check_value(path: &str, field: &str, value: &Value) -> Result<(), String> {
    match value {
        Value::Object(fields) => fields.iter().try_for_each(|(name, value)| {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            check_value(&path, name, value)
        }),
        Value::Array(values) => {
            let most = if field == "classes" { CLASSES } else { ELEMENTS };
            if values.len() > most {
                return Err(format!("{path} has {} elements, and {most} is the most", values.len()));
            }
            values.iter().enumerate().try_for_each(|(i, value)| check_value(&format!("{path}[{i}]"), field, value))
        }
        Value::String(text) if text.len() > NAME => {
            Err(format!("{path} has {} bytes, and {NAME} is the most", text.len()))
        }
        Value::Number(number) => {
            let (low, high) = limits(field).ok_or_else(|| format!("{path} has no limits"))?;
            let value = number.as_f64().unwrap_or(f64::NAN);
            if (low..=high).contains(&value) {
                return Ok(());
            }
            Err(format!("{path} is {number}, and must lie between {low} and {high}"))
        }
        // What serde writes for a number that is infinite or none; the only number that may be absent is `max`.
        Value::Null if limits(field).is_some() && field != "max" => Err(format!("{path} is not a finite number")),
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
    }
}

fn limits(field: &str) -> Option<(f64, f64)> {
    NUMBERS.iter().find(|(name, ..)| *name == field).map(|&(_, low, high)| (low, high))
}

fn check_anchors(head: &MaskRcnnSpec) -> Result<(), String> {
    let (sizes, ratios, cells) = (head.anchors.sizes.len(), head.anchors.ratios.len(), &head.anchors.cells);
    if ratios == 0 {
        return Err("task.anchors.ratios is empty".into());
    }
    if sizes != LEVELS {
        return Err(format!("task.anchors.sizes has {sizes} elements, and needs one for each of {LEVELS} levels"));
    }
    if let Some(level) = cells.iter().position(|cells| cells.len() != ratios) {
        return Err(format!(
            "task.anchors.cells[{level}] has {} anchors, and needs one for each of {ratios} ratios",
            cells[level].len()
        ));
    }
    Ok(())
}

/// Levels of the feature pyramid of a two-stage detector, P2 to P6.
const LEVELS: usize = 5;

/// In floating point, so that nothing overflows.
fn weights(spec: &ModelSpec) -> f64 {
    let (body, widest) = backbone_weights(&spec.backbone);
    let classes = spec.classes.len() as f64;
    body + match &spec.task {
        Task::Classify { outputs } => widest * *outputs as f64,
        Task::MaskRcnn(head) => mask_rcnn_weights(head, widest, classes),
        Task::OneStage(head) => one_stage_weights(head, widest, classes),
    }
}

/// Elements of all weights, and the channels of the widest feature.
fn backbone_weights(spec: &BackboneSpec) -> (f64, f64) {
    match spec {
        BackboneSpec::Vovnet(v) => {
            let stem = v.stem.map(|c| c as f64);
            let mut sum = 9.0 * (3.0 * stem[0] + stem[0] * stem[1] + stem[1] * stem[2]);
            let mut input = stem[2];
            for stage in 0..4 {
                let (conv, output) = (v.stage_conv[stage] as f64, v.stage_out[stage] as f64);
                let layers = v.layers as f64;
                let widest = input.max(output);
                let module = 9.0 * conv * (widest + layers * conv) + (widest + layers * conv) * output;
                sum += v.blocks[stage] as f64 * (module + output * output);
                input = output;
            }
            (sum, v.stage_out.iter().fold(stem[2], |most, &c| most.max(c as f64)))
        }
        BackboneSpec::Resnet(r) => {
            let stage = |(stage, &count): (usize, &usize)| {
                let width = f64::from(64u32 << stage);
                // 1x1, 3x3, 1x1 and the shortcut of the first block.
                count as f64 * 17.0 * width * width + 8.0 * width * width
            };
            (r.blocks.iter().enumerate().map(stage).sum(), 2048.0)
        }
        BackboneSpec::Densenet(d) => dense_weights(d.stem as f64, 4.0 * d.growth as f64, d.growth as f64, &d.blocks),
        BackboneSpec::Dsod(d) => {
            dense_weights(2.0 * d.stem as f64, d.bottleneck as f64, d.growth as f64, &[6, 8, 8, 8])
        }
        // Their widths are fixed.
        BackboneSpec::Peleenet(_)
        | BackboneSpec::Mobilenet(_)
        | BackboneSpec::MobilenetV2(_)
        | BackboneSpec::MobilenetV3(_) => (5e6, 1280.0),
        BackboneSpec::Vgg(_) => (2.1e7, 1024.0),
    }
}

/// Blocks of dense layers with transitions that keep the channels.
fn dense_weights(stem: f64, bottleneck: f64, growth: f64, blocks: &[usize]) -> (f64, f64) {
    // A stem of 7x7 on three channels, or of three 3x3.
    let (mut sum, mut channels) = (147.0 * stem + 9.0 * stem * stem, stem);
    for &count in blocks {
        let last = channels + count as f64 * growth;
        sum += count as f64 * (last * bottleneck + 9.0 * bottleneck * growth) + last * last;
        channels = last;
    }
    (sum, channels)
}

fn mask_rcnn_weights(head: &MaskRcnnSpec, widest: f64, classes: f64) -> f64 {
    const BOX_CELLS: f64 = 49.0;
    let channels = head.fpn.channels as f64;
    let square = 9.0 * channels * channels;
    let anchors = head.anchors.ratios.len() as f64;
    let fpn = 4.0 * (channels * widest + square);
    let rpn = head.rpn.convs as f64 * square + 5.0 * anchors * channels;
    let (hidden, width) = (head.box_head.hidden as f64, head.box_head.conv_channels as f64);
    let pooled = if head.box_head.convs > 0 { width } else { channels };
    let box_convs = head.box_head.convs as f64 * 9.0 * width * width.max(channels);
    let box_head = box_convs + hidden * (BOX_CELLS * pooled + hidden + 5.0 * (classes + 1.0));
    let mask_head = head.mask_head.as_ref().map_or(0.0, |mask| {
        let width = mask.channels as f64;
        mask.convs as f64 * 9.0 * width * width.max(channels) + width * (4.0 * width + classes + 1.0)
    });
    fpn + rpn + box_head + mask_head
}

fn one_stage_weights(head: &OneStageSpec, widest: f64, classes: f64) -> f64 {
    let block = |input: f64, block: &BlockSpec| {
        let (width, output) = (block.width as f64, block.output as f64);
        input * (width + output) + 9.0 * width * width + width * output
    };
    let (mut sum, mut widest, mut input) = (0.0, widest, widest);
    for extra in &head.extras {
        let output = match extra {
            ExtraSpec::Conv { squeeze, output, kernel, .. } => {
                let (squeeze, output, kernel) = (*squeeze as f64, *output as f64, *kernel as f64);
                sum += input * squeeze + kernel * kernel * squeeze * output;
                output
            }
            ExtraSpec::Depthwise { squeeze, output, .. } => {
                sum += *squeeze as f64 * (input + *output as f64);
                *output as f64
            }
            ExtraSpec::Dense { width, .. } => {
                let width = *width as f64;
                sum += 2.0 * input * width + 9.0 * width * width;
                2.0 * width
            }
            ExtraSpec::Residual { block: shape, .. } => {
                sum += block(input, shape);
                shape.output as f64
            }
        };
        input = output;
        widest = widest.max(output);
    }
    // Two steps predict from the sources and from the transferred maps.
    if let Some(refine) = &head.refine {
        let channels = refine.channels as f64;
        sum += head.head.sources.len().max(head.taps.len() + head.extras.len()) as f64
            * (9.0 * channels * widest + 22.0 * channels * channels);
        widest = widest.max(channels);
    }
    for map in &head.priors {
        let mut input = widest;
        if let Some(shape) = &head.head.block {
            sum += 2.0 * block(input, shape);
            input = shape.output as f64;
        }
        let kernel = (head.head.kernel * head.head.kernel) as f64;
        sum += 2.0 * kernel * input * map.per_cell() as f64 * (classes + 5.0);
    }
    sum
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::spec::model_names;

    #[test]
    fn every_known_model_is_within_the_limits() {
        for name in model_names() {
            let spec = ModelSpec::named(&name, None).unwrap();
            spec.validate().unwrap_or_else(|e| panic!("{e}"));
        }
    }

    #[test]
    fn the_field_is_named() {
        type Change = fn(&mut Value);
        let message = |name: &str, change: Change| {
            let mut value = serde_json::to_value(ModelSpec::named(name, None).unwrap()).unwrap();
            change(&mut value);
            ModelSpec::from_json(&value.to_string(), "w.safetensors").unwrap_err().to_string()
        };
        let two_stage = "mask_rcnn_vovnet39_fpn";
        let cases: [(&str, Change, &str); 10] = [
            // Trials B4.
            (two_stage, |v| v["backbone"]["blocks"][2] = 2_147_483_647u32.into(), "backbone.blocks[2] is 2147483647"),
            (
                two_stage,
                |v| v["backbone"]["stage_conv"][3] = (1u64 << 40).into(),
                "backbone.stage_conv[3] is 1099511627776",
            ),
            (two_stage, |v| v["task"]["anchors"]["sizes"][0] = 0.0.into(), "task.anchors.sizes[0] is 0.0"),
            (two_stage, |v| v["task"]["anchors"]["cells"] = vec![vec![[0.0f32; 4]; 2]].into(), "task.anchors.cells[0]"),
            (two_stage, |v| v["task"]["post"]["score"] = 1e300.into(), "task.post.score is not a finite number"),
            (two_stage, |v| v["backbone"]["stage_conv"] = vec![65_000; 4].into(), "weights"),
            (two_stage, |v| v["input"]["std"][1] = 0.0.into(), "input.std[1]"),
            (two_stage, |v| v["name"] = "x".repeat(5000).into(), "name has 5000 bytes"),
            ("ssd300_vgg16", |v| v["task"]["extras"][1]["kernel"] = (-3).into(), "task.extras[1].kernel is -3"),
            (
                "ssd300_vgg16",
                |v| v["task"]["priors"][0]["ratios"] = vec![2.0; 300].into(),
                "task.priors[0].ratios has 300",
            ),
        ];
        for (name, change, wanted) in cases {
            let message = message(name, change);
            assert!(message.contains("w.safetensors") && message.contains(wanted), "{message}");
        }
    }
}
