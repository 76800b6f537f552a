//! The page of an evaluation in VOC's way.
//!
//! The figures, the table and the curves are VOC's. What explains the errors is by COCO's matching, at which the same
//! boxes overlap as much: a box that holds its last pixel is `xmax - xmin + 1` wide. Difficult objects stand as crowds.

use super::analysis::{Analysis, MATCH_IOU, by_size};
use super::data::{Column, Curve, Headline, Line, Page, Table, View, rounded};
use super::facts::{facts, left_out, selection};
use super::pictures::{self, File, Gallery, Wanted, extent};
use super::thresholds::thresholds;
use super::{confusion, errors, gallery};
use crate::Result;
use crate::metrics::coco::{Evaluation, Kind, images_to_look_at};
use crate::metrics::voc::{Class, ClassReport, Detections, Report, Scores};
use hotcoco::{Annotation, COCO, Category, Dataset, Image};
use std::collections::HashMap;
use std::path::Path;
use vovdet_datasets::voc::{VocData, VocImage};

/// VOC knows no limit of detections; nobody has this many of a class in an image.
const MAX_DETS: [usize; 3] = [1, 10, 10_000];

const COLUMNS: [Column; 6] = [
    Column { name: "AP 2007", part: true },
    Column { name: "AP area", part: true },
    Column { name: "Recall", part: true },
    Column { name: "Objects", part: false },
    Column { name: "Difficult", part: false },
    Column { name: "Detections", part: false },
];

/// Recalls at which curves are sampled: 0, 0.01, …, 1.
const RECALLS: usize = 101;

/// Makes the page of a report. The second value are sentences about images that could not be read.
///
/// # Errors
/// When the data cannot be matched in COCO's way.
pub fn page(
    data: &VocData,
    detections: &Detections,
    scores: &Scores,
    report: &Report,
    wanted: Gallery,
) -> Result<(Page, Vec<String>)> {
    let evaluation = evaluated(data, detections, scores, report)?;
    let place = |(place, name): (usize, &String)| {
        Some((data.classes.iter().position(|class| class == name)? as u64 + 1, place))
    };
    let classes: HashMap<u64, usize> = scores.names.iter().enumerate().filter_map(place).collect();
    let analysis = Analysis::new(&evaluation, &classes);
    let thresholds = thresholds(&analysis, scores.names.len());
    let point = thresholds.operating_point();
    let worst = gallery::worst(&analysis, wanted.count, point);
    let images: Vec<_> = worst.iter().enumerate().map(|(place, id)| (*id, place)).collect();
    let wanted: Vec<_> = worst.iter().map(|id| picture(data, *id, wanted.images)).collect();
    let notes = [Some(note(report.protocol.iou_threshold)), left_out(&report.provenance), pictures::outside(&wanted)];
    let (pictures, problems) = pictures::read(wanted);
    let known = |value: Option<f64>| value.map(|value| rounded(value, 5));
    let iou = report.protocol.iou_threshold;
    let figure = |at: usize| Some(evaluation.figures[at]).filter(|value| *value >= 0.0);
    let headline = [
        ("mAP 2007", format!("Mean average precision at eleven recalls, IoU over {iou}"), report.map_2007),
        ("mAP area", format!("Mean area under the precision-recall curve, IoU over {iou}"), report.map_area),
        ("COCO AP", "Average precision, IoU 0.50 to 0.95".into(), figure(0)),
        ("COCO AP75", "Average precision, IoU 0.75".into(), figure(2)),
    ];
    let headline =
        headline.into_iter().map(|(name, about, value)| Headline { name: name.into(), about, value: known(value) });
    let row = |(index, (_, class)): (usize, (&str, &ClassReport))| {
        let counts = [class.objects, class.difficult, class.detections].map(|n| Some(n as f64));
        (index, [class.ap_2007, class.ap_area, class.recall].map(known).into_iter().chain(counts).collect())
    };
    let view = View {
        name: "Boxes",
        headline: headline.collect(),
        table: Table { columns: COLUMNS.to_vec(), rows: report.per_class.iter().enumerate().map(row).collect() },
        curves: curves(&scores.classes, report),
        by_size: by_size(&evaluation.figures),
        by_iou: analysis.by_iou()?,
        errors: errors::shares(&analysis)?,
        confusion: confusion::matrix(&analysis, point),
        calibration: analysis.calibration(),
        operating_point: point,
        thresholds,
        gallery: gallery::items(&analysis, &images, point),
    };
    let counts = report.counts;
    let counts = [
        ("images", counts.images),
        ("objects", counts.objects),
        ("difficult", counts.difficult),
        ("detections", counts.detections),
    ];
    let split = report.protocol.split.as_ref().map_or(String::new(), |split| format!(" {split}"));
    let root = data.root.file_name().unwrap_or(data.root.as_os_str()).to_string_lossy();
    let mut all = vec![("Protocol", format!("VOC; a detection is right at an IoU over {iou}"))];
    all.extend(selection(&report.protocol.selection));
    all.extend(facts(&report.provenance));
    let page = Page {
        protocol: "VOC",
        title: format!("{root}{split}"),
        counts: counts.into_iter().filter(|(name, n)| *name != "difficult" || *n > 0).collect(),
        facts: all,
        times_ms: report.provenance.times_ms.clone(),
        processed: report.provenance.model.as_ref().map(|model| model.images),
        classes: scores.names.clone(),
        notes: notes.into_iter().flatten().collect(),
        views: vec![view],
        pictures,
    };
    Ok((page, problems))
}

