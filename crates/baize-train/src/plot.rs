//! Small diagrams as SVG, without a plotting library; titles and axes in both languages.

use std::fmt::Write as _;

use baize_triage::Words;

use crate::bootstrap::Interval;
use crate::evaluation::{Movement, change_name};
use crate::metrics::Bin;

/// Side of the plotting area, in SVG units.
const SIDE: f64 = 360.0;
/// Space around it.
const LEFT: f64 = 76.0;
const TOP: f64 = 64.0;
const RIGHT: f64 = 28.0;
const BOTTOM: f64 = 84.0;
/// Latin letters first, then Chinese ones of the usual systems.
const FONTS: &str = "'Helvetica Neue',Arial,'Noto Sans','PingFang SC','Microsoft YaHei','Noto Sans CJK SC',\
                     'Noto Sans SC','Source Han Sans SC',sans-serif";
/// Text, quieter text, lines, and what is drawn.
pub(crate) const INK: &str = "#1f2328";
pub(crate) const GREY: &str = "#59636e";
pub(crate) const LINE: &str = "#d1d9e0";
const BLUE: &str = "#0969da";

/// The ROC curve through points (1 - specificity, sensitivity). What it is about stands in the title.
pub(crate) fn roc(about: &Words, points: &[(f64, f64)], auc: Option<Interval>) -> String {
    let title = Words::new(format!("受试者工作特征（ROC）曲线：{}", about.zh), format!("ROC: {}", about.en));
    let across = Words::new("1 − 特异度", "1 − specificity");
    let up = Words::new("灵敏度", "sensitivity");
    let mut body = polyline(points, BLUE, 2.0);
    if let Some(Interval { value, low, high }) = auc {
        let area = format!("AUC {value:.3} ({low:.3}–{high:.3})");
        body.push_str(&text(LEFT + SIDE - 12.0, TOP + SIDE - 16.0, "text-anchor=\"end\"", &area));
    }
    frame(&title, &across, &up, &body)
}

/// Observed frequency over mean probability, with a disc per bin whose area grows with its cases. What it is about
/// stands in the title.
pub(crate) fn reliability(about: &Words, bins: &[Bin]) -> String {
    let points: Vec<(f64, f64)> = bins.iter().map(|bin| (bin.mean_probability, bin.observed)).collect();
    let mut body = polyline(&points, BLUE, 1.5);
    let most = bins.iter().map(|bin| bin.cases).max().unwrap_or(1).max(1) as f64;
    for bin in bins {
        let (x, y) = place((bin.mean_probability, bin.observed));
        let radius = 2.5 + 9.5 * (bin.cases as f64 / most).sqrt();
        // Writing to a String cannot fail.
        let _ = writeln!(
            body,
            r##"<circle cx="{x:.1}" cy="{y:.1}" r="{radius:.1}" fill="{BLUE}" fill-opacity="0.35" stroke="{BLUE}"><title>{:.3} / {:.3} (n = {})</title></circle>"##,
            bin.mean_probability, bin.observed, bin.cases
        );
    }
    let quiet = format!("font-size=\"11\" fill=\"{GREY}\" text-anchor=\"middle\"");
    let (centre, bottom) = (LEFT + SIDE / 2.0, TOP + SIDE + 66.0);
    body.push_str(&text(centre, bottom, &quiet, "area of a disc: cases in its tenth / 圆面积：该区间例数"));
    let title = Words::new(format!("校准曲线：{}", about.zh), format!("Reliability: {}", about.en));
    let across = Words::new("预测概率均值", "mean predicted probability");
    frame(&title, &across, &Words::new("实际频率", "observed frequency"), &body)
}

/// A page with its title in both languages.
pub(crate) fn document(width: f64, height: f64, title: &Words, body: &str) -> String {
    let centre = width / 2.0;
    let mut svg = String::new();
    let _ = writeln!(
        svg,
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" font-family="{FONTS}" font-size="12" fill="{INK}">
<title>{} {}</title>
<rect width="{width}" height="{height}" fill="#ffffff"/>"##,
        title.en, title.zh
    );
    svg.push_str(&text(
        centre,
        26.0,
        "font-size=\"15\" font-weight=\"600\" text-anchor=\"middle\"",
        &title.en,
    ));
    let quiet = format!("font-size=\"12.5\" fill=\"{GREY}\" text-anchor=\"middle\"");
    svg.push_str(&text(centre, 46.0, &quiet, &title.zh));
    svg.push_str(body);
    svg.push_str("</svg>\n");
    svg
}

