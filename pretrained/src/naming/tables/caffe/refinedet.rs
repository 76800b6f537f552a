//! RefineDet: transfer connection blocks, heads on the anchors (ARM) and on the refined ones (ODM).

/// Transfer connection blocks, whatever the backbone.
pub(super) const TCB: &[(&str, &str)] = &[
    ("tcb.tl{k:3..6}_{j:1..2}.conv.{param}", "TL{k:3..6}_{j:1..2}.{param}"),
    ("tcb.tl{k:3..6}_{j:1..2}.norm.{norm}", "TL{k:3..6}_{j:1..2}_bn.{norm}"),
    ("tcb.p{k:3..6}.conv.{param}", "P{k:3..6}.{param}"),
    ("tcb.p{k:3..6}.norm.{norm}", "P{k:3..6}_bn.{norm}"),
    ("tcb.up{k:4..6}.conv.{param}", "P{k:4..6}-up.{param}"),
    ("tcb.up{k:4..6}.norm.{norm}", "P{k:4..6}-up_bn.{norm}"),
];

/// A bottleneck, `res`/`bn` and a name, a head of two convolutions on it.
macro_rules! anchor_source {
    ($($i:literal $name:literal),*) => {
        &[$(
            (concat!("arm.inter.", $i, ".branch1.conv.{param}"), concat!("res", $name, "_inter_branch1.{param}")),
            (concat!("arm.inter.", $i, ".branch1.norm.{norm}"), concat!("bn", $name, "_inter_branch1.{norm}")),
            (
                concat!("arm.inter.", $i, ".branch2{x:a..c}.conv.{param}"),
                concat!("res", $name, "_inter_branch2{x:a..c}.{param}"),
            ),
            (
                concat!("arm.inter.", $i, ".branch2{x:a..c}.norm.{norm}"),
                concat!("bn", $name, "_inter_branch2{x:a..c}.{norm}"),
            ),
            (concat!("arm.loc.", $i, ".{param}"), concat!("res", $name, "_inter_mbox_loc.{param}")),
            (concat!("arm.conf.", $i, ".{param}"), concat!("res", $name, "_inter_mbox_conf.{param}")),
        )*
            ("odm.inter.{i:0..3}.branch1.conv.{param}", "resP{i:3..6}_inter_branch1.{param}"),
            ("odm.inter.{i:0..3}.branch1.norm.{norm}", "bnP{i:3..6}_inter_branch1.{norm}"),
            ("odm.inter.{i:0..3}.branch2{x:a..c}.conv.{param}", "resP{i:3..6}_inter_branch2{x:a..c}.{param}"),
            ("odm.inter.{i:0..3}.branch2{x:a..c}.norm.{norm}", "bnP{i:3..6}_inter_branch2{x:a..c}.{norm}"),
            ("odm.loc.{i:0..3}.{param}", "resP{i:3..6}_inter_mbox_loc.{param}"),
            ("odm.conf.{i:0..3}.{param}", "resP{i:3..6}_inter_mbox_conf.{param}"),
            ("extras.0.branch1.conv.{param}", "res6_branch1.{param}"),
            ("extras.0.branch1.norm.{norm}", "bn6_branch1.{norm}"),
            ("extras.0.branch2{x:a..c}.conv.{param}", "res6_branch2{x:a..c}.{param}"),
            ("extras.0.branch2{x:a..c}.norm.{norm}", "bn6_branch2{x:a..c}.{norm}"),
        ]
    };
}

/// On VoVNet: the fourth source is a bottleneck, and one stands before every head.
pub(super) const RES6: &[(&str, &str)] =
    anchor_source!("0" "Transition3/relu", "1" "Transition4B/relu", "2" "Transition5B/relu", "3" "res6_relu");

/// On VGG.
pub(super) const VGG: &[(&str, &str)] = &[
    ("extras.0.squeeze.conv.{param}", "conv6_1.{param}"),
    ("extras.0.expand.conv.{param}", "conv6_2.{param}"),
    ("norm.{i:0..1}.weight", "conv{i:4..5}_3_norm.weight"),
    ("arm.loc.{i:0..1}.{param}", "conv{i:4..5}_3_norm_mbox_loc.{param}"),
    ("arm.loc.2.{param}", "fc7_mbox_loc.{param}"),
    ("arm.loc.3.{param}", "conv6_2_mbox_loc.{param}"),
    ("arm.conf.{i:0..1}.{param}", "conv{i:4..5}_3_norm_mbox_conf.{param}"),
    ("arm.conf.2.{param}", "fc7_mbox_conf.{param}"),
    ("arm.conf.3.{param}", "conv6_2_mbox_conf.{param}"),
    ("odm.loc.{i:0..3}.{param}", "P{i:3..6}_mbox_loc.{param}"),
    ("odm.conf.{i:0..3}.{param}", "P{i:3..6}_mbox_conf.{param}"),
];
