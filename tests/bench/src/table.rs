//! Tables in Markdown, and numbers as people read them.

/// A table whose first column is names and whose other columns are numbers.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// With the names of the columns.
    pub fn new(columns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { rows: vec![columns.into_iter().map(Into::into).collect()] }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// As Markdown, with columns that are aligned in the source too.
    #[must_use]
    pub fn markdown(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let cell = |row: &[String], column: usize| row.get(column).map(|it| it.replace('|', "\\|")).unwrap_or_default();
        let width = |column: usize| {
            let widths = self.rows.iter().map(|row| cell(row, column).chars().count());
            widths.max().unwrap_or(0).max(3)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for (number, row) in self.rows.iter().enumerate() {
            for (column, width) in widths.iter().copied().enumerate() {
                let cell = cell(row, column);
                text += &if column == 0 { format!("| {cell:<width$} ") } else { format!("| {cell:>width$} ") };
            }
            text += "|\n";
            if number == 0 {
                let rule = |(column, width): (usize, &usize)| match column {
                    0 => format!("|{}", "-".repeat(width + 2)),
                    _ => format!("|{}:", "-".repeat(width + 1)),
                };
                text += &(widths.iter().enumerate().map(rule).collect::<String>() + "|\n");
            }
        }
        text
    }
}

/// A rate with three digits: `950`, `22.1k`, `186k`, `1.20M`.
#[must_use]
pub fn rate(value: f64) -> String {
    match value {
        _ if value < 1e3 => format!("{value:.0}"),
        _ if value < 99_950.0 => format!("{:.1}k", value / 1e3),
        _ if value < 999_500.0 => format!("{:.0}k", value / 1e3),
        _ => format!("{:.2}M", value / 1e6),
    }
}

/// Microseconds with two or three digits: `8.4`, `54`, `1.2 ms`.
#[must_use]
pub fn latency(us: f64) -> String {
    match us {
        _ if us < 9.95 => format!("{us:.1}"),
        _ if us < 9_999.5 => format!("{us:.0}"),
        _ => format!("{:.0} ms", us / 1e3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_aligned_in_its_source() {
        let mut table = Table::new(["server", "1", "2"]);
        table.row(["bare", "22.1k", "1"]);
        assert_eq!(table.markdown(), "| server |     1 |   2 |\n|--------|------:|----:|\n| bare   | 22.1k |   1 |\n");
    }

    #[test]
    fn a_bar_in_a_cell_does_not_break_the_table() {
        let mut table = Table::new(["a", "b"]);
        table.row(["x|y", "1"]);
        assert!(table.markdown().contains("x\\|y"), "{}", table.markdown());
    }

    #[test]
    fn a_row_that_is_short_is_filled() {
        let mut table = Table::new(["a", "b"]);
        table.row(["x"]);
        assert!(table.markdown().ends_with("| x   |     |\n"));
    }

    #[test]
    fn numbers_have_as_many_digits_as_they_are_worth() {
        assert_eq!(
            [950.4, 22_140.0, 99_960.0, 186_400.0, 1_204_000.0].map(rate),
            ["950", "22.1k", "100k", "186k", "1.20M"]
        );
        assert_eq!([8.44, 54.3, 1234.5, 45_678.0].map(latency), ["8.4", "54", "1234", "46 ms"]);
    }
}
