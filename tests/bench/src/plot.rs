//! Plots as SVG files.

use crate::failure::{Failure, Result};
use crate::statistics::Spread;
use plotters::prelude::*;
use std::path::Path;

/// A line of a plot.
#[derive(Debug)]
pub struct Line {
    /// What the legend calls it.
    pub name: String,
    /// Where the points are and how far they spread.
    pub points: Vec<(f64, Spread)>,
}

/// What a plot shows. Both axes are logarithmic.
#[derive(Debug)]
pub struct Plot<'a> {
    /// Above it.
    pub title: &'a str,
    /// Under it.
    pub x: &'a str,
    /// At its left.
    pub y: &'a str,
    /// Drawn in this order.
    pub lines: Vec<Line>,
}

const SIZE: (u32, u32) = (1100, 620);
/// Room at the right for the legend, in pixels.
const LEGEND: u32 = 300;

/// Colours that people who see no red and green can tell apart (Okabe and Ito), and some more for long lists.
const COLOURS: [RGBColor; 10] = [
    RGBColor(0, 0, 0),
    RGBColor(213, 94, 0),
    RGBColor(0, 114, 178),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(120, 94, 240),
    RGBColor(140, 140, 140),
    RGBColor(120, 80, 40),
];

impl Plot<'_> {
    /// Writes it. Writes nothing when no line has a point.
    ///
    /// # Errors
    /// `NotRun` with what the library says.
    pub fn write(&self, path: &Path) -> Result<bool> {
        let Some((xs, ys)) = self.ranges() else { return Ok(false) };
        let failed = |error: String| Failure::NotRun(format!("{}: {error}", path.display()));
        self.draw(path, xs, ys).map_err(|error| failed(error.to_string()))?;
        Ok(true)
    }

    /// The points of a line that a logarithmic axis can show.
    fn points(line: &Line) -> impl Iterator<Item = (f64, Spread)> + Clone {
        line.points.iter().copied().filter(|(x, spread)| *x > 0.0 && spread.lower > 0.0)
    }

    /// The marks of the x axis: where the points are.
    fn marks(&self) -> Vec<f64> {
        let mut marks: Vec<f64> = self.lines.iter().flat_map(Self::points).map(|(x, _)| x).collect();
        marks.sort_by(f64::total_cmp);
        marks.dedup();
        marks
    }

    /// Both ranges with some room around.
    fn ranges(&self) -> Option<((f64, f64), (f64, f64))> {
        let points = || self.lines.iter().flat_map(Self::points);
        let range = |values: &mut dyn Iterator<Item = f64>| {
            values.fold(None, |range: Option<(f64, f64)>, value| match range {
                Some((low, high)) => Some((low.min(value), high.max(value))),
                None => Some((value, value)),
            })
        };
        let (left, right) = range(&mut points().map(|(x, _)| x))?;
        let (low, high) = range(&mut points().flat_map(|(_, spread)| [spread.lower, spread.upper]))?;
        Some(((left / 1.2, right * 1.2), (low / 1.3, high * 1.3)))
    }

    fn draw(&self, path: &Path, xs: (f64, f64), ys: (f64, f64)) -> std::result::Result<(), Box<dyn std::error::Error>> {
        let root = SVGBackend::new(path, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let (area, legend) = root.split_horizontally(SIZE.0 - LEGEND);
        let mut chart = ChartBuilder::on(&area)
            .caption(self.title, ("sans-serif", 22))
            .margin(12)
            .x_label_area_size(44)
            .y_label_area_size(72)
            .build_cartesian_2d((xs.0..xs.1).log_scale().with_key_points(self.marks()), (ys.0..ys.1).log_scale())?;
        let style = ("sans-serif", 14);
        let number = |value: &f64| crate::table::rate(*value);
        let whole = |value: &f64| format!("{value:.0}");
        let marks = self.marks().len();
        chart
            .configure_mesh()
            .x_labels(marks.max(2))
            .x_desc(self.x)
            .y_desc(self.y)
            .label_style(style)
            .light_line_style(WHITE)
            .x_label_formatter(&whole)
            .y_label_formatter(&number)
            .draw()?;
        for (line, colour) in self.lines.iter().zip(COLOURS.iter().cycle()) {
            let width = if line.name.starts_with("msgqd") { 3 } else { 1 };
            let points = Self::points(line).map(|(x, spread)| (x, spread.median));
            chart.draw_series(LineSeries::new(points.clone(), colour.stroke_width(width)))?;
            chart.draw_series(points.map(|point| Circle::new(point, 3, colour.filled())))?;
            let bar =
                |(x, spread): &(f64, Spread)| PathElement::new(vec![(*x, spread.lower), (*x, spread.upper)], *colour);
            chart.draw_series(line.points.iter().map(bar))?;
        }
        for ((row, line), colour) in (0..).zip(&self.lines).zip(COLOURS.iter().cycle()) {
            let y = 60 + row * 24;
            let width = if line.name.starts_with("msgqd") { 4 } else { 2 };
            legend.draw(&PathElement::new(vec![(0, y), (26, y)], colour.stroke_width(width)))?;
            legend.draw(&Circle::new((13, y), 4, colour.filled()))?;
            legend.draw(&Text::new(line.name.as_str(), (34, y - 8), style))?;
        }
        root.present()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(points: Vec<(f64, Spread)>) -> Plot<'static> {
        let lines = vec![Line { name: "msgqd".to_owned(), points }];
        Plot { title: "Round trips", x: "clients", y: "a second", lines }
    }

    #[test]
    fn a_plot_names_its_axes_and_lines() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let spread = Spread { lower: 900.0, median: 1000.0, upper: 1100.0 };
        assert!(plot(vec![(1.0, spread), (512.0, spread)]).write(file.path()).unwrap());
        let svg = std::fs::read_to_string(file.path()).unwrap();
        for text in ["<svg", "Round trips", "clients", "a second", "msgqd"] {
            assert!(svg.contains(text), "{text} is missing in {svg}");
        }
    }

    #[test]
    fn without_a_point_there_is_no_plot() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(!plot(vec![]).write(file.path()).unwrap());
    }
}