/// A line of text whose base line starts, or is centred, at a point.
pub(crate) fn text(x: f64, y: f64, attributes: &str, words: &str) -> String {
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" {attributes}>{words}</text>\n")
}

/// From a point of the unit square to SVG coordinates.
fn place((x, y): (f64, f64)) -> (f64, f64) {
    (LEFT + x * SIDE, TOP + (1.0 - y) * SIDE)
}

fn polyline(points: &[(f64, f64)], colour: &str, width: f64) -> String {
    let mut path = String::new();
    for point in points {
        let (x, y) = place(*point);
        let _ = write!(path, "{x:.1},{y:.1} ");
    }
    let path = path.trim_end();
    format!("<polyline points=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\"/>\n")
}

/// The unit square with its grid, axes and diagonal.
fn frame(title: &Words, across: &Words, up: &Words, body: &str) -> String {
    let mut drawn = String::new();
    for tick in 0..=5 {
        let value = f64::from(tick) / 5.0;
        drawn.push_str(&polyline(&[(value, 0.0), (value, 1.0)], LINE, 1.0));
        drawn.push_str(&polyline(&[(0.0, value), (1.0, value)], LINE, 1.0));
        let ((x, bottom), (left, y)) = (place((value, 0.0)), place((0.0, value)));
        let written = format!("{value:.1}");
        let quiet = |anchor: &str| format!("fill=\"{GREY}\" text-anchor=\"{anchor}\"");
        drawn.push_str(&text(x, bottom + 18.0, &quiet("middle"), &written));
        drawn.push_str(&text(left - 8.0, y + 4.0, &quiet("end"), &written));
    }
    drawn.push_str(&polyline(&[(0.0, 0.0), (1.0, 1.0)], "#818b98", 1.0));
    let (centre, middle) = (LEFT + SIDE / 2.0, TOP + SIDE / 2.0);
    let of = |words: &Words| format!("{} / {}", words.en, words.zh);
    drawn.push_str(&text(centre, TOP + SIDE + 44.0, "text-anchor=\"middle\"", &of(across)));
    let upright = format!("text-anchor=\"middle\" transform=\"rotate(-90 24 {middle})\"");
    drawn.push_str(&text(24.0, middle, &upright, &of(up)));
    drawn.push_str(body);
    document(LEFT + SIDE + RIGHT, TOP + SIDE + BOTTOM, title, &drawn)
}

/// How often each true class (row) was taken for each class (column). What it is about stands in the title.
pub(crate) fn counts<const N: usize>(about: &str, classes: &[&str; N], counts: &[[usize; N]; N]) -> String {
    let (cell, names) = (58.0, 130.0);
    let (left, top) = (names + 24.0, TOP + 40.0);
    let mut body = String::new();
    for (row, (class, cells)) in classes.iter().zip(counts).enumerate() {
        let y = top + row as f64 * cell;
        body.push_str(&text(left - 8.0, y + cell / 2.0 + 4.0, "text-anchor=\"end\"", class));
        let column = left + (row as f64 + 0.5) * cell;
        let turned = format!(
            "font-size=\"11\" fill=\"{GREY}\" text-anchor=\"start\" transform=\"rotate(-35 {column:.1} {:.1})\"",
            top - 6.0
        );
        body.push_str(&text(column, top - 6.0, &turned, class));
        let all = cells.iter().sum::<usize>().max(1) as f64;
        for (place, count) in cells.iter().enumerate() {
            let (x, share) = (left + place as f64 * cell, *count as f64 / all);
            let _ = writeln!(
                body,
                r##"<rect x="{x:.1}" y="{y:.1}" width="{cell}" height="{cell}" fill="{BLUE}" fill-opacity="{:.3}" stroke="{LINE}"/>"##,
                share.sqrt() * 0.6
            );
            body.push_str(&text(
                x + cell / 2.0,
                y + cell / 2.0 + 4.0,
                "text-anchor=\"middle\"",
                &count.to_string(),
            ));
        }
    }
    let side = N as f64 * cell;
    let axes = "rows: what it is, columns: what it was taken for / 行：实际类别，列：判断类别";
    let quiet = format!("font-size=\"11\" fill=\"{GREY}\" text-anchor=\"middle\"");
    body.push_str(&text(left + side / 2.0, top + side + 26.0, &quiet, axes));
    let title = Words::new(format!("混淆矩阵：{about}"), format!("Confusion: {about}"));
    document(left + side + 60.0, top + side + 46.0, &title, &body)
}

