//! Certificates for tests of TLS, good and bad ones.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};

/// PEM files in a folder: two authorities, and who they have certified.
///
/// | name | certificate |
/// |---|---|
/// | `server`, `client` | for `localhost` and 127.0.0.1, by the authority |
/// | `elsewhere` | for another host, by the authority |
/// | `expired` | for `localhost` and 127.0.0.1, by the authority, until 2001 |
/// | `foreign` | for `localhost` and 127.0.0.1, by the other authority |
///
/// The keys are drawn anew each time: the one thing here that is not the same in every run.
#[derive(Debug)]
pub struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    /// Writes all files into a folder that exists.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write_to(folder: &Path) -> Result<Self, Box<dyn Error>> {
        let here = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let authority = authority(&folder.join("authority.pem"))?;
        let other = self::authority(&folder.join("other-authority.pem"))?;
        let elsewhere = ["elsewhere.example".to_owned()];
        for (name, issuer, hosts) in [
            ("server", &authority, &here[..]),
            ("client", &authority, &here),
            ("elsewhere", &authority, &elsewhere),
            ("expired", &authority, &here),
            ("foreign", &other, &here),
        ] {
            let key = KeyPair::generate()?;
            let mut params = CertificateParams::new(hosts)?;
            if name == "expired" {
                params.not_before = date_time_ymd(2000, 1, 1);
                params.not_after = date_time_ymd(2001, 1, 1);
            }
            fs::write(folder.join(format!("{name}.pem")), params.signed_by(&key, issuer)?.pem())?;
            fs::write(folder.join(format!("{name}.key")), key.serialize_pem())?;
        }
        Ok(Self { folder: folder.to_owned() })
    }

    /// The certificate of the authority.
    pub fn authority(&self) -> PathBuf {
        self.folder.join("authority.pem")
    }

    /// The certificate of the other authority, which certified `foreign`.
    pub fn other_authority(&self) -> PathBuf {
        self.folder.join("other-authority.pem")
    }

    /// The certificate of a name.
    pub fn certificate(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.pem"))
    }

    /// The private key of a name.
    pub fn key(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.key"))
    }
}

fn authority(file: &Path) -> Result<CertifiedIssuer<'static, KeyPair>, Box<dyn Error>> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    params.distinguished_name.push(rcgen::DnType::CommonName, name.as_ref());
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    fs::write(file, authority.pem())?;
    Ok(authority)
}
