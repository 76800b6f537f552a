//! Parameters and multiply-adds against what was published (sources: docs/reference/refinedet.md §6,
//! docs/reference/dsod.md §1.7 and §3, docs/reference/pelee_mobilenet_cifar.md §1.5, §2.2 and §5.3).
#![allow(clippy::unwrap_used)]

use vovdet_detectors::spec::Class;
use vovdet_detectors::{ModelSpec, count, usual_size};

/// Name, foreground classes, parameters in millions and operations in billions as computed in the spec to three digits.
const TABLE: [(&str, usize, f64, f64); 12] = [
    ("refinedet320_resnet50", 80, 63.459, 25.434),
    ("refinedet320_densenet201", 80, 56.127, 24.648),
    ("refinedet320_vovnet39", 80, 56.284, 32.655),
    ("refinedet320_resnet101", 80, 82.452, 33.020),
    ("refinedet320_densenet161", 80, 66.755, 32.742),
    ("refinedet320_vovnet57", 80, 70.324, 36.449),
    ("dsod300_ds64_64_16_1", 20, 5.833, 5.320),
    ("dsod300_vovnet27_slim", 20, 5.972, 5.673),
    ("dsod300_vovnet27_slim_bottleneck", 20, 4.872, 4.655),
    ("dsod300_ds64_192_48_1", 20, 14.716, 15.120),
    ("ssd300_mobilenet", 20, 5.796, 1.158),
    ("pelee304", 20, 5.426, 1.211),
];

#[test]
fn sizes_are_the_published_ones() {
    for (name, classes, params, flops) in TABLE {
        let mut spec = ModelSpec::named(name, None).unwrap();
        spec.classes = Class::table(classes);
        let count = count(&spec, usual_size(&spec.input)).unwrap();
        let (ours, theirs) = (count.total.params as f64 / 1e6, count.total.flops() as f64 / 1e9);
        assert!((ours - params).abs() < 6e-4, "{name}: {ours} M parameters, {params} published");
        assert!((theirs - flops).abs() < 6e-3, "{name}: {theirs} G, {flops} published");
    }
}

/// To the last unit, where the spec gives it.
#[test]
fn counts_are_exact() {
    let exact = [
        ("refinedet320_vovnet39", 80, Some(56_283_844), None),
        ("dsod300_vovnet27_slim", 20, Some(5_971_932), Some((5_663_451_392, 9_828_556))),
        ("ssd300_mobilenet", 20, Some(5_796_089), None),
        ("pelee304", 20, Some(5_425_892), None),
        ("pelee304", 80, Some(5_981_012), None),
        ("peleenet", 0, Some(2_802_248), None),
        ("mobilenet", 0, Some(4_231_976), None),
        // torchvision's documentation.
        ("densenet121", 0, Some(7_978_856), None),
        ("densenet161", 0, Some(28_681_000), None),
        ("densenet169", 0, Some(14_149_480), None),
        ("densenet201", 0, Some(20_013_928), None),
        ("mobilenet_v2", 0, Some(3_504_872), None),
        ("ssd300_vgg16", 90, Some(35_641_826), None),
        ("ssdlite320_mobilenet_v3_large", 90, Some(3_440_060), None),
    ];
    for (name, classes, params, work) in exact {
        let mut spec = ModelSpec::named(name, None).unwrap();
        spec.classes = Class::table(classes);
        let total = count(&spec, usual_size(&spec.input)).unwrap().total;
        assert_eq!(Some(total.params), params.or(Some(total.params)), "{name}");
        if let Some(work) = work {
            assert_eq!((total.conv_macs, total.norm_ops), work, "{name}");
        }
    }
}

/// The parts of a two-stage detector, docs/reference/mask_rcnn.md §1: FPN, RPN, box head and mask head together.
#[test]
fn parts_of_mask_rcnn_are_the_published_ones() {
    for (name, heads) in [
        ("mask_rcnn_vovnet39_fpn", 14_310_805 + 2_643_537),
        ("mask_rcnn_vovnet39_ese_fpn", 14_306_705 + 2_643_280),
        ("faster_rcnn_vovnet39_fpn", 14_310_805),
    ] {
        let mut spec = ModelSpec::named(name, None).unwrap();
        spec.classes = Class::table(80);
        let parts = count(&spec, (64, 64)).unwrap().parts;
        assert_eq!(parts["backbone.fpn"].params, 3_016_704, "{name}");
        assert_eq!(parts["rpn"].params, 593_935, "{name}");
        assert_eq!(parts["roi_heads"].params, heads, "{name}");
    }
}
