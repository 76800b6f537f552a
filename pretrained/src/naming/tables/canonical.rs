//! The canonical names: VoVNet's reference and torchvision's newest generation.

/// Every canonical name of a backbone, without prefix.
pub(in crate::naming) const CANONICAL_BODY: &[&str] = &[
    "stem.stem_{i:1..3}/conv.weight",
    "stem.stem_{i:1..3}/norm.{norm}",
    "stem.stem_{i:2..3}/dw_conv3x3.weight",
    "stem.stem_{i:2..3}/pw_conv1x1.weight",
    "stem.stem_{i:2..3}/pw_norm.{norm}",
    "stage{n:2..5}.OSA{n}_{b:1..}.layers.{i:0..}.OSA{n}_{b}_{i}/conv.weight",
    "stage{n:2..5}.OSA{n}_{b:1..}.layers.{i:0..}.OSA{n}_{b}_{i}/norm.{norm}",
    "stage{n:2..5}.OSA{n}_{b:1..}.layers.{i:0..}.OSA{n}_{b}_{i}/dw_conv3x3.weight",
    "stage{n:2..5}.OSA{n}_{b:1..}.layers.{i:0..}.OSA{n}_{b}_{i}/pw_conv1x1.weight",
    "stage{n:2..5}.OSA{n}_{b:1..}.layers.{i:0..}.OSA{n}_{b}_{i}/pw_norm.{norm}",
    "stage{n:2..5}.OSA{n}_{b:1..}.conv_reduction.OSA{n}_{b}_reduction_0/conv.weight",
    "stage{n:2..5}.OSA{n}_{b:1..}.conv_reduction.OSA{n}_{b}_reduction_0/norm.{norm}",
    "stage{n:2..5}.OSA{n}_{b:1..}.concat.OSA{n}_{b}_concat/conv.weight",
    "stage{n:2..5}.OSA{n}_{b:1..}.concat.OSA{n}_{b}_concat/norm.{norm}",
    "stage{n:2..5}.OSA{n}_{b:1..}.ese.fc.{param}",
    "classifier.{param}",
    "conv1.weight",
    "bn1.{norm}",
    "layer{n:1..4}.{b:0..}.conv{i:1..3}.weight",
    "layer{n:1..4}.{b:0..}.bn{i:1..3}.{norm}",
    "layer{n:1..4}.{b:0..}.downsample.0.weight",
    "layer{n:1..4}.{b:0..}.downsample.1.{norm}",
    "fc.{param}",
    // DenseNet, PeleeNet and MobileNet are called what torchvision or their reference calls them.
    "features.{rest}",
    "classifier.1.{param}",
];

/// Every other canonical name of a detector. The last row lets a body of any other family keep
/// its own names; the buffers before it are no parameters, but are worth reading.
pub(in crate::naming) const CANONICAL_DETECTOR: &[&str] = &[
    "backbone.fpn.inner_blocks.{i:0..3}.0.{param}",
    "backbone.fpn.inner_blocks.{i:0..3}.1.{norm}",
    "backbone.fpn.layer_blocks.{i:0..3}.0.{param}",
    "backbone.fpn.layer_blocks.{i:0..3}.1.{norm}",
    "rpn.head.conv.{i:0..}.0.{param}",
    "rpn.head.cls_logits.{param}",
    "rpn.head.bbox_pred.{param}",
    "roi_heads.box_head.fc6.{param}",
    "roi_heads.box_head.fc7.{param}",
    "roi_heads.box_head.{i:0..3}.0.{param}",
    "roi_heads.box_head.{i:0..3}.1.{norm}",
    "roi_heads.box_head.5.{param}",
    "roi_heads.box_predictor.cls_score.{param}",
    "roi_heads.box_predictor.bbox_pred.{param}",
    "roi_heads.mask_head.{i:0..3}.0.{param}",
    "roi_heads.mask_head.{i:0..3}.1.{norm}",
    "roi_heads.mask_predictor.conv5_mask.{param}",
    "roi_heads.mask_predictor.mask_fcn_logits.{param}",
    "rpn.anchor_generator.cell_anchors.{i:0..}",
    "pixel_mean",
    "pixel_std",
    "backbone.body.{rest}",
];
