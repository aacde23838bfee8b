//! Guesses which name a mistyped one was meant to be.

/// The known name that a mistyped one begins with, begins, or differs from by two letters at most.
pub(super) fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    const LONGEST: usize = 32;
    if name.len() < 3 || name.len() > LONGEST {
        return None;
    }
    let lower = name.to_lowercase();
    known
        .iter()
        .find(|known| known.starts_with(&lower) || lower.starts_with(**known))
        .or_else(|| known.iter().find(|known| distance(&lower, known) <= 2))
        .copied()
}

/// Levenshtein's distance in bytes.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.bytes().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (diagonal + usize::from(a != b)).min(above + 1).min(row[j] + 1);
            diagonal = above;
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_name_finds_its_field() {
        let known = ["heart_rate", "temperature_c", "spo2"];
        for (typed, meant) in [
            ("heartrate", Some("heart_rate")),
            ("temperature", Some("temperature_c")),
            ("SpO2", Some("spo2")),
            ("spo2_percent", Some("spo2")),
            ("ethnicity", None),
            ("x", None),
        ] {
            assert_eq!(nearest(typed, &known), meant, "{typed}");
        }
    }
}
