//! The classes of the public data sets that detectors and classifiers are trained on.

use std::sync::LazyLock;

/// The 80 classes of COCO as (category id, name), by rising id.
///
/// Ids lie between 1 and 90 and have gaps; a class's place in this list is its contiguous number,
/// from 0 (docs/reference/mask_rcnn.md §11).
pub fn coco() -> &'static [(u32, &'static str)] {
    &COCO
}

/// The 20 classes of PASCAL VOC in alphabetical order, without background.
pub fn voc() -> &'static [&'static str] {
    &VOC
}

/// Short names of the 1000 classes of ImageNet (ILSVRC 2012), in the order of a classifier's
/// outputs.
pub fn imagenet() -> &'static [&'static str] {
    static NAMES: LazyLock<Vec<&str>> =
        LazyLock::new(|| include_str!("../data/imagenet_classes.txt").lines().collect());
    &NAMES
}

const COCO: [(u32, &str); 80] = [
    (1, "person"),
    (2, "bicycle"),
    (3, "car"),
    (4, "motorcycle"),
    (5, "airplane"),
    (6, "bus"),
    (7, "train"),
    (8, "truck"),
    (9, "boat"),
    (10, "traffic light"),
    (11, "fire hydrant"),
    (13, "stop sign"),
    (14, "parking meter"),
    (15, "bench"),
    (16, "bird"),
    (17, "cat"),
    (18, "dog"),
    (19, "horse"),
    (20, "sheep"),
    (21, "cow"),
    (22, "elephant"),
    (23, "bear"),
    (24, "zebra"),
    (25, "giraffe"),
    (27, "backpack"),
    (28, "umbrella"),
    (31, "handbag"),
    (32, "tie"),
    (33, "suitcase"),
    (34, "frisbee"),
    (35, "skis"),
    (36, "snowboard"),
    (37, "sports ball"),
    (38, "kite"),
    (39, "baseball bat"),
    (40, "baseball glove"),
    (41, "skateboard"),
    (42, "surfboard"),
    (43, "tennis racket"),
    (44, "bottle"),
    (46, "wine glass"),
    (47, "cup"),
    (48, "fork"),
    (49, "knife"),
    (50, "spoon"),
    (51, "bowl"),
    (52, "banana"),
    (53, "apple"),
    (54, "sandwich"),
    (55, "orange"),
    (56, "broccoli"),
    (57, "carrot"),
    (58, "hot dog"),
    (59, "pizza"),
    (60, "donut"),
    (61, "cake"),
    (62, "chair"),
    (63, "couch"),
    (64, "potted plant"),
    (65, "bed"),
    (67, "dining table"),
    (70, "toilet"),
    (72, "tv"),
    (73, "laptop"),
    (74, "mouse"),
    (75, "remote"),
    (76, "keyboard"),
    (77, "cell phone"),
    (78, "microwave"),
    (79, "oven"),
    (80, "toaster"),
    (81, "sink"),
    (82, "refrigerator"),
    (84, "book"),
    (85, "clock"),
    (86, "vase"),
    (87, "scissors"),
    (88, "teddy bear"),
    (89, "hair drier"),
    (90, "toothbrush"),
];

const VOC: [&str; 20] = [
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The rule of docs/reference/mask_rcnn.md §11, from maskrcnn-benchmark's and detectron2's data sets.
    #[test]
    fn coco_ids_have_the_gaps_that_the_data_set_has() {
        let missing = [12, 26, 29, 30, 45, 66, 68, 69, 71, 83];
        let ids: Vec<u32> = (1..=90).filter(|id| !missing.contains(id)).collect();
        assert_eq!(coco().iter().map(|class| class.0).collect::<Vec<_>>(), ids);
    }

    /// Against torchvision's own lists, written by tests/fixtures/naming/make.py.
    #[test]
    fn names_are_torchvisions() {
        let theirs: Vec<&str> = include_str!("../tests/fixtures/naming/coco_classes.txt").lines().collect();
        for &(id, name) in coco() {
            assert_eq!(theirs[id as usize], name);
        }
        let theirs: Vec<&str> = include_str!("../tests/fixtures/naming/voc_classes.txt").lines().collect();
        assert_eq!(voc(), &theirs[1..]);
        assert!(voc().is_sorted());
    }

    /// Well-known outputs of ImageNet classifiers.
    #[test]
    fn imagenet_is_whole_and_in_order() {
        assert_eq!(imagenet().len(), 1000);
        for (index, name) in [(0, "tench"), (281, "tabby"), (285, "Egyptian cat"), (999, "toilet tissue")] {
            assert_eq!(imagenet()[index], name);
        }
    }
}
