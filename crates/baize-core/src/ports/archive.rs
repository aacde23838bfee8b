//! The archive as clients of a PACS see it: searched by attributes, handed out object by object.

use async_trait::async_trait;
use bytes::Bytes;

use super::SpoolKey;
use crate::{Fault, HeatMap, InstanceIdentity, SeriesUid, SopUid, StudyUid};

/// What a search returns one row for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ArchiveLevel {
    /// Studies.
    Study,
    /// Series.
    Series,
    /// SOP Instances.
    Instance,
}

/// How a text is compared (PS3.4 section C.2.2.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextMatch {
    /// `*` stands for any run of characters, `?` for one; without either, equality.
    Pattern(String),
    /// Each of these words begins a word of the text, or all of them written together begin it.
    Words(Vec<String>),
}

/// From a day to a day as `YYYYMMDD`, both included; an open end is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DayRange {
    /// The first day.
    pub from: Option<String>,
    /// The last day.
    pub to: Option<String>,
}

/// What is looked for; empty lists and `None` match everything. Holds patient data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveQuery {
    /// What rows stand for.
    pub level: ArchiveLevel,
    /// Study Instance UID, one of these.
    pub studies: Vec<StudyUid>,
    /// Series Instance UID, one of these.
    pub series: Vec<SeriesUid>,
    /// SOP Instance UID, one of these.
    pub sops: Vec<SopUid>,
    /// SOP Class UID, one of these.
    pub sop_classes: Vec<String>,
    /// Modality.
    pub modality: Option<TextMatch>,
    /// Modalities in Study.
    pub modality_in_study: Option<TextMatch>,
    /// Study Date.
    pub study_date: Option<DayRange>,
    /// Patient ID.
    pub patient_id: Option<TextMatch>,
    /// Patient's Name; capitals and small letters are the same.
    pub patient_name: Option<TextMatch>,
    /// Accession Number.
    pub accession: Option<TextMatch>,
    /// Study Description.
    pub study_description: Option<TextMatch>,
    /// How many rows at most.
    pub limit: usize,
    /// How many rows are passed over first.
    pub offset: usize,
}

impl ArchiveQuery {
    /// Everything of a level, up to `limit` rows.
    pub fn everything(level: ArchiveLevel, limit: usize) -> Self {
        Self {
            level,
            studies: Vec::new(),
            series: Vec::new(),
            sops: Vec::new(),
            sop_classes: Vec::new(),
            modality: None,
            modality_in_study: None,
            study_date: None,
            patient_id: None,
            patient_name: None,
            accession: None,
            study_description: None,
            limit,
            offset: 0,
        }
    }
}

/// One study, series or instance that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveRow {
    /// The first instance of it.
    pub identity: InstanceIdentity,
    /// Where the bytes of that instance are.
    pub spool_key: SpoolKey,
    /// The modalities of the study, each once.
    pub modalities: Vec<String>,
    /// Series of the study.
    pub study_series: u64,
    /// Instances of the study.
    pub study_instances: u64,
    /// Instances of the series.
    pub series_instances: u64,
}

/// What has been received, to be searched.
#[async_trait]
pub trait Archive: Send + Sync {
    /// The rows that match: newest study first; series and instances of a study in the order of arrival, so
    /// that the pages of one study's instances stay the same while more come in.
    ///
    /// # Errors
    /// `StorageFailed`.
    async fn find(&self, query: ArchiveQuery) -> Result<Vec<ArchiveRow>, Fault>;
}

/// Bytes of pixels or of another large value, as the object has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bulk {
    /// How they are encoded, such as `image/jp2`; `application/octet-stream` for what is not compressed.
    pub media_type: String,
    /// The transfer syntax that they are in; that of Explicit VR Little Endian for what is not compressed.
    pub transfer_syntax: String,
    /// One per frame; one for a value that has no frames.
    pub parts: Vec<Bytes>,
}

/// In which format a picture is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureFormat {
    /// PNG.
    Png,
    /// JPEG of a quality from 1 to 100.
    Jpeg(u8),
}

/// Functions of a window (PS3.3 section C.11.2.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowShape {
    /// `LINEAR`.
    Linear,
    /// `LINEAR_EXACT`.
    LinearExact,
    /// `SIGMOID`.
    Sigmoid,
}

/// A window to show an image through, instead of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Its centre, in values of the modality.
    pub center: f64,
    /// Its width, above zero.
    pub width: f64,
    /// Its function.
    pub shape: WindowShape,
}

/// How an image shall be shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rendering {
    /// The format.
    pub format: PictureFormat,
    /// The frame, from 1 on.
    pub frame: u32,
    /// The window; the image's own where absent.
    pub window: Option<Window>,
    /// The largest width and height; the image's own size where absent.
    pub viewport: Option<(u32, u32)>,
}

/// Makes objects of the archive readable for clients.
#[async_trait]
pub trait ObjectViews: Send + Sync {
    /// The attributes of an object up to its pixels in the DICOM JSON model (PS3.18 annex F), without large
    /// values, from the `start` of its file; `None` where the start ends before the attributes do.
    ///
    /// # Errors
    /// A fault of class `Unreadable` or `Overload`.
    async fn header(&self, start: Bytes) -> Result<Option<String>, Fault>;

    /// All attributes of an object in the DICOM JSON model; large values are references that begin with
    /// `bulk_url`.
    ///
    /// # Errors
    /// A fault of class `Unreadable` or `Overload`.
    async fn metadata(&self, object: Bytes, bulk_url: String) -> Result<String, Fault>;

    /// The frames of an image, as stored.
    ///
    /// # Errors
    /// A fault of class `Unreadable`, `Refused` (no pixels) or `Overload`.
    async fn frames(&self, object: Bytes) -> Result<Bulk, Fault>;

    /// The frames of those numbers, from 1 on, as samples that need no decoder: Explicit VR Little Endian.
    ///
    /// # Errors
    /// As [`frames`](Self::frames), `NotFound` for a frame that is not there, and `UnsupportedTransferSyntax`,
    /// `UnsupportedPixelFormat` or `DimensionsTooLarge` for what cannot be decoded.
    async fn native_frames(&self, object: Bytes, numbers: Vec<usize>) -> Result<Bulk, Fault>;

    /// The object in Explicit VR Little Endian.
    ///
    /// # Errors
    /// As [`native_frames`](Self::native_frames).
    async fn transcode(&self, object: Bytes) -> Result<Bytes, Fault>;

    /// The value at a path of tags and item numbers, such as `00420011` or `54000100.0.54001010`.
    ///
    /// # Errors
    /// `NotFound`, or a fault of class `Unreadable` or `Overload`.
    async fn bulk(&self, object: Bytes, path: String) -> Result<Bulk, Fault>;

    /// A picture for people.
    ///
    /// # Errors
    /// A fault of class `Unreadable`, `Refused` (not a kind of image that can be shown) or `Overload`.
    async fn render(&self, object: Bytes, rendering: Rendering) -> Result<Bytes, Fault>;

    /// A heat map as a PNG with transparency that covers exactly the stored image of so many rows and columns, its
    /// longer side at most 1024 pixels.
    ///
    /// # Errors
    /// `Internal`, or a fault of class `Overload`.
    async fn heat_layer(&self, map: HeatMap, rows: u32, columns: u32) -> Result<Bytes, Fault>;
}