/// What is not VOC's own on the page.
fn note(iou: f64) -> String {
    let at = if iou == MATCH_IOU { format!("{MATCH_IOU}") } else { format!("{MATCH_IOU} and not {iou}") };
    format!(
        "The figures at the top, the table and the curves are VOC's own. Figures by score, size and overlap, errors, \
         confusions, calibration and the gallery are by COCO's matching, at IoU {at}; a detection that mostly lies inside \
         a difficult object is not counted there."
    )
}

/// Precision over recall of every class, and their mean, each with the area under it that the report has.
fn curves(classes: &[Class], report: &Report) -> Vec<Curve> {
    let sampled: Vec<Vec<f64>> = classes.iter().map(sampled).collect();
    let real: Vec<_> = sampled.iter().filter(|points| !points.is_empty()).collect();
    let mean = |r| real.iter().map(|points: &&Vec<f64>| points[r]).sum::<f64>() / real.len() as f64;
    let mean = if real.is_empty() { Vec::new() } else { (0..RECALLS).map(mean).collect() };
    let curve = |class, points: &[f64], ap: Option<f64>| {
        let name = format!("IoU over {}", report.protocol.iou_threshold);
        let points = points.iter().map(|value| rounded(*value, 4)).collect();
        Curve { class, lines: vec![Line { name, points, ap: ap.map(|ap| rounded(ap, 5)) }] }
    };
    let each = sampled.iter().zip(report.per_class.iter()).enumerate();
    let each = each.map(|(index, (points, (_, class)))| curve(Some(index), points, class.ap_area));
    std::iter::once(curve(None, &mean, report.map_area)).chain(each).collect()
}

/// The best precision at each recall or beyond it; nothing for a class without objects.
fn sampled(class: &Class) -> Vec<f64> {
    if class.objects == 0 {
        return Vec::new();
    }
    let mut points = vec![0.0_f64; RECALLS];
    for (recall, precision) in class.curve() {
        // The last sample that is not beyond this recall.
        let last = ((recall * (RECALLS - 1) as f64 + 1e-9).floor() as usize).min(RECALLS - 1);
        points[last] = points[last].max(precision);
    }
    for r in (0..RECALLS - 1).rev() {
        points[r] = points[r].max(points[r + 1]);
    }
    points
}

