//! SSD and its relatives: layers behind the backbone, a head of two convolutions on each source map.

/// SSD300 and SSD512 on VGG; the latter has one source more.
pub(super) const VGG: &[(&str, &str)] = &[
    ("extras.{k:0..4}.squeeze.conv.{param}", "conv{k:6..10}_1.{param}"),
    ("extras.{k:0..4}.expand.conv.{param}", "conv{k:6..10}_2.{param}"),
    ("norm.0.weight", "conv4_3_norm.weight"),
    ("loc.0.{param}", "conv4_3_norm_mbox_loc.{param}"),
    ("loc.1.{param}", "fc7_mbox_loc.{param}"),
    ("loc.{i:2..6}.{param}", "conv{i:6..10}_2_mbox_loc.{param}"),
    ("conf.0.{param}", "conv4_3_norm_mbox_conf.{param}"),
    ("conf.1.{param}", "fc7_mbox_conf.{param}"),
    ("conf.{i:2..6}.{param}", "conv{i:6..10}_2_mbox_conf.{param}"),
];

/// MobileNet-SSD.
pub(super) const MOBILENET: &[(&str, &str)] = &[
    ("extras.{k:0..3}.squeeze.conv.{param}", "conv{k:14..17}_1.{param}"),
    ("extras.{k:0..3}.squeeze.norm.{norm}", "conv{k:14..17}_1/bn.{norm}"),
    ("extras.{k:0..3}.expand.conv.{param}", "conv{k:14..17}_2.{param}"),
    ("extras.{k:0..3}.expand.norm.{norm}", "conv{k:14..17}_2/bn.{norm}"),
    ("loc.{i:0..1}.{param}", "conv{i:11..13/2}_mbox_loc.{param}"),
    ("loc.{i:2..5}.{param}", "conv{i:14..17}_2_mbox_loc.{param}"),
    ("conf.{i:0..1}.{param}", "conv{i:11..13/2}_mbox_conf.{param}"),
    ("conf.{i:2..5}.{param}", "conv{i:14..17}_2_mbox_conf.{param}"),
];

/// Pelee: six heads on five residual blocks, the first of which two of them read.
pub(super) const PELEE: &[(&str, &str)] = &[
    ("extras.0.squeeze.conv.{param}", "stage4_tb/relu/ext1/fe1_1.{param}"),
    ("extras.{k:1..2}.squeeze.conv.{param}", "ext1/fe{k:2..3}_1.{param}"),
    ("extras.{k:0..2}.expand.conv.{param}", "ext1/fe{k:1..3}_2.{param}"),
    ("inter.{i:0..4}.branch1.conv.{param}", "stage4_tb/ext/pm{i:2..6}.{param}"),
    ("inter.{i:0..4}.branch1.norm.{norm}", "stage4_tb/ext/pm{i:2..6}/bn.{norm}"),
    ("inter.{i:0..4}.branch2{x:a..c}.conv.{param}", "stage4_tb/ext/pm{i:2..6}/b2{x:a..c}.{param}"),
    ("inter.{i:0..4}.branch2{x:a..c}.norm.{norm}", "stage4_tb/ext/pm{i:2..6}/b2{x:a..c}/bn.{norm}"),
    ("loc.{i:0..5}.{param}", "ext/pm{i:1..6}_mbox_loc.{param}"),
    ("conf.{i:0..5}.{param}", "ext/pm{i:1..6}_mbox_conf.{param}"),
];

/// AIZOO's face mask detector, as it was converted from Keras: one convolution more before each of
/// the heads' two.
pub(super) const FACEMASK: &[(&str, &str)] = &[
    ("backbone.conv2d_{i:0..7}.conv.{param}", "conv2d_{i:0..7}.{param}"),
    ("loc_insert.{i:0..4}.conv.{param}", "loc_{i:0..4}_insert_conv2d.{param}"),
    ("conf_insert.{i:0..4}.conv.{param}", "cls_{i:0..4}_insert_conv2d.{param}"),
    ("loc.{i:0..4}.{param}", "loc_{i:0..4}_conv.{param}"),
    ("conf.{i:0..4}.{param}", "cls_{i:0..4}_conv.{param}"),
];

macro_rules! dsod_heads {
    ($($i:literal $name:literal),*) => {
        &[$(
            (concat!("norm.", $i, ".weight"), concat!($name, "_norm.weight")),
            (concat!("loc.", $i, ".conv.{param}"), concat!($name, "_norm_mbox_loc.{param}")),
            (concat!("loc.", $i, ".norm.{norm}"), concat!($name, "_norm_mbox_loc_bn.{norm}")),
            (concat!("conf.", $i, ".conv.{param}"), concat!($name, "_norm_mbox_conf.{param}")),
            (concat!("conf.", $i, ".norm.{norm}"), concat!($name, "_norm_mbox_conf_bn.{norm}")),
        )*]
    };
}

/// DSOD's normalisations and heads, which have a norm.
pub(super) const DSOD: &[(&str, &str)] =
    dsod_heads!("0" "First", "1" "Second", "2" "Third", "3" "Fourth", "4" "Fifth", "5" "Sixth");
