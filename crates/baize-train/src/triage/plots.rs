//! The confusion matrix as a picture.

use std::fmt::Write as _;

use baize_triage::Words;

use super::confusion::{Confusion, LEVELS};
use crate::plot::{GREY, INK, LINE, document, text};

/// A cell's size and the space around the square, in SVG units.
const CELL: f64 = 78.0;
const LEFT: f64 = 92.0;
const TOP: f64 = 112.0;
const TOTALS: f64 = 74.0;
const RIGHT: f64 = 20.0;
const BOTTOM: f64 = 136.0;
const SIDE: f64 = CELL * LEVELS as f64;
/// Called as it is, calmer (the dangerous side), more urgent.
const RIGHT_CALL: [f64; 3] = [9.0, 105.0, 218.0];
const CALMER: [f64; 3] = [207.0, 34.0, 46.0];
const MORE_URGENT: [f64; 3] = [191.0, 135.0, 0.0];
/// From this share on a cell is so dark that its text is white.
const DARK: f64 = 0.55;

/// Truth in rows, call in columns; each cell with its count and its share of the row. `about` stands in the title,
/// `truth` says whose levels count as true.
pub(super) fn confusion(about: &Words, truth: &Words, matrix: &Confusion) -> String {
    let mut body = String::new();
    for (row, counts) in matrix.counts.iter().enumerate() {
        let total: f64 = counts.iter().sum();
        for (column, count) in counts.iter().enumerate() {
            let share = if total > 0.0 { count / total } else { 0.0 };
            body.push_str(&cell(row, column, *count, share));
        }
        let y = TOP + (row as f64 + 0.5) * CELL;
        body.push_str(&text(LEFT - 12.0, y + 5.0, &strong("end"), &(row + 1).to_string()));
        body.push_str(&text(LEFT + SIDE + 12.0, y + 4.0, &quiet("start"), &format!("{total:.0}")));
    }
    for column in 0..LEVELS {
        let total: f64 = matrix.counts.iter().map(|row| row[column]).sum();
        let x = LEFT + (column as f64 + 0.5) * CELL;
        body.push_str(&text(x, TOP - 10.0, &strong("middle"), &(column + 1).to_string()));
        body.push_str(&text(x, TOP + SIDE + 20.0, &quiet("middle"), &format!("{total:.0}")));
    }
    let (centre, middle) = (LEFT + SIDE / 2.0, TOP + SIDE / 2.0);
    body.push_str(&text(centre, TOP - 34.0, &plain(), "called level / 判定级别"));
    body.push_str(&text(LEFT + SIDE + 12.0, TOP - 10.0, &quiet("start"), "n / 合计"));
    body.push_str(&text(LEFT - 12.0, TOP + SIDE + 20.0, &quiet("end"), "n / 合计"));
    let upright = format!("{} transform=\"rotate(-90 30 {middle})\"", plain());
    body.push_str(&text(30.0, middle, &upright, &format!("{} / {}", truth.en, truth.zh)));
    body.push_str(&legend());
    let title = Words::new(format!("混淆矩阵：{}", about.zh), format!("Confusion: {}", about.en));
    document(LEFT + SIDE + TOTALS + RIGHT, TOP + SIDE + BOTTOM, &title, &body)
}

fn strong(anchor: &str) -> String {
    format!("font-size=\"15\" font-weight=\"600\" text-anchor=\"{anchor}\"")
}

fn quiet(anchor: &str) -> String {
    format!("fill=\"{GREY}\" text-anchor=\"{anchor}\"")
}

fn plain() -> String {
    "font-size=\"13\" text-anchor=\"middle\"".to_owned()
}

/// White mixed with as much of a colour as `share` says.
fn shade(colour: [f64; 3], share: f64) -> String {
    let strength = if share > 0.0 { 0.06 + 0.9 * share } else { 0.0 };
    let [red, green, blue] = colour.map(|part| (255.0 - (255.0 - part) * strength.min(1.0)).round() as u8);
    format!("#{red:02x}{green:02x}{blue:02x}")
}

fn cell(row: usize, column: usize, count: f64, share: f64) -> String {
    let colour = match column.cmp(&row) {
        std::cmp::Ordering::Equal => RIGHT_CALL,
        std::cmp::Ordering::Greater => CALMER,
        std::cmp::Ordering::Less => MORE_URGENT,
    };
    let (x, y) = (LEFT + column as f64 * CELL, TOP + row as f64 * CELL);
    let mut drawn = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        drawn,
        r#"<rect x="{x:.1}" y="{y:.1}" width="{CELL}" height="{CELL}" fill="{}" stroke="{LINE}"/>"#,
        shade(colour, share)
    );
    let centre = x + CELL / 2.0;
    if count == 0.0 {
        return drawn + &text(centre, y + CELL / 2.0 + 5.0, &quiet("middle"), "0");
    }
    let ink = if share > DARK { "#ffffff" } else { INK };
    let large = format!("font-size=\"16\" font-weight=\"600\" fill=\"{ink}\" text-anchor=\"middle\"");
    drawn.push_str(&text(centre, y + CELL / 2.0 - 1.0, &large, &format!("{count:.0}")));
    let small = format!("fill=\"{ink}\" text-anchor=\"middle\"");
    drawn.push_str(&text(centre, y + CELL / 2.0 + 18.0, &small, &format!("{:.1} %", 100.0 * share)));
    drawn
}

fn legend() -> String {
    let entries = [
        (RIGHT_CALL, "as it is / 一致"),
        (CALMER, "calmer: under-triage / 偏轻：分诊不足"),
        (MORE_URGENT, "more urgent: over-triage / 偏重：过度分诊"),
    ];
    let mut drawn = String::new();
    let mut y = TOP + SIDE + 52.0;
    for (colour, words) in entries {
        let _ = writeln!(
            drawn,
            r#"<rect x="{LEFT:.1}" y="{:.1}" width="12" height="12" fill="{}"/>"#,
            y - 10.5,
            shade(colour, 0.6)
        );
        drawn.push_str(&text(LEFT + 20.0, y, "", words));
        y += 20.0;
    }
    let note = "percentages are of the row / 百分比为占该行的比例";
    drawn + &text(LEFT, y, &format!("fill=\"{GREY}\""), note)
}
