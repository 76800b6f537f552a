//! Caffe's layer names, after [`Checkpoint::folded`](crate::Checkpoint::folded) made tensors of the
//! blobs. DSOD's numbered layers are in `naming::dsod`.
//!
//! A body has one and the same name in Caffe, alone or in a detector; ours stands behind `backbone.`
//! in a detector. So each detector has a table of its body, on a sign of the detector, before the
//! table of the bare body.
//! Sources: docs/reference/vovnet.md §4, refinedet.md §4.1 and §5, dsod.md §1.3, pelee_mobilenet_cifar.md §1.2,
//! §1.3 and §2.1.

mod bodies;
mod refinedet;
mod ssd;

use super::{Part, Table, When};
use bodies::{MOBILENET, PELEENET, VGG, VOVNET};

/// Keys that show which network a file is: (canonical, foreign). They need not be the same tensor.
type Sign = (&'static str, &'static str);

const REFINEDET: Sign = ("tcb.p3.conv.weight", "P3.weight");
const REFINEDET_RES6: Sign = ("extras.0.branch1.conv.weight", "res6_branch1.weight");
const REFINEDET_VGG: Sign = ("backbone.conv5_3.conv.weight", "conv5_3_norm.weight");
const SSD_VGG: Sign = ("backbone.conv5_3.conv.weight", "conv4_3_norm_mbox_loc.weight");
const SSD_MOBILENET: Sign = ("extras.3.expand.conv.weight", "conv17_2.weight");
const PELEE: Sign = ("inter.0.branch1.conv.weight", "stage4_tb/ext/pm2.weight");
const FACEMASK: Sign = ("loc_insert.0.conv.weight", "loc_0_insert_conv2d.weight");
const DSOD: Sign = ("loc.0.conv.weight", "First_norm_mbox_loc.weight");

/// Without a prefix, as signs of bare bodies are.
const BODY_PELEENET: Sign = ("features.stemblock.stem2a.conv.weight", "stem2a.weight");
const BODY_MOBILENET: Sign = ("features.conv1.dw.conv.weight", "conv1/dw.weight");
const BODY_VOVNET: Sign = ("stem.stem_1/conv.weight", "stem1/conv.weight");
const BODY_VGG: Sign = ("conv5_3.conv.weight", "conv5_3.weight");

/// Caffe models.
pub(in crate::naming) const CAFFE: &[Table] = &[
    Table { part: Part::DetectorBody, when: When::With(&PELEE), rows: PELEENET },
    Table { part: Part::DetectorBody, when: When::With(&SSD_MOBILENET), rows: MOBILENET },
    Table { part: Part::DetectorBody, when: When::With(&SSD_VGG), rows: VGG },
    Table { part: Part::DetectorBody, when: When::With(&REFINEDET), rows: VGG },
    Table { part: Part::DetectorBody, when: When::With(&REFINEDET), rows: VOVNET },
    Table { part: Part::Body, when: When::With(&BODY_PELEENET), rows: PELEENET },
    Table { part: Part::Body, when: When::With(&BODY_MOBILENET), rows: MOBILENET },
    Table { part: Part::Body, when: When::With(&BODY_VGG), rows: VGG },
    Table { part: Part::Body, when: When::Always, rows: VOVNET },
    Table { part: Part::Body, when: When::With(&BODY_VOVNET), rows: &[("classifier.{param}", "fc1000.{param}")] },
    Table { part: Part::Detector, when: When::With(&REFINEDET), rows: refinedet::TCB },
    Table { part: Part::Detector, when: When::With(&REFINEDET_RES6), rows: refinedet::RES6 },
    Table { part: Part::Detector, when: When::With(&REFINEDET_VGG), rows: refinedet::VGG },
    Table { part: Part::Detector, when: When::With(&SSD_VGG), rows: ssd::VGG },
    Table { part: Part::Detector, when: When::With(&SSD_MOBILENET), rows: ssd::MOBILENET },
    Table { part: Part::Detector, when: When::With(&PELEE), rows: ssd::PELEE },
    Table { part: Part::Detector, when: When::With(&FACEMASK), rows: ssd::FACEMASK },
    Table { part: Part::Detector, when: When::With(&DSOD), rows: ssd::DSOD },
];
