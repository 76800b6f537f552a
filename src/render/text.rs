//! One line of text.

use super::fonts;
use ab_glyph::{Font, FontArc, GlyphId, OutlinedGlyph, PxScale, ScaleFont, point};
use unicode_width::UnicodeWidthChar;

/// Letters of a name that are shown.
const LONGEST: usize = 48;

/// Letters in their places, ready to be drawn.
pub struct Glyphs {
    outlines: Vec<OutlinedGlyph>,
    /// Width of the line in pixels.
    pub width: i64,
    /// Height of the line in pixels.
    pub height: i64,
}

impl Glyphs {
    /// Sets `text` in letters of `size` pixels from ascender to descender. Letters that no font has are left out.
    pub fn new(text: &str, size: f32) -> Self {
        let main = fonts::built_in();
        let line = main.as_scaled(PxScale::from(size));
        let mut outlines = Vec::new();
        let mut pen = 0.0;
        let mut before: Option<(FontArc, GlyphId)> = None;
        for letter in text.chars() {
            let Some(font) = fonts::with(letter) else { continue };
            let scaled = font.as_scaled(same_em(main, size, &font));
            let id = font.glyph_id(letter);
            // Kerning is between letters of one font; that of two is never the same number for both.
            pen += before.filter(|(other, _)| is_same(other, &font)).map_or(0.0, |(_, other)| scaled.kern(other, id));
            let glyph = id.with_scale_and_position(scaled.scale(), point(pen, line.ascent()));
            outlines.extend(font.outline_glyph(glyph));
            pen += scaled.h_advance(id);
            before = Some((font, id));
        }
        Self { outlines, width: pen.ceil() as i64, height: line.height().ceil() as i64 }
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

/// The scale at which `font` has letters as large as those of `main` at `size`: fonts differ in how far their ascenders
/// and descenders reach.
fn same_em(main: &FontArc, size: f32, font: &FontArc) -> PxScale {
    let per_em = |font: &FontArc| font.units_per_em().map_or(1.0, |em| font.height_unscaled() / em);
    PxScale::from(size / per_em(main) * per_em(font))
}

fn is_same(a: &FontArc, b: &FontArc) -> bool {
    std::ptr::eq(a.font_data().as_ptr(), b.font_data().as_ptr())
}

/// A class name as it can be drawn: letters that no font of this system has (emoji, say) are left out, and a name of
/// which nothing is left becomes `class ID`.
pub fn drawable(name: &str, id: u64) -> String {
    // Variation selectors choose between shapes of the letter before them and have none of their own.
    let shaped = name.chars().filter(|c| !('\u{fe00}'..='\u{fe0f}').contains(c));
    let mut letters = shaped.map(|c| if c.is_whitespace() { ' ' } else { c });
    let mut text: String = letters.by_ref().filter(|&c| fonts::with(c).is_some()).take(LONGEST).collect();
    if letters.next().is_some() {
        text.push('…');
    }
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() { format!("class {id}") } else { text }
}

/// The first letter of `name` that no font of this system has; marks without a width of their own do not count.
pub fn missing_letter(name: &str) -> Option<char> {
    let counts = |c: &char| !c.is_whitespace() && c.width().is_some_and(|width| width > 0);
    name.chars().filter(counts).find(|&c| fonts::with(c).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_letters_to_draw_is_told_by_its_number() {
        // A private-use letter is in no font that a system installs; U+FE0F asks for colour and has no shape.
        let strange = '\u{F8F5}';
        assert_eq!(drawable(&format!("{strange}{strange}"), 17), "class 17");
        assert_eq!(drawable(&format!("{strange} wild\n cat\u{fe0f}"), 17), "wild cat");
        assert_eq!(missing_letter(&format!("cat{strange}")), Some(strange));
        assert_eq!(missing_letter("Ünïcödé Ελληνικά\u{fe0f}"), None);
    }

    #[test]
    fn long_names_are_cut() {
        let name = drawable(&"x".repeat(100_000), 1);
        assert_eq!(name.chars().count(), LONGEST + 1);
        assert!(name.ends_with('…'));
    }
}