/// The same objects and detections, matched in COCO's way.
fn evaluated(data: &VocData, detections: &Detections, scores: &Scores, report: &Report) -> Result<Evaluation> {
    let category =
        |(index, name): (usize, &String)| Category { id: index as u64 + 1, name: name.clone(), ..Category::default() };
    let image = |(index, image): (usize, &VocImage)| {
        let (width, height) = image.size.unwrap_or_default();
        Image { id: index as u64 + 1, file_name: image.id.clone(), width, height, ..Image::default() }
    };
    let mark = |image: usize, class: usize, [x1, y1, x2, y2]: [f64; 4]| {
        let (w, h) = (x2 - x1 + 1.0, y2 - y1 + 1.0);
        let (image_id, category_id) = (image as u64 + 1, class as u64 + 1);
        Annotation {
            image_id,
            category_id,
            bbox: Some([x1 - 1.0, y1 - 1.0, w, h]),
            area: Some(w * h),
            ..Annotation::default()
        }
    };
    let objects =
        data.images.iter().enumerate().flat_map(|(image, of)| of.objects.iter().map(move |object| (image, object)));
    let objects = objects.zip(1..).map(|((image, object), id)| Annotation {
        id,
        iscrowd: object.difficult,
        ..mark(image, object.class, object.bbox)
    });
    let truth = COCO::from_dataset(Dataset {
        images: data.images.iter().enumerate().map(image).collect(),
        categories: data.classes.iter().enumerate().map(category).collect(),
        annotations: objects.collect(),
        ..Dataset::default()
    });
    let found =
        detections.by_class.iter().enumerate().flat_map(|(class, list)| list.iter().map(move |one| (class, one)));
    let found = found.map(|(class, one)| Annotation { score: Some(one.score), ..mark(one.image, class, one.bbox) });
    let results = truth.load_res_anns(found.collect())?;
    let mut eval = hotcoco::COCOeval::new(truth, results, hotcoco::IouType::Bbox);
    eval.params.max_dets = MAX_DETS.to_vec();
    let mut images: Vec<u64> =
        detections.images(data, &report.protocol).into_iter().map(|index| index as u64 + 1).collect();
    images.sort_unstable();
    eval.params.img_ids = images_to_look_at(&images);
    let wanted = |(index, name): (usize, &String)| scores.names.contains(name).then_some(index as u64 + 1);
    eval.params.cat_ids = data.classes.iter().enumerate().filter_map(wanted).collect();
    eval.evaluate()?;
    Ok(Evaluation::accumulated(Kind::Bbox, eval))
}

fn picture(data: &VocData, id: u64, folder: Option<&Path>) -> Wanted {
    let image = &data.images[id as usize - 1];
    let to_coco = |[x1, y1, x2, y2]: [f64; 4]| [x1 - 1.0, y1 - 1.0, x2 - x1 + 1.0, y2 - y1 + 1.0];
    Wanted {
        name: image.id.clone(),
        file: folder.map(|folder| File::new(&image.id, data.image_path_in(folder, &image.id))),
        size: image.size.filter(|(width, height)| *width > 0 && *height > 0),
        extent: extent(image.objects.iter().map(|object| to_coco(object.bbox))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::voc::{Detection, Verdict};

    #[test]
    fn curves_hold_the_best_precision_from_a_recall_on() {
        let at = |verdict| (Detection { image: 0, score: 1.0, bbox: [0.0; 4] }, verdict);
        // Right, wrong, right of two objects: precision 1 up to recall 0.5, then 2/3.
        let detections = vec![at(Verdict::Right(0)), at(Verdict::Wrong), at(Verdict::Right(1))];
        let points = sampled(&Class { objects: 2, difficult: 0, detections });
        assert_eq!((points[0], points[50]), (1.0, 1.0));
        assert_eq!((points[51], points[100]), (2.0 / 3.0, 2.0 / 3.0));
        assert!(sampled(&Class { objects: 0, difficult: 1, detections: Vec::new() }).is_empty());
    }
}
