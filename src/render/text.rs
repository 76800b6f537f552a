//! One line of text in the built-in font (DejaVu Sans; its licence lies beside it).

use ab_glyph::{Font, FontRef, GlyphId, OutlinedGlyph, PxScale, ScaleFont, point};
use std::sync::LazyLock;

static FONT: LazyLock<FontRef<'static>> = LazyLock::new(|| {
    let font = FontRef::try_from_slice(include_bytes!("font/DejaVuSans.ttf"));
    // The bytes are part of the program and every test that draws reads them.
    font.unwrap_or_else(|_| unreachable!("the built-in font is a font"))
});

/// Letters in their places, ready to be drawn.
pub struct Glyphs {
    outlines: Vec<OutlinedGlyph>,
    /// Width of the line in pixels.
    pub width: i64,
    /// Height of the line in pixels.
    pub height: i64,
}

impl Glyphs {
    /// Sets `text` in letters of `size` pixels from ascender to descender.
    pub fn new(text: &str, size: f32) -> Self {
        let font = FONT.as_scaled(PxScale::from(size));
        let mut outlines = Vec::new();
        let mut pen = 0.0;
        let mut before: Option<GlyphId> = None;
        for letter in text.chars() {
            let id = font.glyph_id(letter);
            pen += before.map_or(0.0, |before| font.kern(before, id));
            outlines.extend(font.outline_glyph(id.with_scale_and_position(size, point(pen, font.ascent()))));
            pen += font.h_advance(id);
            before = Some(id);
        }
        Self { outlines, width: pen.ceil() as i64, height: font.height().ceil() as i64 }
    }

    /// Calls `dot` with every pixel's place, from the line's top left corner, and its coverage in 0..1.
    pub fn draw(&self, mut dot: impl FnMut(i64, i64, f32)) {
        for outline in &self.outlines {
            let corner = outline.px_bounds().min;
            outline.draw(|x, y, coverage| {
                dot(corner.x as i64 + i64::from(x), corner.y as i64 + i64::from(y), coverage.clamp(0.0, 1.0));
            });
        }
    }
}
