//! A provider with an intake to inspect, and peers to talk to it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use baize_core::ports::{Acceptance, Door, Intake, Novelty};
use baize_core::{ErrorCode, Fault, InstanceIdentity, Lane, SeriesUid, SopUid, StudyUid};
use baize_dicom::scp::{Scp, ScpConfig};
use baize_testkit::ObjectBuilder;
use bytes::Bytes;
use dicom_core::{DataElement, VR, dicom_value};
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;
use dicom_transfer_syntax_registry::entries::IMPLICIT_VR_LITTLE_ENDIAN;
use dicom_ul::Pdu;
use dicom_ul::association::client::ClientAssociationOptions;
use dicom_ul::association::{AsyncAssociation, AsyncClientAssociation, Error};
use dicom_ul::pdu::{PDataValue, PDataValueType};
use prometheus_client::registry::Registry;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const CR: &str = uids::COMPUTED_RADIOGRAPHY_IMAGE_STORAGE;
pub(crate) const EXPLICIT: &str = uids::EXPLICIT_VR_LITTLE_ENDIAN;
pub(crate) const IMPLICIT: &str = uids::IMPLICIT_VR_LITTLE_ENDIAN;

/// Keeps what it is given, once for each SOP Instance, or does as told.
pub(crate) struct FakeIntake {
    objects: Mutex<Vec<(Bytes, Door, Lane)>>,
    fault: Mutex<Option<Fault>>,
    begun: Semaphore,
    gate: Semaphore,
}

impl FakeIntake {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            objects: Mutex::default(),
            fault: Mutex::default(),
            begun: Semaphore::new(0),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
        })
    }

    /// Everything accepted so far, in order, duplicates included.
    pub(crate) fn objects(&self) -> Vec<(Bytes, Door, Lane)> {
        self.objects.lock().unwrap().clone()
    }

    /// Refuses from now on.
    pub(crate) fn fail_with(&self, fault: Fault) {
        *self.fault.lock().unwrap() = Some(fault);
    }

    /// Holds every object back until [`open_gate`](Self::open_gate).
    pub(crate) fn close_gate(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub(crate) fn open_gate(&self) {
        self.gate.add_permits(1000);
    }

    /// Waits until that many objects have arrived at the gate.
    pub(crate) async fn arrivals(&self, count: u32) {
        self.begun.acquire_many(count).await.unwrap().forget();
    }
}

#[async_trait]
impl Intake for FakeIntake {
    async fn accept(&self, object: Bytes, door: Door, lane: Lane) -> Result<Acceptance, Fault> {
        self.begun.add_permits(1);
        let _passed = self.gate.acquire().await.unwrap();
        if let Some(fault) = self.fault.lock().unwrap().clone() {
            return Err(fault);
        }
        let identity = identity(&object)?;
        let mut objects = self.objects.lock().unwrap();
        let known = objects.iter().any(|(known, _, _)| *known == object);
        let novelty = if known { Novelty::Duplicate } else { Novelty::New };
        objects.push((object, door, lane));
        Ok(Acceptance { identity, novelty })
    }
}

fn identity(object: &[u8]) -> Result<InstanceIdentity, Fault> {
    let unreadable = || Fault::new(ErrorCode::MalformedObject, "the object cannot be read");
    let parsed = dicom_object::from_reader(object).map_err(|_| unreadable())?;
    let text = |tag| {
        let element = parsed.element(tag).map_err(|_| unreadable())?;
        element.to_str().map(|text| text.into_owned()).map_err(|_| unreadable())
    };
    Ok(InstanceIdentity {
        study: StudyUid::parse(&text(tags::STUDY_INSTANCE_UID)?).map_err(|_| unreadable())?,
        series: SeriesUid::parse(&text(tags::SERIES_INSTANCE_UID)?).map_err(|_| unreadable())?,
        sop: SopUid::parse(&text(tags::SOP_INSTANCE_UID)?).map_err(|_| unreadable())?,
        sop_class: text(tags::SOP_CLASS_UID)?,
        transfer_syntax: parsed.meta().transfer_syntax().to_owned(),
    })
}

/// A provider that runs.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    /// The port for TLS, if there is one.
    pub(crate) tls_address: Option<SocketAddr>,
    pub(crate) intake: Arc<FakeIntake>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) task: JoinHandle<()>,
    registry: Registry,
}

