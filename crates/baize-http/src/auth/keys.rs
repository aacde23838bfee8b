//! API keys. Only their hashes are kept, and comparing takes the same time for every wrong key.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::Principal;
use crate::{ApiKey, ConfigError};

type Hash = [u8; 32];

/// Makes a new API key: the key for its holder, and its SHA-256 in hexadecimal for the configuration. The key
/// has 256 bits of entropy, so a plain hash is as good as a slow one.
pub fn generate_api_key() -> (String, String) {
    let secret: [u8; 32] = rand::random();
    let key = format!("baize_{}", URL_SAFE_NO_PAD.encode(secret));
    let hash = hash_of(&key).iter().map(|byte| format!("{byte:02x}")).collect();
    (key, hash)
}

/// The known keys.
pub(super) struct Keys(Vec<(Hash, Principal)>);

impl Keys {
    pub(super) fn new(configured: &[ApiKey]) -> Result<Self, ConfigError> {
        let mut keys: Vec<(Hash, Principal)> = Vec::with_capacity(configured.len());
        for key in configured {
            let name = key.name.clone();
            let Some(hash) = parse_hash(&key.sha256) else { return Err(ConfigError::BadKeyHash { name }) };
            if keys.iter().any(|(other, owner)| *other == hash || owner.name == name) {
                return Err(ConfigError::DuplicateKey { name });
            }
            if key.roles.is_empty() {
                return Err(ConfigError::NoRoles { name });
            }
            keys.push((hash, Principal { name, roles: key.roles.clone(), scopes: Vec::new() }));
        }
        Ok(Self(keys))
    }

    /// Whose key this is. Looks at every known key, whichever matches.
    pub(super) fn owner(&self, presented: &str) -> Option<Principal> {
        let hash = hash_of(presented);
        let mut owner = None;
        for (known, principal) in &self.0 {
            if bool::from(known.ct_eq(&hash)) {
                owner = Some(principal);
            }
        }
        owner.cloned()
    }
}

fn hash_of(key: &str) -> Hash {
    Sha256::digest(key.as_bytes()).into()
}

fn parse_hash(hex: &str) -> Option<Hash> {
    let digits = hex.as_bytes();
    if digits.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut hash = Hash::default();
    for (byte, pair) in hash.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Role;

    fn key(name: &str, sha256: &str) -> ApiKey {
        ApiKey { name: name.into(), roles: vec![Role::Nurse], sha256: sha256.into() }
    }

    #[test]
    fn a_generated_key_opens_and_nothing_else_does() {
        let (secret, hash) = generate_api_key();
        let keys = Keys::new(&[key("ward", &hash), key("other", &"ab".repeat(32))]).unwrap();
        assert_eq!(keys.owner(&secret).unwrap().name, "ward");
        assert_eq!(keys.owner(&secret[1..]), None);
        assert_eq!(keys.owner(""), None);
        assert_eq!(keys.owner(&hash), None, "the hash is no key");
        assert_ne!(generate_api_key().0, secret);
    }

    #[test]
    fn the_hash_is_plain_sha_256_in_either_case() {
        // printf secret | sha256sum
        let hash = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
        assert!(Keys::new(&[key("a", hash)]).unwrap().owner("secret").is_some());
        assert!(Keys::new(&[key("a", &hash.to_uppercase())]).unwrap().owner("secret").is_some());
    }

    #[test]
    fn bad_configurations_name_the_key() {
        let good = "ab".repeat(32);
        for bad in ["", "zz", &"ab".repeat(31), &"zz".repeat(32), &"+1".repeat(32)] {
            assert!(
                matches!(Keys::new(&[key("x", bad)]), Err(ConfigError::BadKeyHash { name }) if name == "x")
            );
        }
        assert!(matches!(
            Keys::new(&[key("x", &good), key("y", &good)]),
            Err(ConfigError::DuplicateKey { .. })
        ));
        let idle = ApiKey { roles: vec![], ..key("x", &good) };
        assert!(matches!(Keys::new(&[idle]), Err(ConfigError::NoRoles { .. })));
    }
}
