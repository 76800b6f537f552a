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

    /// Whether a line between two points passes over it.
    pub fn meets(&self, line: [(i64, i64); 2]) -> bool {
        // Liang and Barsky: the part of the line that lies within both pairs of edges.
        let [(ax, ay), (bx, by)] = line.map(|(x, y)| (x as f64, y as f64));
        let (mut enters, mut leaves) = (0.0, 1.0);
        for (from, step, low, high) in [(ax, bx - ax, self.x1, self.x2 - 1), (ay, by - ay, self.y1, self.y2 - 1)] {
            let (low, high) = (low as f64 - from, high as f64 - from);
            if step == 0.0 {
                if low > 0.0 || high < 0.0 {
                    return false;
                }
                continue;
            }
            let (a, b) = (low / step, high / step);
            enters = f64::max(enters, a.min(b));
            leaves = f64::min(leaves, a.max(b));
        }
        enters <= leaves
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

    /// A straight line of `width` pixels with smooth edges.
    pub fn line(&mut self, ends: [(i64, i64); 2], colour: Colour, width: u32) {
        let [(ax, ay), (bx, by)] = ends.map(|(x, y)| (x as f32, y as f32));
        let (dx, dy) = (bx - ax, by - ay);
        let length = (dx * dx + dy * dy).max(f32::MIN_POSITIVE);
        let half = width as f32 / 2.0;
        let reach = i64::from(width / 2 + 1);
        let span = |a: i64, b: i64, side: u32| (a.min(b) - reach).max(0)..(a.max(b) + reach + 1).min(side.into());
        let (w, h) = self.size();
        for y in span(ends[0].1, ends[1].1, h) {
            for x in span(ends[0].0, ends[1].0, w) {
                let (px, py) = (x as f32 - ax, y as f32 - ay);
                let along = ((px * dx + py * dy) / length).clamp(0.0, 1.0);
                let distance = (px - along * dx).hypot(py - along * dy);
                let coverage = (half + 0.5 - distance).clamp(0.0, 1.0);
                if coverage > 0.0 {
                    blend(self.image.get_pixel_mut(x as u32, y as u32), colour, coverage);
                }
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_pass_over_a_rectangle() {
        let rect = Rect { x1: 10, y1: 10, x2: 20, y2: 15 };
        for (line, meets) in [
            ([(0, 0), (30, 30)], true),
            ([(0, 12), (30, 12)], true),
            ([(15, 12), (16, 12)], true),
            ([(0, 12), (9, 12)], false),
            ([(0, 15), (30, 15)], false),
            ([(0, 25), (25, 0)], true),
            ([(0, 40), (40, 0)], false),
        ] {
            assert_eq!(rect.meets(line), meets, "{line:?}");
        }
    }
}
