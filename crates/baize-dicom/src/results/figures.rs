//! Numbers and outlines as every result object writes them.

use baize_core::PixelBox;

/// The longest decimal string (PS3.5 section 6.2, DS).
const DS_LENGTH: usize = 16;

/// A probability in percent: the shortest decimal that is this probability, its point moved by two places, so that
/// the number read back is the number of the finding.
pub(crate) fn percent(probability: f32) -> String {
    let text = probability.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let (moved, rest) = fraction.split_at(fraction.len().min(2));
    let whole = format!("{whole}{moved:0<2}");
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        digits => digits,
    };
    let number = if rest.is_empty() { whole.to_owned() } else { format!("{whole}.{rest}") };
    // Below 1e-5 % the digits that do not fit say nothing any more.
    number.chars().take(DS_LENGTH).collect()
}

/// The corners of a region as a closed polyline, `x, y` in turn, in pixels from the top left corner of the image:
/// the same in a structured report (PS3.3 section C.18.6) and in a presentation state (C.10.5).
pub(crate) fn outline(region: PixelBox) -> [f32; 10] {
    let (left, top) = (region.x as f32, region.y as f32);
    let (right, bottom) = (left + region.width as f32, top + region.height as f32);
    [left, top, right, top, right, bottom, left, bottom, left, top]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_is_the_probability_with_its_point_moved() {
        let cases = [
            (0.0, "0"),
            (1.0, "100"),
            (0.5, "50"),
            (0.87, "87"),
            (0.8712345, "87.12345"),
            (0.05, "5"),
            (0.004, "0.4"),
            (0.99999994, "99.999994"),
            (0.000_012_345_678, "0.0012345678"),
            (1.0e-30, "0.00000000000000"),
        ];
        for (probability, expected) in cases {
            assert_eq!(percent(probability), expected);
            assert!(percent(probability).len() <= DS_LENGTH);
        }
    }

    #[test]
    fn percent_reads_back_to_the_same_number() {
        for step in 1..=9_999_u16 {
            let probability = f32::from(step) / 9_999.0;
            let read = percent(probability).parse::<f64>().unwrap() / 100.0;
            assert_eq!(read as f32, probability);
        }
    }
}
