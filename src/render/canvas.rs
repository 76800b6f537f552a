//! Lines, areas and letters on an RGB image; whatever lies outside is left out.

use super::colour::Colour;
use super::mask::Patch;
use super::text::Glyphs;
use image::{Rgb, RgbImage};

pub struct Canvas<'a> {
    image: &'a mut RgbImage,
}

/// A rectangle of whole pixels: `x1..x2`, `y1..y2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rect {
    pub x1: i64,
    pub y1: i64,
    pub x2: i64,
    pub y2: i64,
}

impl Rect {
    /// Pixels in both.
    pub fn overlap(&self, other: &Self) -> i64 {
        let w = self.x2.min(other.x2) - self.x1.max(other.x1);
        let h = self.y2.min(other.y2) - self.y1.max(other.y1);
        w.max(0) * h.max(0)
    }

    pub fn area(&self) -> i64 {
        (self.x2 - self.x1).max(0) * (self.y2 - self.y1).max(0)
    }
}

impl From<[f32; 4]> for Rect {
    fn from(bbox: [f32; 4]) -> Self {
        // Clamped so that sums of coordinates stay far from the limits of i64.
        let [x1, y1, x2, y2] = bbox.map(|v| v.round().clamp(-1e6, 1e6) as i64);
        Self { x1, y1, x2, y2 }
    }
}

impl<'a> Canvas<'a> {
    pub fn new(image: &'a mut RgbImage) -> Self {
        Self { image }
    }

    pub fn size(&self) -> (u32, u32) {
        self.image.dimensions()
    }

    pub fn fill(&mut self, rect: Rect, colour: Colour, opacity: f32) {
        let (w, h) = self.size();
        for y in rect.y1.max(0)..rect.y2.min(h.into()) {
            for x in rect.x1.max(0)..rect.x2.min(w.into()) {
                blend(self.image.get_pixel_mut(x as u32, y as u32), colour, opacity);
            }
        }
    }

    /// A frame of `line` pixels along the inside of a box.
    pub fn outline_box(&mut self, bbox: [f32; 4], colour: Colour, line: u32, opacity: f32) {
        let r = Rect::from(bbox);
        let line = i64::from(line).min((r.x2 - r.x1 + 1) / 2).min((r.y2 - r.y1 + 1) / 2).max(1);
        self.fill(Rect { y2: r.y1 + line, ..r }, colour, opacity);
        self.fill(Rect { y1: (r.y2 - line).max(r.y1 + line), ..r }, colour, opacity);
        let middle = Rect { y1: r.y1 + line, y2: r.y2 - line, ..r };
        self.fill(Rect { x2: r.x1 + line, ..middle }, colour, opacity);
        self.fill(Rect { x1: (r.x2 - line).max(r.x1 + line), ..middle }, colour, opacity);
    }

    /// Tints the pixels of a mask.
    pub fn fill_mask(&mut self, mask: &Patch, colour: Colour, opacity: f32) {
        for (x, y) in mask.iter() {
            blend(self.image.get_pixel_mut(x as u32, y as u32), colour, opacity);
        }
    }

    /// Draws the pixels of a mask that are at most `line` pixels from its outside; the picture's edge is no outside.
    pub fn outline_mask(&mut self, mask: &Patch, colour: Colour, line: u32) {
        let (w, h) = (self.image.width() as usize, self.image.height() as usize);
        let line = line as usize;
        for (x, y) in mask.iter() {
            let inner = mask.contains(x.saturating_sub(line), y)
                && mask.contains((x + line).min(w - 1), y)
                && mask.contains(x, y.saturating_sub(line))
                && mask.contains(x, (y + line).min(h - 1));
            if !inner {
                self.image.put_pixel(x as u32, y as u32, Rgb(colour.0));
            }
        }
    }

    /// Draws letters with the top left corner of their line at `x`, `y`.
    pub fn write(&mut self, glyphs: &Glyphs, x: i64, y: i64, colour: Colour) {
        let (w, h) = self.size();
        glyphs.draw(|dx, dy, coverage| {
            let (x, y) = (x + dx, y + dy);
            if (0..i64::from(w)).contains(&x) && (0..i64::from(h)).contains(&y) {
                blend(self.image.get_pixel_mut(x as u32, y as u32), colour, coverage);
            }
        });
    }
}

fn blend(pixel: &mut Rgb<u8>, colour: Colour, opacity: f32) {
    for (old, new) in pixel.0.iter_mut().zip(colour.0) {
        *old = (f32::from(*old) + (f32::from(new) - f32::from(*old)) * opacity).round() as u8;
    }
}
