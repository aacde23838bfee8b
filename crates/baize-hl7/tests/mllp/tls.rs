//! TLS, with and without a certificate of the client.

use std::path::PathBuf;

use baize_hl7::mllp::{Answer, Client};
use baize_tls::{ClientTls, TlsFiles, server_config};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::client::{config, parsed};
use crate::harness::{Running, framed, message};

struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    /// An authority, and a server and a client that it certified.
    fn make() -> Self {
        let folder = std::env::temp_dir().join(format!("baize-hl7-tls-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(folder.join("authority.pem"), authority.pem()).unwrap();
        for name in ["server", "client"] {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
            let certificate = params.signed_by(&key, &authority).unwrap();
            std::fs::write(folder.join(format!("{name}.pem")), certificate.pem()).unwrap();
            std::fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
        }
        Self { folder }
    }

    fn authority(&self) -> PathBuf {
        self.folder.join("authority.pem")
    }

    fn of(&self, name: &str) -> TlsFiles {
        TlsFiles {
            certificates: self.folder.join(format!("{name}.pem")),
            key: self.folder.join(format!("{name}.key")),
        }
    }
}

impl Drop for Certificates {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[tokio::test]
async fn only_certified_peers_are_served_where_that_is_asked() {
    let certificates = Certificates::make();
    let authority = certificates.authority();
    for (peers, own, served) in
        [(None, None, true), (Some(&authority), Some("client"), true), (Some(&authority), None, false)]
    {
        let tls = server_config(&certificates.of("server"), peers.map(PathBuf::as_path)).unwrap();
        let server = Running::start(|config| config.tls = Some(tls)).await;
        let own = own.map(|name| certificates.of(name));
        let tls = ClientTls::open(&authority, own.as_ref(), "localhost").unwrap();
        let mut with_tls = config(server.address.to_string());
        with_tls.tls = Some(tls);
        let client = Client::new(with_tls);
        for id in ["1", "2"] {
            let answer = client.send(&parsed(id)).await;
            assert_eq!(answer == Answer::Accepted, served, "{answer:?}");
        }
        // Whoever speaks no TLS is not served.
        let mut socket = server.socket().await;
        socket.write(&framed(&message("3"))).await;
        assert!(server.memory.kept().len() == if served { 2 } else { 0 });
        drop(socket);
        server.stop().await;
    }
}
