//! Results go out over TLS: to whom we believe, and who believes us; all others get nothing, and nothing is lost.

use std::path::Path;
use std::sync::Arc;

use baize_core::Lane;
use baize_core::ports::DeliveryState::{Acknowledged, Waiting};
use baize_dicom::scu::{Scu, ScuConfig};
use baize_testkit::Certificates;
use baize_tls::{ClientTls, TlsFiles};
use tempfile::TempDir;

use crate::peers::{ANY_PORT, Pynetdicom, StoreScp, dcmtk_is_there, kept};
use crate::support::{CR, Hospital, PATIENT, destination, object_uid, scu_config};

/// What the peer shows, what we show, and whom we believe.
struct Case {
    peer: &'static str,
    own: Option<&'static str>,
    believes_other: bool,
    /// What a waiting delivery says; `None` where it is acknowledged.
    said: Option<&'static str>,
}

const GOOD: Case = Case { peer: "server", own: Some("client"), believes_other: false, said: None };

fn cases() -> [Case; 6] {
    [
        Case {
            believes_other: true,
            said: Some("no TLS connection: invalid peer certificate: UnknownIssuer"),
            ..GOOD
        },
        Case {
            peer: "expired",
            said: Some("no TLS connection: invalid peer certificate: certificate expired"),
            ..GOOD
        },
        Case {
            peer: "elsewhere",
            said: Some("no TLS connection: invalid peer certificate: certificate not valid for name"),
            ..GOOD
        },
        // The peer asks for a certificate; how it says that it misses it differs.
        Case { own: None, said: Some("received fatal alert"), ..GOOD },
        Case { own: Some("foreign"), said: Some("received fatal alert"), ..GOOD },
        GOOD,
    ]
}

fn courier(address: std::net::SocketAddr, certificates: &Certificates, case: &Case) -> Arc<Scu> {
    let files = |name| TlsFiles { certificates: certificates.certificate(name), key: certificates.key(name) };
    let authority =
        if case.believes_other { certificates.other_authority() } else { certificates.authority() };
    let tls = ClientTls::open(&authority, case.own.map(files).as_ref(), "localhost").unwrap();
    Arc::new(Scu::new(ScuConfig { tls: Some(tls), ..scu_config(address, PATIENT) }))
}

async fn assert_said(hospital: &Hospital, case: &Case, number: usize) {
    let delivery = hospital.deliveries().await.remove(0);
    match case.said {
        None => assert_eq!(delivery.state, Acknowledged, "case {number}: {delivery:?}"),
        Some(said) => {
            assert_eq!(delivery.state, Waiting, "case {number}");
            assert!(delivery.comment.as_ref().unwrap().contains(said), "case {number}: {delivery:?}");
        }
    }
}

/// One result, sent to peers with and without the right certificate in turn; the last one gets it.
#[tokio::test]
async fn dcmtk_storescp_gets_results_over_tls_once_both_believe_each_other() {
    if !dcmtk_is_there() {
        return;
    }
    let (folder, archive) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let certificates = Certificates::write_to(folder.path()).unwrap();
    let hospital = Hospital::open(folder.path());
    hospital
        .service(&[CR], vec![destination("pacs", 1, Arc::new(crate::support::scu(ANY_PORT, PATIENT)))])
        .await;
    hospital.report(1, 1, Lane::Routine).await;
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    for (number, case) in cases().iter().enumerate() {
        let (key, certificate) = (certificates.key(case.peer), certificates.certificate(case.peer));
        let authority = certificates.authority();
        let options = ["+tls", &text(&key), &text(&certificate), "+cf", &text(&authority)];
        let peer = StoreScp::start(ANY_PORT, archive.path(), &options).await;
        let courier = courier(peer.address, &certificates, case);
        assert_eq!(courier.echo().await.is_ok(), case.said.is_none(), "case {number}");
        let service = hospital.service(&[CR], vec![destination("pacs", 1, courier)]).await;
        hospital.wait_out();
        service.deliver_due("pacs").await.unwrap();
        assert_said(&hospital, case, number).await;
        peer.stop().await;
    }
    assert_eq!(kept(&archive).len(), 1);
}

#[tokio::test]
async fn pynetdicom_gets_results_over_tls_once_both_believe_each_other() {
    let folder = TempDir::new().unwrap();
    let certificates = Certificates::write_to(folder.path()).unwrap();
    let hospital = Hospital::open(folder.path());
    hospital
        .service(&[CR], vec![destination("pacs", 1, Arc::new(crate::support::scu(ANY_PORT, PATIENT)))])
        .await;
    hospital.report(1, 1, Lane::Routine).await;
    let mut seen = Vec::new();
    for (number, case) in cases().iter().enumerate() {
        let files =
            [certificates.certificate(case.peer), certificates.key(case.peer), certificates.authority()];
        let Some(peer) = Pynetdicom::start_with_tls(&[], &files).await else { return };
        let courier = courier(peer.address, &certificates, case);
        let service = hospital.service(&[CR], vec![destination("pacs", 1, courier)]).await;
        hospital.wait_out();
        service.deliver_due("pacs").await.unwrap();
        assert_said(&hospital, case, number).await;
        seen.extend(peer.stop().await);
    }
    assert_eq!(seen, [object_uid("1.2.1.1", 0)]);
}

/// The port for TLS of a peer that speaks none, and the other way round.
#[tokio::test]
async fn a_peer_that_speaks_the_other_language_gets_nothing() {
    let folder = TempDir::new().unwrap();
    let certificates = Certificates::write_to(folder.path()).unwrap();
    let hospital = Hospital::open(folder.path());
    let plain = crate::peers::OurScp::start().await;
    let service = hospital
        .service(&[CR], vec![destination("pacs", 1, courier(plain.address, &certificates, &GOOD))])
        .await;
    hospital.report(1, 1, Lane::Routine).await;
    service.deliver_due("pacs").await.unwrap();
    let delivery = hospital.deliveries().await.remove(0);
    assert_eq!(delivery.state, Waiting);
    assert!(delivery.comment.unwrap().starts_with("no TLS connection"));
    assert!(plain.received().is_empty());
}
