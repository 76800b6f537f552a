//! Detections drawn on their picture: translucent masks with an outline, boxes, and labels where they can be read.

mod canvas;
mod colour;
mod fonts;
mod labels;
mod mask;
mod text;

use canvas::{Canvas, Rect};
use hotcoco::Rle;
use image::RgbImage;
use text::Glyphs;

pub use colour::Colour;
pub use text::{drawable, missing_letter};

/// One object to be drawn.
#[derive(Debug, Clone)]
pub struct Object<'a> {
    /// `[x1, y1, x2, y2]` in pixels.
    pub bbox: [f32; 4],
    /// Confidence in 0..1.
    pub score: f32,
    /// Name of its class, as [`drawable`] gives it.
    pub name: &'a str,
    /// What it is coloured by: the class, or the object itself when there is only one class.
    pub colour: Colour,
    /// Its pixels, at the picture's size.
    pub mask: Option<&'a Rle>,
}

/// What is drawn beside the masks and boxes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Style {
    /// Leave the labels out.
    pub no_labels: bool,
    /// Thickness of the boxes in pixels instead of one that goes with the size of the picture.
    pub line: Option<u32>,
    /// There is only one class, so labels hold the score without its name.
    pub one_class: bool,
}

/// How thick the lines and how large the letters are, both in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Scale {
    line: u32,
    letters: f32,
}

impl Scale {
    fn of(image: &RgbImage) -> Self {
        let (short, long) = (image.width().min(image.height()) as f32, image.width().max(image.height()) as f32);
        // Long strips are looked at zoomed out, so the long side counts a little.
        let size = short.max(long / 3.0);
        Self { line: (size / 300.0).round().clamp(1.0, 12.0) as u32, letters: (size / 32.0).clamp(10.0, 160.0) }
    }
}

/// Draws all objects on `image`; better scores lie on top and get their labels first.
pub fn draw(image: &mut RgbImage, objects: &[Object], style: Style) {
    let scale = Scale::of(image);
    let line = style.line.unwrap_or(scale.line);
    let mut order: Vec<_> = objects.iter().filter(|o| o.bbox.iter().all(|v| v.is_finite())).collect();
    order.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut canvas = Canvas::new(image);
    let patch = |o: &Object, canvas: &Canvas| o.mask.and_then(|mask| mask::patch(mask, canvas.size()));
    for object in order.iter().rev() {
        if let Some(patch) = patch(object, &canvas) {
            canvas.fill_mask(&patch, object.colour, 0.35);
        }
    }
    for object in order.iter().rev() {
        let patch = patch(object, &canvas);
        let opacity = if patch.is_some() { 0.6 } else { 1.0 };
        canvas.outline_box(object.bbox, object.colour, line, opacity);
        if let Some(patch) = patch {
            canvas.outline_mask(&patch, object.colour, line.div_ceil(2));
        }
    }
    if !style.no_labels {
        label(&mut canvas, &order, scale, style.one_class);
    }
}

/// Every label of a picture has a score, or none has: where names and scores together would leave objects without a
/// label that names alone would not, names alone are written.
fn label(canvas: &mut Canvas, objects: &[&Object], scale: Scale, one_class: bool) {
    let boxes: Vec<_> = objects.iter().map(|object| Rect::from(object.bbox)).collect();
    let padding = (scale.letters / 6.0).ceil() as i64;
    let arrange = |text: &dyn Fn(&Object) -> String| {
        let glyphs: Vec<_> = objects.iter().map(|object| Glyphs::new(&text(object), scale.letters)).collect();
        let sizes: Vec<_> = glyphs.iter().map(|glyphs| (glyphs.width + 2 * padding, glyphs.height)).collect();
        let places = labels::arrange(&sizes, &boxes, canvas.size());
        let placed = places.iter().flatten().count();
        (glyphs, places, placed)
    };
    let mut best = if one_class {
        arrange(&|object| format!("{:.2}", object.score))
    } else {
        arrange(&|object| format!("{} {:.2}", object.name, object.score))
    };
    if !one_class && best.2 < objects.len() {
        let names = arrange(&|object| object.name.to_owned());
        if best.2 * 10 < names.2 * 9 {
            best = names;
        }
    }
    let (glyphs, places, _) = best;
    let placed = || glyphs.iter().zip(&places).zip(objects).filter_map(|((g, p), o)| Some((g, (*p)?, o.colour)));
    for (_, place, colour) in placed() {
        if let Some(ends) = place.leader {
            canvas.line(ends, colour, scale.line.div_ceil(2));
        }
    }
    for (glyphs, place, colour) in placed() {
        canvas.fill(place.chip, colour, 1.0);
        canvas.write(glyphs, place.chip.x1 + padding, place.chip.y1, colour.text());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(bbox: [f32; 4]) -> Object<'static> {
        Object { bbox, score: 0.9, name: "cat", colour: Colour::of(3), mask: None }
    }

    #[test]
    fn nothing_outside_the_picture_or_infinite_is_a_problem() {
        for size in [(1, 1), (3, 200), (200, 3), (640, 480)] {
            let mut image = RgbImage::new(size.0, size.1);
            let boxes = [
                [-50.0, -50.0, 900.0, 900.0],
                [5.0, 5.0, 5.0, 5.0],
                [1e9, 1e9, 2e9, 2e9],
                [f32::NAN, 0.0, 1.0, f32::INFINITY],
                [10.0, 10.0, 2.0, 2.0],
            ];
            draw(&mut image, &boxes.map(object), Style::default());
        }
    }

    #[test]
    fn a_box_is_drawn_where_it_is_and_its_label_is_legible() {
        let mut image = RgbImage::new(640, 480);
        draw(&mut image, &[object([100.0, 200.0, 300.0, 400.0])], Style::default());
        let colour = image::Rgb(Colour::of(3).0);
        assert_eq!(*image.get_pixel(100, 300), colour);
        assert_eq!(*image.get_pixel(299, 300), colour);
        assert_eq!(*image.get_pixel(200, 300), image::Rgb([0; 3]));
        let chip = image.enumerate_pixels().filter(|(_, y, p)| *y < 198 && **p == colour).count();
        assert!(chip > 300, "the label's background lies above the box: {chip}");
    }

    #[test]
    fn a_crowd_of_small_objects_is_not_buried() {
        let mut image = RgbImage::new(256, 256);
        let crowd: Vec<_> = (0..200)
            .map(|i| ((i % 16) as f32 * 16.0, (i / 16) as f32 * 18.0))
            .map(|(x, y)| object([x, y, x + 12.0, y + 12.0]))
            .collect();
        draw(&mut image, &crowd, Style { one_class: true, ..Style::default() });
        let untouched = image.pixels().filter(|p| p.0 == [0; 3]).count();
        assert!(untouched > 256 * 256 / 2, "{untouched}");
    }

    #[test]
    fn a_mask_of_another_size_is_left_out() {
        let rle = Rle { h: 2, w: 2, counts: vec![0, 4] };
        let mut image = RgbImage::new(30, 30);
        draw(&mut image, &[Object { mask: Some(&rle), ..object([0.0, 0.0, 30.0, 30.0]) }], Style::default());
    }
}
