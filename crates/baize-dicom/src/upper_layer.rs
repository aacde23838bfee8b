//! PDUs on a byte stream (PS3.8 section 9.3), bounded in size and in time.
//!
//! The framing is done here and only whole PDUs are given to `dicom-ul`'s parser: that way the size of a PDU is
//! judged by its type before a byte of its body is read, a body whose inner lengths are wrong is an error
//! instead of a wait for more bytes, and garbage is recognised by its first byte.

use std::time::Duration;

use bytes::Bytes;
use dicom_ul::pdu::{
    AbortRQServiceProviderReason, AbortRQSource, MAXIMUM_PDU_SIZE, PDU_HEADER_SIZE, PDV_HEADER_SIZE,
    PDataValue, PDataValueType, Pdu, read_pdu, write_pdu,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// How large an A-ASSOCIATE PDU may be. The negotiated maximum is about P-DATA only (PS3.8 section D.1.1);
/// 128 presentation contexts with 50 transfer syntaxes each, all of the longest form, stay below this.
const MAX_ASSOCIATE_BYTES: u32 = 1 << 20;

/// Release and abort PDUs have four bytes; a little more is tolerated.
const MAX_SHORT_BYTES: u32 = 64;

/// The only application context name of DICOM (PS3.7 annex A).
pub(crate) const APPLICATION_CONTEXT: &str = "1.2.840.10008.3.1.1.1";
/// Assumed of a peer that leaves out the mandatory Maximum Length.
pub(crate) const CAUTIOUS_MAX_PDU: u32 = 16_384;
/// Longest fragment for a peer that takes any.
const LARGEST_FRAGMENT: usize = 1 << 20;

/// How long the peer may take to close its side after the last PDU was sent. Waiting for it keeps the
/// operating system from discarding that PDU together with unread input.
const CLOSE_GRACE: Duration = Duration::from_secs(2);

/// Why no PDU could be had, or none sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    /// The peer closed the connection or it broke.
    #[error("the connection was closed: {0}")]
    Closed(#[from] std::io::Error),
    /// The peer sent or took nothing for too long.
    #[error("the peer was silent for too long")]
    Idle,
    /// The first byte is no PDU type: some other protocol, or noise.
    #[error("PDU type {0:#04x} is unknown")]
    UnknownType(u8),
    /// Longer than its type may be.
    #[error("a PDU of {length} bytes is longer than {limit}")]
    TooLong {
        /// The PDU's length field.
        length: u32,
        /// The limit for its type.
        limit: u32,
    },
    /// The inside contradicts the length, or cannot be encoded.
    #[error("the PDU is malformed: {0}")]
    Malformed(String),
}

impl LinkError {
    /// The reason for the A-ABORT that tells the peer (PS3.8 table 9-26); `None` where nobody listens.
    pub(crate) fn abort_reason(&self) -> Option<AbortRQServiceProviderReason> {
        match self {
            Self::Closed(_) => None,
            Self::Idle => Some(AbortRQServiceProviderReason::ReasonNotSpecified),
            Self::UnknownType(_) => Some(AbortRQServiceProviderReason::UnrecognizedPdu),
            Self::TooLong { .. } | Self::Malformed(_) => {
                Some(AbortRQServiceProviderReason::InvalidPduParameter)
            }
        }
    }
}

/// What bytes go over: TCP, or TLS on it.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A stream whose kind is chosen at run time.
pub(crate) type BoxedStream = Box<dyn Stream>;

/// One end of an upper layer connection.
pub(crate) struct Link<S> {
    stream: S,
    idle_timeout: Duration,
    max_pdu: u32,
}

impl<S: Stream> Link<S> {
    /// `max_pdu` bounds the variable field of incoming P-DATA PDUs; `idle_timeout` bounds the time from asking
    /// for a PDU until its last byte, and the time to get rid of one.
    pub(crate) fn new(stream: S, max_pdu: u32, idle_timeout: Duration) -> Self {
        Self { stream, idle_timeout, max_pdu }
    }

    /// Waits for one PDU. Not to be cancelled and called again: a half-read PDU would be lost.
    pub(crate) async fn receive(&mut self) -> Result<Pdu, LinkError> {
        timeout(self.idle_timeout, self.receive_whole()).await.unwrap_or(Err(LinkError::Idle))
    }

    async fn receive_whole(&mut self) -> Result<Pdu, LinkError> {
        let mut frame = vec![0; PDU_HEADER_SIZE as usize];
        // The type comes alone, so that the peer of another protocol is not waited for.
        self.stream.read_exact(&mut frame[..1]).await?;
        let limit = match frame[0] {
            0x01 | 0x02 => MAX_ASSOCIATE_BYTES,
            0x03 | 0x05..=0x07 => MAX_SHORT_BYTES,
            0x04 => self.max_pdu,
            unknown => return Err(LinkError::UnknownType(unknown)),
        };
        self.stream.read_exact(&mut frame[1..]).await?;
        let length = u32::from_be_bytes([frame[2], frame[3], frame[4], frame[5]]);
        if length > limit {
            return Err(LinkError::TooLong { length, limit });
        }
        let header = frame.len();
        frame.resize(header + length as usize, 0);
        self.stream.read_exact(&mut frame[header..]).await?;
        read_pdu(Bytes::from(frame), MAXIMUM_PDU_SIZE, false)
            .map_err(|error| LinkError::Malformed(error.to_string()))?
            .ok_or_else(|| LinkError::Malformed("an item is cut short".to_owned()))
    }

    /// Sends one PDU.
    pub(crate) async fn send(&mut self, pdu: &Pdu) -> Result<(), LinkError> {
        let mut frame = Vec::new();
        write_pdu(&mut frame, pdu).map_err(|error| LinkError::Malformed(error.to_string()))?;
        timeout(self.idle_timeout, async {
            self.stream.write_all(&frame).await?;
            self.stream.flush().await
        })
        .await
        .map_err(|_| LinkError::Idle)?
        .map_err(LinkError::Closed)
    }

    /// Sends a command set or a data set, cut into PDUs that the peer takes. `peer_max_pdu` is the Maximum Length
    /// that it announced; 0 means no limit.
    pub(crate) async fn send_message(
        &mut self,
        context: u8,
        value_type: PDataValueType,
        bytes: &[u8],
        peer_max_pdu: u32,
    ) -> Result<(), LinkError> {
        let room = match peer_max_pdu {
            0 => LARGEST_FRAGMENT,
            limit => (limit.saturating_sub(PDV_HEADER_SIZE) as usize).min(LARGEST_FRAGMENT),
        };
        let mut fragments = bytes.chunks(room.max(1)).peekable();
        while let Some(fragment) = fragments.next() {
            let value = PDataValue {
                presentation_context_id: context,
                value_type: value_type.clone(),
                is_last: fragments.peek().is_none(),
                data: fragment.to_vec(),
            };
            self.send(&Pdu::PData { data: vec![value] }).await?;
        }
        Ok(())
    }

    /// Sends an A-ABORT of the service provider; that it may not arrive is in its nature.
    pub(crate) async fn abort(&mut self, reason: AbortRQServiceProviderReason) {
        let source = AbortRQSource::ServiceProvider(reason);
        if let Err(error) = self.send(&Pdu::AbortRQ { source }).await {
            tracing::debug!(%error, "abort not delivered");
        }
    }

    /// Ends the connection: says that no more will come and waits a moment for the peer to do the same.
    pub(crate) async fn close(mut self) {
        let farewell = async {
            self.stream.shutdown().await?;
            tokio::io::copy(&mut self.stream, &mut tokio::io::sink()).await
        };
        // Whether the peer closes in time changes nothing: the stream is dropped either way.
        let _closed = timeout(CLOSE_GRACE, farewell).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn receive(input: &[u8]) -> Result<Pdu, LinkError> {
        let (ours, mut theirs) = tokio::io::duplex(4096);
        theirs.write_all(input).await.unwrap();
        drop(theirs);
        Link::new(ours, 1024, Duration::from_secs(30)).receive().await
    }

    #[tokio::test]
    async fn a_frame_is_judged_before_its_body_is_read() {
        let cases: &[(&[u8], &str)] = &[
            (b"GET / HTTP/1.1\r\n\r\n", "PDU type 0x47 is unknown"),
            (&[4, 0, 0xff, 0xff, 0xff, 0xff], "a PDU of 4294967295 bytes is longer than 1024"),
            (&[4, 0, 0, 0, 4, 1], "a PDU of 1025 bytes is longer than 1024"),
            (&[5, 0, 0, 1, 0, 0], "a PDU of 65536 bytes is longer than 64"),
            (&[1, 0, 0, 0, 0, 4, 0, 1, 0, 0], "the PDU is malformed"),
            // A presentation data value that claims 255 bytes in a PDU of 6.
            (&[4, 0, 0, 0, 0, 6, 0, 0, 0, 255, 1, 3], "the PDU is malformed"),
            (&[4, 0, 0, 0, 0, 9, 1], "the connection was closed"),
            (&[], "the connection was closed"),
        ];
        for (input, expected) in cases {
            let error = receive(input).await.unwrap_err().to_string();
            assert!(error.starts_with(expected), "{input:?} gave {error:?}");
        }
    }

    #[tokio::test]
    async fn a_command_is_cut_to_what_the_peer_takes() {
        for (peer_max_pdu, fragments) in [(0, 1), (106, 1), (56, 2), (7, 100), (1, 100)] {
            let (ours, theirs) = tokio::io::duplex(1 << 16);
            let mut sender = Link::new(ours, 1024, Duration::from_secs(30));
            let mut receiver = Link::new(theirs, 1024, Duration::from_secs(30));
            sender.send_message(3, PDataValueType::Command, &[7; 100], peer_max_pdu).await.unwrap();
            let mut values = Vec::new();
            while values.last().is_none_or(|value: &PDataValue| !value.is_last) {
                let Pdu::PData { data } = receiver.receive().await.unwrap() else { panic!("not P-DATA") };
                values.extend(data);
            }
            assert_eq!(values.len(), fragments, "a peer that takes {peer_max_pdu} bytes");
            assert_eq!(values.iter().map(|value| value.data.len()).sum::<usize>(), 100);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_the_wait() {
        let (ours, mut theirs) = tokio::io::duplex(64);
        theirs.write_all(&[4, 0, 0, 0]).await.unwrap();
        let error = Link::new(ours, 1024, Duration::from_secs(30)).receive().await.unwrap_err();
        assert!(matches!(error, LinkError::Idle), "{error}");
    }
}