/// How far changes of the images move the score: for each the mean, the 95th percentile and the largest difference. What
/// it is about stands in the title.
pub(crate) fn movements(about: &Words, movements: &[Movement]) -> String {
    let (left, step, long) = (170.0, 44.0, 330.0);
    let most = movements.iter().map(|one| one.max).fold(0.0, f64::max);
    let end = axis_end(most);
    let at = |value: f64| left + value / end * long;
    let bottom = TOP + step * movements.len() as f64;
    let mut body = String::new();
    for tick in 0..=4 {
        let value = end * f64::from(tick) / 4.0;
        body.push_str(&line((at(value), TOP), (at(value), bottom), LINE, 1.0));
        let quiet = format!("fill=\"{GREY}\" text-anchor=\"middle\"");
        body.push_str(&text(at(value), bottom + 18.0, &quiet, &short(value)));
    }
    let small = format!("font-size=\"11\" fill=\"{GREY}\"");
    for (row, one) in movements.iter().enumerate() {
        let middle = TOP + step * (row as f64 + 0.5);
        let name = change_name(&one.change);
        body.push_str(&text(left - 12.0, middle - 2.0, "text-anchor=\"end\"", &name.en));
        body.push_str(&text(left - 12.0, middle + 13.0, &format!("{small} text-anchor=\"end\""), &name.zh));
        body.push_str(&line((at(0.0), middle), (at(one.max), middle), LINE, 3.0));
        body.push_str(&line((at(0.0), middle), (at(one.p95), middle), BLUE, 7.0));
        body.push_str(&line((at(one.max), middle - 6.0), (at(one.max), middle + 6.0), GREY, 1.5));
        body.push_str(&line((at(one.mean), middle - 8.0), (at(one.mean), middle + 8.0), INK, 2.0));
        body.push_str(&text(left + long + 16.0, middle + 4.0, "", &format!("{:.2} %", one.flipped * 100.0)));
    }
    body.push_str(&text(left + long + 16.0, TOP - 8.0, &small, "flipped / 判断改变"));
    let centre = format!("{small} text-anchor=\"middle\"");
    let legend = [
        "difference of the score / 分数差异",
        "line: mean, bar: 95th percentile, tick: largest / 竖线：均值，条：第 95 百分位，短线：最大值",
    ];
    for (row, words) in legend.iter().enumerate() {
        body.push_str(&text(left + long / 2.0 - 20.0, bottom + 40.0 + 18.0 * row as f64, &centre, words));
    }
    let title = Words::new(format!("重测稳定性：{}", about.zh), format!("Test-retest: {}", about.en));
    document(left + long + 130.0, bottom + 76.0, &title, &body)
}

/// A round number that is at least the largest value, for the end of an axis.
fn axis_end(most: f64) -> f64 {
    [0.004, 0.01, 0.02, 0.04, 0.1, 0.2, 0.4].into_iter().find(|end| *end >= most).unwrap_or(1.0)
}

/// A number without zeros at its end.
fn short(value: f64) -> String {
    let written = format!("{value:.4}");
    written.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn line((x1, y1): (f64, f64), (x2, y2): (f64, f64), colour: &str, width: f64) -> String {
    format!(
        "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{colour}\" stroke-width=\"{width}\"/>\n"
    )
}