impl Running {
    /// The value of a metric; 0 where it has none yet.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0, |value| value.parse().unwrap())
    }

    /// Waits until so many connections have ended that way.
    pub(crate) async fn ended(&self, result: &str, count: u64) {
        let name = format!("baize_dimse_associations_total{{result=\"{result}\"}}");
        while self.metric(&name) < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

pub(crate) fn config() -> ScpConfig {
    ScpConfig {
        bind: ([127, 0, 0, 1], 0).into(),
        tls: None,
        ae_title: "BAIZE".to_owned(),
        allowed_calling_aes: vec!["CR1".to_owned(), "ER1".to_owned()],
        allow_any_calling_ae: false,
        stat_calling_aes: vec!["ER1".to_owned()],
        max_associations: 8,
        associations_per_minute: 0,
        objects_per_second: 0,
        max_pdu: 16_384,
        max_object_bytes: 8 << 20,
        receive_budget_bytes: 32 << 20,
        idle_timeout: Duration::from_secs(60),
    }
}

pub(crate) async fn start(config: ScpConfig) -> Running {
    let intake = FakeIntake::new();
    let scp = Scp::bind(config, Arc::clone(&intake) as Arc<dyn Intake>).await.unwrap();
    let mut registry = Registry::default();
    scp.metrics().register(&mut registry);
    let shutdown = CancellationToken::new();
    let (address, tls_address) = (scp.local_addr(), scp.tls_addr());
    let task = tokio::spawn(scp.run(shutdown.clone()));
    Running { address, tls_address, intake, shutdown, task, registry }
}

/// A peer with an open association.
pub(crate) struct Peer(pub(crate) AsyncClientAssociation<TcpStream>);

/// The status and the comment of a response.
pub(crate) type Answer = (u16, Option<String>);

impl Peer {
    /// Associates as `calling_ae` with one context for each pair of abstract syntax and transfer syntaxes.
    pub(crate) async fn connect(
        address: SocketAddr,
        calling_ae: &str,
        contexts: &[(&str, &[&str])],
    ) -> Result<Self, Error> {
        let mut options = ClientAssociationOptions::new()
            .calling_ae_title(calling_ae.to_owned())
            .called_ae_title("BAIZE")
            .max_pdu_length(4096);
        for (abstract_syntax, transfer_syntaxes) in contexts {
            let transfer_syntaxes = transfer_syntaxes.iter().map(|uid| (*uid).to_owned()).collect();
            options = options.with_presentation_context((*abstract_syntax).to_owned(), transfer_syntaxes);
        }
        options.establish_async(address).await.map(Self)
    }

    /// Associates for CR images in Explicit VR Little Endian.
    pub(crate) async fn for_images(address: SocketAddr) -> Self {
        Self::connect(address, "CR1", &[(CR, &[EXPLICIT])]).await.unwrap()
    }

    /// The context that was accepted for a transfer syntax.
    pub(crate) fn context(&self, transfer_syntax: &str) -> u8 {
        let mut contexts = self.0.presentation_contexts().iter();
        contexts.find(|context| context.transfer_syntax == transfer_syntax).unwrap().id
    }

    /// Sends an object and returns the answer.
    pub(crate) async fn store(&mut self, object: &ObjectBuilder) -> Answer {
        let context = self.context(object.transfer_syntax_uid());
        self.send(context, PDataValueType::Command, &store_command(CR, &object.sop_uid())).await;
        self.send(context, PDataValueType::Data, &object.data_set_bytes()).await;
        self.answer().await
    }

    /// Sends a command set or a data set in fragments of 10 000 bytes.
    pub(crate) async fn send(&mut self, context: u8, value_type: PDataValueType, bytes: &[u8]) {
        let mut fragments = bytes.chunks(10_000).peekable();
        while let Some(fragment) = fragments.next() {
            let is_last = fragments.peek().is_none();
            let value = pdv(context, value_type.clone(), is_last, fragment);
            self.0.send(&Pdu::PData { data: vec![value] }).await.unwrap();
        }
    }

    pub(crate) async fn answer(&mut self) -> Answer {
        let Pdu::PData { data } = self.0.receive().await.unwrap() else { panic!("not an answer") };
        let command: Vec<u8> = data.into_iter().flat_map(|value| value.data).collect();
        let syntax = IMPLICIT_VR_LITTLE_ENDIAN.erased();
        let response = InMemDicomObject::read_dataset_with_ts(command.as_slice(), &syntax).unwrap();
        assert_eq!(
            response.element(tags::MESSAGE_ID_BEING_RESPONDED_TO).unwrap().to_int::<u16>().unwrap(),
            1
        );
        let status = response.element(tags::STATUS).unwrap().to_int().unwrap();
        let comment = response.get(tags::ERROR_COMMENT).map(|comment| comment.to_str().unwrap().into_owned());
        (status, comment)
    }

    pub(crate) async fn release(self) {
        AsyncAssociation::release(self.0).await.unwrap();
    }
}

pub(crate) fn pdv(context: u8, value_type: PDataValueType, is_last: bool, data: &[u8]) -> PDataValue {
    PDataValue { presentation_context_id: context, value_type, is_last, data: data.to_vec() }
}

/// A command set with Message ID 1 of Implicit VR Little Endian.
pub(crate) fn command(field: u16, data_set: bool, sop_class: &str, sop_instance: Option<&str>) -> Vec<u8> {
    let us = |tag, value: u16| DataElement::new(tag, VR::US, dicom_value!(U16, [value]));
    let ui = |tag, value: &str| DataElement::new(tag, VR::UI, dicom_value!(Str, value));
    let mut elements = vec![
        ui(tags::AFFECTED_SOP_CLASS_UID, sop_class),
        us(tags::COMMAND_FIELD, field),
        us(tags::MESSAGE_ID, 1),
        us(tags::PRIORITY, 0),
        us(tags::COMMAND_DATA_SET_TYPE, if data_set { 0x0001 } else { 0x0101 }),
    ];
    elements.extend(sop_instance.map(|uid| ui(tags::AFFECTED_SOP_INSTANCE_UID, uid)));
    let mut bytes = Vec::new();
    InMemDicomObject::command_from_element_iter(elements)
        .write_dataset_with_ts(&mut bytes, &IMPLICIT_VR_LITTLE_ENDIAN.erased())
        .unwrap();
    bytes
}

pub(crate) fn store_command(sop_class: &str, sop_instance: &str) -> Vec<u8> {
    command(0x0001, true, sop_class, Some(sop_instance))
}
