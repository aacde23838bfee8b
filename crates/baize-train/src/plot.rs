//! Two small diagrams as SVG, without a plotting library.

use std::fmt::Write as _;

use crate::metrics::{Bin, Interval};

/// Side of the plotting area and the space around it, in SVG units.
const SIDE: f64 = 320.0;
const MARGIN: f64 = 48.0;

/// The ROC curve through points (1 - specificity, sensitivity).
pub(crate) fn roc(points: &[(f64, f64)], auc: Option<Interval>) -> String {
    let title = auc.map_or_else(
        || "ROC".to_owned(),
        |i| format!("ROC, AUC {:.3} ({:.3} to {:.3})", i.value, i.low, i.high),
    );
    frame(&title, "1 - specificity", "sensitivity", &polyline(points, "#1f6feb"))
}

/// Observed frequency over mean probability, with a disc per bin whose area grows with its images.
pub(crate) fn reliability(bins: &[Bin]) -> String {
    let points: Vec<(f64, f64)> = bins.iter().map(|bin| (bin.mean_probability, bin.observed)).collect();
    let mut body = polyline(&points, "#1f6feb");
    let most = bins.iter().map(|bin| bin.images).max().unwrap_or(1).max(1) as f64;
    for bin in bins {
        let (x, y) = place((bin.mean_probability, bin.observed));
        let radius = 2.0 + 8.0 * (bin.images as f64 / most).sqrt();
        // Writing to a String cannot fail.
        let _ = writeln!(
            body,
            r##"<circle cx="{x:.1}" cy="{y:.1}" r="{radius:.1}" fill="#1f6feb" fill-opacity="0.5"/>"##
        );
    }
    frame("Reliability", "mean probability", "observed frequency", &body)
}

/// From a point of the unit square to SVG coordinates.
fn place((x, y): (f64, f64)) -> (f64, f64) {
    (MARGIN + x * SIDE, MARGIN + (1.0 - y) * SIDE)
}

fn polyline(points: &[(f64, f64)], colour: &str) -> String {
    let mut path = String::new();
    for point in points {
        let (x, y) = place(*point);
        let _ = write!(path, "{x:.1},{y:.1} ");
    }
    format!(
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\n",
        path.trim_end()
    )
}

fn frame(title: &str, across: &str, up: &str, body: &str) -> String {
    let whole = SIDE + 2.0 * MARGIN;
    let mut svg = String::new();
    let _ = writeln!(
        svg,
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole} {whole}" font-family="sans-serif" font-size="12">
<title>{title}</title>
<rect width="{whole}" height="{whole}" fill="#ffffff"/>
<rect x="{MARGIN}" y="{MARGIN}" width="{SIDE}" height="{SIDE}" fill="none" stroke="#57606a"/>
<text x="{centre}" y="28" text-anchor="middle" font-size="14">{title}</text>
<text x="{centre}" y="{bottom}" text-anchor="middle">{across}</text>
<text x="16" y="{centre}" text-anchor="middle" transform="rotate(-90 16 {centre})">{up}</text>"##,
        centre = whole / 2.0,
        bottom = whole - 10.0
    );
    for tick in 0..=5 {
        let value = f64::from(tick) / 5.0;
        let ((x, _), (_, y)) = (place((value, 0.0)), place((0.0, value)));
        let _ = writeln!(
            svg,
            r#"<text x="{x:.1}" y="{:.1}" text-anchor="middle">{value}</text><text x="{:.1}" y="{:.1}" text-anchor="end">{value}</text>"#,
            MARGIN + SIDE + 16.0,
            MARGIN - 6.0,
            y + 4.0
        );
    }
    svg.push_str(&polyline(&[(0.0, 0.0), (1.0, 1.0)], "#afb8c1"));
    svg.push_str(body);
    svg.push_str("</svg>\n");
    svg
}
