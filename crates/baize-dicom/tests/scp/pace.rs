//! A peer that is faster than it may be: slowed or put off, and nothing is lost.

use baize_dicom::scp::ScpConfig;
use baize_testkit::ObjectBuilder;
use dicom_ul::association::Error;
use dicom_ul::pdu::{
    AssociationRJ, AssociationRJResult, AssociationRJServiceProviderPresentationReason as Presentation,
    AssociationRJSource,
};

use crate::support::{CR, EXPLICIT, Peer, config, start};

#[tokio::test]
async fn one_association_too_many_in_a_minute_may_come_back_later() {
    let server = start(ScpConfig { associations_per_minute: 2, ..config() }).await;
    for _ in 0..2 {
        Peer::for_images(server.address).await.release().await;
    }
    let third = Peer::connect(server.address, "CR1", &[(CR, &[EXPLICIT])]).await;
    let Err(Error::Rejected { association_rj, .. }) = third.map(|_| ()) else { panic!("not rejected") };
    let expected = AssociationRJ {
        result: AssociationRJResult::Transient,
        source: AssociationRJSource::ServiceProviderPresentation(Presentation::TemporaryCongestion),
    };
    assert_eq!(association_rj, expected);
    server.ended("rejected_rate", 1).await;
    // The resuscitation room is not put off, however often it comes.
    for seed in 1..5 {
        let mut urgent = Peer::connect(server.address, "ER1", &[(CR, &[EXPLICIT])]).await.unwrap();
        assert_eq!(urgent.store(&ObjectBuilder::chest(seed)).await, (0, None));
        urgent.release().await;
    }
}

#[tokio::test]
async fn objects_that_come_too_fast_are_all_taken_only_later() {
    let server = start(ScpConfig { objects_per_second: 1, ..config() }).await;
    let mut peers = [
        Peer::for_images(server.address).await,
        Peer::for_images(server.address).await,
        Peer::for_images(server.address).await,
    ];
    let [one, two, three] = &mut peers;
    let small = |seed| ObjectBuilder::chest(seed).size(8, 8);
    let (first, second, third) = (small(1), small(2), small(3));
    let answers = tokio::join!(one.store(&first), two.store(&second), three.store(&third));
    assert_eq!(answers, ((0, None), (0, None), (0, None)));
    assert_eq!(server.intake.objects().len(), 3);
    let slowed = server.metric("baize_dimse_slowed_total");
    assert!(slowed >= 1, "three at once are one each second only if some wait");
    let mut urgent = Peer::connect(server.address, "ER1", &[(CR, &[EXPLICIT])]).await.unwrap();
    for seed in 4..30 {
        assert_eq!(urgent.store(&small(seed)).await, (0, None));
    }
    assert_eq!(server.metric("baize_dimse_slowed_total"), slowed, "the resuscitation room waited");
}
