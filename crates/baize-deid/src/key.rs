//! The secret from which all new identifiers come.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// How far dates are moved at most: ten years.
const MOST_DAYS: u32 = 3650;

/// 256 secret bits. Whoever has the key can tell whether an object is that of a patient whom they know: it is kept as
/// carefully as the patients' names.
#[derive(Clone)]
pub struct Key([u8; 32]);

/// Why a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyTextError;

impl fmt::Display for KeyTextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key is 64 hexadecimal digits on one line")
    }
}

impl std::error::Error for KeyTextError {}

/// Never shows the key.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Key {
    /// A key of these bytes, which must come from a random source.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads 64 hexadecimal digits; white space around them is ignored.
    ///
    /// # Errors
    /// [`KeyTextError`] for any other text.
    pub fn parse(text: &str) -> Result<Self, KeyTextError> {
        let digits = text.trim().as_bytes();
        if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(KeyTextError);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let pair = str::from_utf8(pair).map_err(|_| KeyTextError)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| KeyTextError)?;
        }
        Ok(Self(bytes))
    }

    /// The UID that stands for another: 2.25 and 128 bits as a decimal number (PS3.5 section B.2).
    pub fn uid(&self, uid: &str) -> String {
        format!("2.25.{}", u128::from_be_bytes(self.bits(b"uid", uid)))
    }

    /// What stands for a Patient ID.
    pub fn pseudonym(&self, patient: &str) -> String {
        let bits = u128::from_be_bytes(self.bits(b"patient", patient));
        format!("BZ{:016X}", bits >> 64)
    }

    /// By how many days a patient's dates are moved back: 1 to 3650.
    pub(crate) fn days(&self, patient: &str) -> u32 {
        let [a, b, c, d, ..] = self.bits(b"days", patient);
        1 + u32::from_be_bytes([a, b, c, d]) % MOST_DAYS
    }

    /// HMAC-SHA-256 of the purpose and the text, cut to 128 bits.
    fn bits(&self, purpose: &[u8], text: &str) -> [u8; 16] {
        // A key of any length is sound for HMAC, so this cannot fail; an all-zero answer would be caught by the tests.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return [0; 16] };
        mac.update(purpose);
        mac.update(&[0]);
        mac.update(text.as_bytes());
        let mut bits = [0; 16];
        bits.copy_from_slice(&mac.finalize().into_bytes()[..16]);
        bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_key_purpose_and_text_alone() {
        let (one, other) = (Key::from_bytes([1; 32]), Key::from_bytes([2; 32]));
        assert_eq!(one.uid("1.2.3"), one.uid("1.2.3"));
        assert_ne!(one.uid("1.2.3"), one.uid("1.2.4"));
        assert_ne!(one.uid("1.2.3"), other.uid("1.2.3"));
        assert_ne!(one.pseudonym("1"), other.pseudonym("1"));
        // printf 'uid\0001.2.3' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0101…01, first 32 digits, decimal
        assert_eq!(one.uid("1.2.3"), "2.25.42383557231175150220060856979878972952");
        for patient in 0..1000 {
            assert!((1..=MOST_DAYS).contains(&one.days(&patient.to_string())));
        }
    }

    #[test]
    fn uids_are_valid() {
        let key = Key::from_bytes([3; 32]);
        for number in 0..1000 {
            let uid = key.uid(&number.to_string());
            assert!(uid.len() <= 64 && baize_core::SopUid::parse(&uid).is_ok());
            assert!(!uid.starts_with("2.25.0") || uid == "2.25.0");
        }
    }

    #[test]
    fn only_64_digits_are_a_key() {
        let text = "0123456789abcdef".repeat(4);
        assert!(Key::parse(&format!("{text}\n")).is_ok());
        for bad in ["", &text[1..], &format!("{text}0"), &text.replace('0', "g"), &text.replace('0', "+")] {
            assert!(Key::parse(bad).is_err(), "{bad:?}");
        }
        assert_eq!(format!("{:?}", Key::from_bytes([1; 32])), "Key(…)");
    }
}
