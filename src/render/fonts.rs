//! Which font draws a letter: the built-in one (DejaVu Sans; its licence lies beside it), else one of the system's.

use ab_glyph::{Font, FontArc, FontRef, FontVec};
use fontdb::{Database, FaceInfo, ID, Style, Weight};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

static BUILT_IN: LazyLock<FontArc> = LazyLock::new(|| {
    let font = FontArc::try_from_slice(include_bytes!("font/DejaVuSans.ttf"));
    // The bytes are part of the program and every test that draws reads them.
    font.unwrap_or_else(|_| unreachable!("the built-in font is a font"))
});

static SYSTEM: LazyLock<Mutex<System>> = LazyLock::new(Mutex::default);

/// The font that the lines of text are set in.
pub fn built_in() -> &'static FontArc {
    &BUILT_IN
}

/// A font that has an outline for `letter`; `None` when there is none on this system.
pub fn with(letter: char) -> Option<FontArc> {
    if BUILT_IN.glyph_id(letter).0 != 0 {
        return Some(BUILT_IN.clone());
    }
    SYSTEM.lock().unwrap_or_else(PoisonError::into_inner).font(letter)
}

/// An outline and not only an entry: colour fonts hold their letters as pictures, which are not drawn here.
fn has(font: &impl Font, letter: char) -> bool {
    let id = font.glyph_id(letter);
    id.0 != 0 && font.outline(id).is_some()
}

/// The fonts of the system, looked at when the first letter is missing in the built-in one.
#[derive(Default)]
struct System {
    database: Option<(Database, Vec<ID>)>,
    fonts: HashMap<ID, FontArc>,
    letters: HashMap<char, Option<ID>>,
}

impl System {
    fn font(&mut self, letter: char) -> Option<FontArc> {
        let (database, order) = self.database.get_or_insert_with(|| {
            let mut database = Database::new();
            database.load_system_fonts();
            let mut faces: Vec<_> = database.faces().collect();
            faces.sort_by_key(|face| preference(face));
            let order = faces.into_iter().map(|face| face.id).collect();
            (database, order)
        });
        let fits = |id: &&ID| {
            let found = database.with_face_data(**id, |bytes, index| {
                FontRef::try_from_slice_and_index(bytes, index).is_ok_and(|font| has(&font, letter))
            });
            found == Some(true)
        };
        let id = (*self.letters.entry(letter).or_insert_with(|| order.iter().find(fits).copied()))?;
        if let Some(font) = self.fonts.get(&id) {
            return Some(font.clone());
        }
        let font = database.with_face_data(id, |bytes, index| {
            FontVec::try_from_vec_and_index(bytes.to_vec(), index).ok().map(FontArc::new)
        });
        let font = font.flatten()?;
        self.fonts.insert(id, font.clone());
        Some(font)
    }
}

/// Least first: upright, sans serif, of medium weight, not monospaced; the name makes the order the same in every run.
fn preference(face: &FaceInfo) -> impl Ord + use<> {
    let sans = face.families.iter().any(|(family, _)| family.contains("Sans") || family.contains("Gothic"));
    let weight = face.weight.0.abs_diff(Weight::NORMAL.0);
    (face.style != Style::Normal, Reverse(sans), weight, face.monospaced, face.post_script_name.clone())
}
