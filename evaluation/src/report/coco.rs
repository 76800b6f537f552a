//! The page of an evaluation in COCO's way.

use super::analysis::{Analysis, by_size};
use super::data::{Column, Headline, Page, Table, Thresholds, View, rounded};
use super::pictures::{self, File, Gallery, Wanted, extent};
use super::thresholds::thresholds;
use super::{confusion, errors, facts, gallery};
use crate::Result;
use crate::metrics::coco::{Evaluation, FIGURES, Kind, Protocol, Report};
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use vovdet_datasets::coco::CocoData;

const COLUMNS: [Column; 6] = [
    Column { name: "AP", part: true },
    Column { name: "AP50", part: true },
    Column { name: "AP75", part: true },
    Column { name: "AR", part: true },
    Column { name: "Objects", part: false },
    Column { name: "Detections", part: false },
];

/// Which of the 12 figures the first columns are.
const COLUMN_FIGURES: [usize; 4] = [0, 1, 2, 8];

/// Makes the page of a report. The evaluations must hold their matches, which those of a [`Scorer`](crate::metrics::coco::Scorer)
/// do not. The second value are sentences about images that could not be read.
///
/// # Errors
/// When the evaluations hold no matches.
pub fn page(
    data: &CocoData,
    evaluations: &[Evaluation],
    report: &Report,
    wanted: Gallery,
) -> Result<(Page, Vec<String>)> {
    let classes: HashMap<u64, usize> =
        report.per_class.iter().enumerate().map(|(index, (_, class))| (class.id.0, index)).collect();
    let analyses: Vec<_> = evaluations.iter().map(|e| (e, Analysis::new(e, &classes))).collect();
    let worst: Vec<(Thresholds, Vec<u64>)> = analyses
        .iter()
        .map(|(_, analysis)| {
            let thresholds = thresholds(analysis, report.per_class.iter().len());
            let worst = gallery::worst(analysis, wanted.count, thresholds.operating_point());
            (thresholds, worst)
        })
        .collect();
    let ids: BTreeSet<u64> = worst.iter().flat_map(|(_, ids)| ids.iter().copied()).collect();
    let places: HashMap<u64, usize> = ids.iter().enumerate().map(|(place, id)| (*id, place)).collect();
    let mut views = Vec::with_capacity(analyses.len());
    for ((evaluation, analysis), (thresholds, ids)) in analyses.iter().zip(worst) {
        let images: Vec<_> = ids.into_iter().map(|id| (id, places[&id])).collect();
        views.push(view(evaluation, analysis, report, thresholds, &images)?);
    }
    let wanted: Vec<_> = ids.iter().map(|id| picture(data, *id, wanted.images)).collect();
    let notes = [facts::left_out(&report.provenance), pictures::outside(&wanted)];
    let (pictures, problems) = pictures::read(wanted);
    let counts = report.counts;
    let counts = [
        ("images", counts.images),
        ("objects", counts.objects),
        ("crowds", counts.crowds),
        ("detections", counts.detections),
    ];
    let mut facts = protocol(&report.protocol);
    facts.extend(facts::facts(&report.provenance));
    let page = Page {
        protocol: "COCO",
        title: title(report),
        counts: counts.into_iter().filter(|(name, n)| *name != "crowds" || *n > 0).collect(),
        facts,
        times_ms: report.provenance.times_ms.clone(),
        processed: report.provenance.model.as_ref().map(|model| model.images),
        classes: report.per_class.iter().map(|(name, _)| name.to_owned()).collect(),
        notes: notes.into_iter().flatten().collect(),
        views,
        pictures,
    };
    Ok((page, problems))
}

fn view(
    evaluation: &Evaluation,
    analysis: &Analysis,
    report: &Report,
    thresholds: Thresholds,
    images: &[(u64, usize)],
) -> Result<View> {
    let (kind, point) = (evaluation.kind, thresholds.operating_point());
    let known = |value: f64| (value >= 0.0).then_some(rounded(value, 5));
    let figures = report.figures(kind).unwrap_or(evaluation.figures);
    let limits = report.protocol.max_dets;
    let headline = |(figure, value): (&crate::metrics::coco::Figure, &f64)| {
        let what = if figure.precision { "precision" } else { "recall" };
        let iou = figure.iou.map_or("IoU 0.50 to 0.95".into(), |iou| format!("IoU {iou:.2}"));
        let size = if figure.size == "all" { String::new() } else { format!(", {} objects", figure.size) };
        let limit =
            if figure.precision { String::new() } else { format!(", at most {} detections", limits[figure.limit]) };
        // AR1, AR10 and AR100 are named after limits that may be others.
        let name = match figure.size {
            "all" if !figure.precision => format!("AR{}", limits[figure.limit]),
            _ => figure.name.into(),
        };
        Headline { name, about: format!("Average {what}, {iou}{size}{limit}"), value: known(*value) }
    };
    let row = |(index, (_, class)): (usize, (&str, &crate::metrics::coco::ClassReport))| {
        let figures = class.figures(kind);
        let counts = [Some(class.objects as f64), Some(class.detections as f64)];
        let parts = COLUMN_FIGURES.iter().map(|at| figures.and_then(|figures| known(figures[*at])));
        (index, parts.chain(counts).collect())
    };
    Ok(View {
        name: if kind == Kind::Bbox { "Boxes" } else { "Masks" },
        headline: FIGURES.iter().zip(&figures).map(headline).collect(),
        table: Table { columns: COLUMNS.to_vec(), rows: report.per_class.iter().enumerate().map(row).collect() },
        curves: analysis.curves()?,
        by_size: by_size(&figures),
        by_iou: analysis.by_iou()?,
        errors: errors::shares(analysis)?,
        confusion: confusion::matrix(analysis, point),
        calibration: analysis.calibration(),
        operating_point: point,
        thresholds,
        gallery: gallery::items(analysis, images, point),
    })
}

fn picture(data: &CocoData, id: u64, folder: Option<&Path>) -> Wanted {
    let image = data.coco.get_img(id);
    let name = image.map_or(String::new(), |image| image.file_name.clone());
    Wanted {
        file: folder.filter(|_| !name.is_empty()).map(|folder| File::new(&name, folder.join(&name))),
        name: if name.is_empty() { id.to_string() } else { name },
        size: image.map(|image| (image.width, image.height)).filter(|(width, height)| *width > 0 && *height > 0),
        extent: extent(data.coco.get_ann_ids_for_img(id).iter().filter_map(|id| data.coco.get_ann(*id)?.bbox)),
    }
}

fn title(report: &Report) -> String {
    let stem = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let provenance = &report.provenance;
    let found = provenance.model.as_ref().map(|model| stem(&model.weights.path));
    let found = found.or_else(|| provenance.detections.as_ref().map(|file| stem(&file.path)));
    let objects = stem(&provenance.annotations.path);
    found.map_or_else(|| objects.clone(), |found| format!("{found} on {objects}"))
}

fn protocol(protocol: &Protocol) -> Vec<(&'static str, String)> {
    let [a, b, c] = protocol.max_dets;
    let mut facts = vec![("Protocol", format!("COCO; at most {a}, {b} and {c} detections per image and class"))];
    if !protocol.classes.is_empty() {
        facts.push(("Classes", protocol.classes.join(", ")));
    }
    if let Some(least) = protocol.min_score {
        facts.push(("Least score", least.to_string()));
    }
    facts.extend(facts::selection(&protocol.selection));
    facts
}
