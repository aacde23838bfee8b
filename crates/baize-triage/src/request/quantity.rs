//! Reads numbers as people write them at a desk: `38.5`, `３８．５`, `38.5℃`, `120次/分`, `98 %`, `130/80 mmHg`.

/// A number and what was written after it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Quantity {
    pub(crate) value: f64,
    /// Normalised as [`unit_key`] does; empty where there was none.
    pub(crate) unit: String,
}

/// What a text holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Written {
    /// One number.
    One(Quantity),
    /// Two numbers with a slash between, as blood pressure is written; the unit is behind the second.
    Pair(f64, Quantity),
    /// Nothing but space.
    Blank,
    /// Something else.
    NotANumber,
}

/// Full-width forms as their ASCII counterparts, `℃` and `℉` spelled out, outer space removed.
pub(crate) fn normalised(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\u{ff01}'..='\u{ff5e}' => {
                plain.push(char::from_u32(u32::from(letter) - 0xfee0).unwrap_or(letter));
            }
            '\u{3000}' => plain.push(' '),
            '℃' => plain.push_str("°C"),
            '℉' => plain.push_str("°F"),
            '\u{2215}' | '\u{2044}' => plain.push('/'),
            other => plain.push(other),
        }
    }
    plain.trim().to_owned()
}

/// A unit as it is compared: normalised, lower case, without spaces.
pub(crate) fn unit_key(unit: &str) -> String {
    normalised(unit).to_lowercase().chars().filter(|letter| !letter.is_whitespace()).collect()
}

/// Reads one number, or two with a slash between them.
pub(crate) fn read(text: &str) -> Written {
    let plain = normalised(text);
    if plain.is_empty() {
        return Written::Blank;
    }
    let Some((first, rest)) = leading_number(&plain) else {
        return Written::NotANumber;
    };
    if let Some(behind_slash) = rest.trim_start().strip_prefix('/')
        && let Some((second, unit)) = leading_number(behind_slash.trim_start())
    {
        return match unit_of(unit) {
            Some(unit) => Written::Pair(first, Quantity { value: second, unit }),
            None => Written::NotANumber,
        };
    }
    match unit_of(rest) {
        Some(unit) => Written::One(Quantity { value: first, unit }),
        None => Written::NotANumber,
    }
}

/// What stands behind a number, if it can be a unit: no second number hides in it.
fn unit_of(rest: &str) -> Option<String> {
    let unit = unit_key(rest);
    let hides_a_number =
        unit.starts_with(['.', ',', '-', '+']) || unit.chars().any(|letter| letter.is_numeric());
    (!hides_a_number).then_some(unit)
}

/// A plain decimal number at the start of a text, and what follows. No exponent, no thousands separator.
fn leading_number(text: &str) -> Option<(f64, &str)> {
    let digits = |from: &str| from.bytes().take_while(u8::is_ascii_digit).count();
    let sign = usize::from(text.starts_with(['-', '+']));
    let whole = digits(&text[sign..]);
    if whole == 0 {
        return None;
    }
    let mut end = sign + whole;
    if text[end..].starts_with('.') {
        let fraction = digits(&text[end + 1..]);
        if fraction == 0 {
            return None;
        }
        end += 1 + fraction;
    }
    let value: f64 = text[..end].parse().ok()?;
    value.is_finite().then_some((value, &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(value: f64, unit: &str) -> Written {
        Written::One(Quantity { value, unit: unit.to_owned() })
    }

    #[test]
    fn numbers_are_read_as_people_write_them() {
        let cases = [
            ("38.5", one(38.5, "")),
            ("３８．５", one(38.5, "")),
            ("３８．５℃", one(38.5, "°c")),
            (" 38.5 ° C ", one(38.5, "°c")),
            ("120次/分", one(120.0, "次/分")),
            ("１２０ 次／分", one(120.0, "次/分")),
            ("98%", one(98.0, "%")),
            ("９８％", one(98.0, "%")),
            ("-3", one(-3.0, "")),
            ("7/分", one(7.0, "/分")),
            ("130/80", Written::Pair(130.0, Quantity { value: 80.0, unit: String::new() })),
            ("130／80 mmHg", Written::Pair(130.0, Quantity { value: 80.0, unit: "mmhg".to_owned() })),
            ("", Written::Blank),
            ("　", Written::Blank),
            ("三十八度五", Written::NotANumber),
            ("38,5", Written::NotANumber),
            ("38度5", Written::NotANumber),
            ("1,200", Written::NotANumber),
            ("38.", Written::NotANumber),
            ("90-100", Written::NotANumber),
            ("1e3", Written::NotANumber),
            ("130/80/2", Written::NotANumber),
            ("NaN", Written::NotANumber),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), expected, "{text}");
        }
    }
}
