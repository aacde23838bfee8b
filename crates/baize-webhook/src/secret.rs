//! What both ends know and nobody else.

use std::fmt;
use std::path::PathBuf;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Fewer bytes can be guessed.
const FEWEST_BYTES: usize = 16;

/// Where the shared secret is.
#[derive(Clone)]
pub enum Secret {
    /// In a file, read anew for each message; white space around it is ignored.
    File(PathBuf),
    /// Given at the start.
    Given(String),
}

/// Never shows the secret.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Given(_) => f.write_str("Given(…)"),
        }
    }
}

impl Secret {
    /// Whether it is there and long enough.
    ///
    /// # Errors
    /// Why it is not; without the secret.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Self::File(path) => checked(std::fs::read_to_string(path)).map(drop),
            Self::Given(secret) => checked(Ok(secret.clone())).map(drop),
        }
    }

    pub(crate) async fn read(&self) -> Result<String, String> {
        match self {
            Self::File(path) => checked(tokio::fs::read_to_string(path).await),
            Self::Given(secret) => checked(Ok(secret.clone())),
        }
    }
}

fn checked(read: std::io::Result<String>) -> Result<String, String> {
    let secret = read.map_err(|error| format!("the secret cannot be read: {error}"))?;
    let secret = secret.trim();
    match secret.len() {
        FEWEST_BYTES.. => Ok(secret.to_owned()),
        _ => Err(format!("the secret has fewer than {FEWEST_BYTES} characters")),
    }
}

/// `v1=` and the HMAC-SHA256 in hexadecimal.
pub(crate) fn signature(secret: &str, timestamp: &str, body: &[u8]) -> String {
    // Any length is a key for an HMAC (RFC 2104 section 2).
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    let code = mac.finalize().into_bytes();
    let digits: String = code.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("v1={digits}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231 section 4.3 (test case 2): "what do ya want for nothing?" under "Jefe".
    #[test]
    fn the_signature_is_hmac_sha256() {
        assert_ne!(signature("Jefe", "1", b"x"), signature("Jefe", "1", b"y"));
        let mut mac = Hmac::<Sha256>::new_from_slice(b"Jefe").unwrap();
        mac.update(b"what do ya want for nothing?");
        let code: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(code, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn a_secret_is_long_and_is_not_shown() {
        let secret = Secret::Given("a secret of many letters".into());
        assert!(secret.check().is_ok() && !format!("{secret:?}").contains("letters"));
        let short = Secret::Given("  short          \n".into()).check().unwrap_err();
        assert!(short.contains("fewer than 16") && !short.contains("short  "));
        assert!(Secret::File("nowhere".into()).check().unwrap_err().contains("cannot be read"));
    }
}
