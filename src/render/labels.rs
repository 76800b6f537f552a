//! Where labels go: above their box if there is room, and nowhere if they would hide what the picture shows.

use super::canvas::{Canvas, Rect};
use super::colour::Colour;
use super::text::Glyphs;

/// A label may cover this part of another object's box.
const MAX_COVER: f64 = 0.25;

/// A label may be this many times as large as its box.
const MAX_GROWTH: i64 = 3;

pub struct Labels {
    letters: f32,
    size: (u32, u32),
    boxes: Vec<Rect>,
    placed: Vec<Rect>,
}

impl Labels {
    pub fn new(letters: f32, size: (u32, u32), boxes: Vec<[f32; 4]>) -> Self {
        Self { letters, size, boxes: boxes.into_iter().map(Rect::from).collect(), placed: Vec::new() }
    }

    /// Draws the first of `texts` that finds a place at box number `index`; none if there is no place.
    pub fn place(&mut self, canvas: &mut Canvas, index: usize, texts: &[&str], colour: Colour) {
        for text in texts {
            let glyphs = Glyphs::new(text, self.letters);
            let padding = (self.letters / 6.0).ceil() as i64;
            let size = (glyphs.width + 2 * padding, glyphs.height);
            if let Some(chip) = self.spots(index, size).into_iter().find(|chip| self.fits(index, chip)) {
                canvas.fill(chip, colour, 1.0);
                canvas.write(&glyphs, chip.x1 + padding, chip.y1, colour.text());
                self.placed.push(chip);
                return;
            }
        }
    }

    /// Above, inside at the top, below: each moved into the picture.
    fn spots(&self, index: usize, (w, h): (i64, i64)) -> [Rect; 3] {
        let own = &self.boxes[index];
        let (right, bottom) = (i64::from(self.size.0) - w, i64::from(self.size.1) - h);
        [own.y1 - h, own.y1, own.y2].map(|y| {
            let (x, y) = (own.x1.min(right).max(0), y.min(bottom).max(0));
            Rect { x1: x, y1: y, x2: x + w, y2: y + h }
        })
    }

    fn fits(&self, index: usize, chip: &Rect) -> bool {
        let own = &self.boxes[index];
        let inside = chip.x2 <= i64::from(self.size.0) && chip.y2 <= i64::from(self.size.1);
        inside
            && chip.area() <= MAX_GROWTH * own.area()
            && chip.overlap(own) as f64 <= MAX_COVER * own.area() as f64
            && self.placed.iter().all(|other| chip.overlap(other) == 0)
            && self
                .boxes
                .iter()
                .enumerate()
                .all(|(i, other)| i == index || chip.overlap(other) as f64 <= MAX_COVER * other.area() as f64)
    }
}
