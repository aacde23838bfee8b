//! Where notifications may go: only to receivers that the configuration names.

use std::net::IpAddr;

use url::{Host, Url};

/// The receivers, as `host` or `host:port`. Without any, nothing is sent anywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoints(Vec<String>);

/// Why an endpoint is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadEndpoint {
    /// It is no address.
    #[error(
        "must be an address such as https://his.hospital.example/notify, without user, password and fragment"
    )]
    NoAddress,
    /// Patient data would go over the network in clear text.
    #[error("http carries patient data in clear text: use https")]
    ClearText,
    /// The configuration does not name it.
    #[error("its host and port are not in the configuration (fhir.subscription_endpoints)")]
    NotListed,
}

impl Endpoints {
    /// Reads the list.
    ///
    /// # Errors
    /// The first entry that is no `host` or `host:port`.
    pub fn new(listed: &[String]) -> Result<Self, String> {
        let is_sound = |entry: &str| {
            let url = Url::parse(&format!("https://{entry}/"));
            url.is_ok_and(|url| {
                url.path() == "/"
                    && url.username().is_empty()
                    && url.query().is_none()
                    && !entry.contains('/')
            })
        };
        match listed.iter().find(|entry| !is_sound(entry)) {
            Some(bad) => Err(bad.clone()),
            None => Ok(Self(listed.iter().map(|entry| entry.to_ascii_lowercase()).collect())),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The address of an endpoint that may be used: `https`, or `http` on this machine.
    ///
    /// # Errors
    /// [`BadEndpoint`].
    pub fn check(&self, endpoint: &str) -> Result<Url, BadEndpoint> {
        let url = Url::parse(endpoint).map_err(|_| BadEndpoint::NoAddress)?;
        let is_plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        let host = url.host().filter(|_| is_plain).ok_or(BadEndpoint::NoAddress)?;
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&host) => {}
            "http" => return Err(BadEndpoint::ClearText),
            _ => return Err(BadEndpoint::NoAddress),
        }
        let (name, port) = (host.to_string(), url.port_or_known_default().unwrap_or_default());
        let exact = format!("{name}:{port}");
        let is_default = url.port().is_none();
        match self.0.iter().any(|entry| *entry == exact || (is_default && *entry == name)) {
            true => Ok(url),
            false => Err(BadEndpoint::NotListed),
        }
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => IpAddr::V4(*address).is_loopback(),
        Host::Ipv6(address) => IpAddr::V6(*address).is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_receivers_are_sent_to() {
        let listed = ["his.example:8443", "ris.example", "127.0.0.1:81", "[::1]:82"].map(str::to_owned);
        let endpoints = Endpoints::new(&listed).unwrap();
        use BadEndpoint::{ClearText, NoAddress, NotListed};
        for (endpoint, told) in [
            ("https://his.example:8443/notify", Ok(())),
            ("https://HIS.example:8443/notify?a=b", Ok(())),
            ("https://his.example/notify", Err(NotListed)),
            ("https://his.example:8444/", Err(NotListed)),
            ("https://ris.example/", Ok(())),
            ("https://ris.example:443/", Ok(())),
            ("https://ris.example:444/", Err(NotListed)),
            ("https://ris.example.evil.example/", Err(NotListed)),
            ("https://evil.example\\@ris.example/", Err(NotListed)),
            ("https://ris.example@evil.example/", Err(NoAddress)),
            ("https://user:word@ris.example/", Err(NoAddress)),
            ("https://ris.example/#part", Err(NoAddress)),
            ("http://ris.example/", Err(ClearText)),
            ("http://127.0.0.1:81/x", Ok(())),
            ("http://[::1]:82/x", Ok(())),
            ("http://127.0.0.1:83/x", Err(NotListed)),
            ("ftp://ris.example/", Err(NoAddress)),
            ("mailto:a@ris.example", Err(NoAddress)),
            ("ris.example", Err(NoAddress)),
            ("", Err(NoAddress)),
        ] {
            assert_eq!(endpoints.check(endpoint).map(drop), told, "{endpoint}");
        }
    }

    #[test]
    fn entries_are_hosts_with_or_without_a_port() {
        for bad in
            ["", "https://his.example", "his.example/x", "a@his.example", "his.example:x", "his example"]
        {
            assert_eq!(Endpoints::new(&[bad.to_owned()]), Err(bad.to_owned()));
        }
    }
}
