//! Tables for people.

use crate::cli::names::in_table;
use crate::cli::table::Columns;
use std::fmt::Write;
use vovdet_evaluation::metrics::coco::{Counts, FIGURES, Figures, Kind, Report};
use vovdet_evaluation::metrics::voc;

const KINDS: [Kind; 2] = [Kind::Bbox, Kind::Segm];

/// A figure with three decimals; a dash where nothing can be said.
pub fn figure(value: f64) -> String {
    if value < 0.0 { "–".into() } else { format!("{value:.3}") }
}

/// `1 image`, `2 images`.
pub fn number(n: usize, unit: &str) -> String {
    format!("{n} {unit}{}", if n == 1 { "" } else { "s" })
}

/// A sentence about detections that do not count, if there are some.
pub fn cut(images: usize, of: &Report) -> Option<String> {
    let most = of.protocol.max_dets.iter().max()?;
    (images > 0).then(|| {
        format!(
            "{images} of {} have more than {most} detections of a class; only the {most} best count, --max-dets N for more",
            number(of.counts.images, "image")
        )
    })
}

fn counts(counts: &Counts) -> String {
    let crowds = if counts.crowds > 0 { format!(" and {}", number(counts.crowds, "crowd")) } else { String::new() };
    let (images, objects) = (number(counts.images, "image"), number(counts.objects, "object"));
    format!("{images}, {objects}{crowds}, {}", number(counts.detections, "detection"))
}

/// The figures of a COCO report, one column per kind, and, when asked for, a line per class.
pub fn coco(report: &Report, per_class: bool) -> String {
    let mut text = counts(&report.counts);
    let columns: Vec<(Kind, Figures)> = KINDS.iter().filter_map(|kind| Some((*kind, report.figures(*kind)?))).collect();
    let limits = report.protocol.max_dets;
    text += "\n\n                                        ";
    for (kind, _) in &columns {
        // Writing to a String cannot fail.
        let _ = write!(text, "  {kind:>6}");
    }
    for (index, figure) in FIGURES.iter().enumerate() {
        let iou = figure.iou.map_or("0.50:0.95".into(), |iou| format!("{iou:.2}"));
        let what = if figure.precision { "AP" } else { "AR" };
        let _ = write!(text, "\n{what}  IoU {iou:<9}  {:<6}  at most {:<5}", figure.size, limits[figure.limit]);
        for (_, figures) in &columns {
            let _ = write!(text, "  {:>6}", self::figure(figures[index]));
        }
    }
    if per_class {
        text += "\n\n";
        text += &classes(report, &columns);
    }
    text
}

fn classes(report: &Report, columns: &[(Kind, Figures)]) -> String {
    let mut table = Columns::new([0]);
    let kinds = columns.iter().flat_map(|(kind, _)| [format!("{kind} AP"), "AP50".into(), "AP75".into()]);
    table.row(["class", "objects", "detections"].map(String::from).into_iter().chain(kinds));
    for (name, class) in report.per_class.iter() {
        let counts = [in_table(name).into_owned(), class.objects.to_string(), class.detections.to_string()];
        let figures = columns.iter().flat_map(|(kind, _)| {
            let figures = class.figures(*kind).unwrap_or([-1.0; 12]);
            [figures[0], figures[1], figures[2]].map(figure)
        });
        table.row(counts.into_iter().chain(figures));
    }
    table.text()
}

/// The figures of a VOC report, a line per class.
pub fn voc(report: &voc::Report) -> String {
    let voc::Counts { images, objects, difficult, detections } = report.counts;
    let hard = if difficult > 0 { format!(" and {difficult} difficult") } else { String::new() };
    let (images, objects) = (number(images, "image"), number(objects, "object"));
    let mut text = format!("{images}, {objects}{hard}, {}\n\n", number(detections, "detection"));
    let mut table = Columns::new([0]);
    let iou = format!("IoU > {}", report.protocol.iou_threshold);
    table.row([iou.as_str(), "objects", "detections", "recall", "AP 2007", "AP area"]);
    let show = |value: Option<f64>| figure(value.unwrap_or(-1.0));
    for (name, class) in report.per_class.iter() {
        let [recall, eleven, area] = [class.recall, class.ap_2007, class.ap_area].map(show);
        let (objects, detections) = (class.objects.to_string(), class.detections.to_string());
        table.row([in_table(name).into_owned(), objects, detections, recall, eleven, area]);
    }
    let none = String::new;
    table.row(["mean".into(), none(), none(), none(), show(report.map_2007), show(report.map_area)]);
    text += &table.text();
    text
}
