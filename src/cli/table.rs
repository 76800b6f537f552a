//! Tables for people: columns two spaces apart, no lines, nothing behind the last one.

use comfy_table::{CellAlignment, Table, presets};

/// A table that grows row by row.
pub struct Columns {
    table: Table,
    left: Vec<usize>,
}

impl Columns {
    /// A table without rows. Columns stand at the right, for numbers; those of the places in `left` at the left.
    pub fn new(left: impl IntoIterator<Item = usize>) -> Self {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING);
        Self { table, left: left.into_iter().collect() }
    }

    /// Adds a row; rows may be of different lengths.
    pub fn row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        self.table.add_row(cells.into_iter().map(Into::into).collect::<Vec<String>>());
    }

    /// The lines.
    pub fn text(mut self) -> String {
        for (index, column) in self.table.column_iter_mut().enumerate() {
            column.set_padding((0, 2));
            column.set_cell_alignment(if self.left.contains(&index) {
                CellAlignment::Left
            } else {
                CellAlignment::Right
            });
        }
        self.table.trim_fmt()
    }
}
