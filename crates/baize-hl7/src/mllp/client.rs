//! The client: sends a message and says truthfully what the peer answered.

use std::time::Duration;

use baize_tls::ClientTls;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tracing::{debug, warn};

use super::frame::Frame;
use super::link::{Link, Patience};
use crate::codec::{Limits, Message};

pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Where and how to send.
#[derive(Clone)]
pub struct ClientConfig {
    /// `host:port`.
    pub address: String,
    /// For connecting, the TLS handshake included, and for writing a message.
    pub connect_timeout: Duration,
    /// For the answer.
    pub answer_timeout: Duration,
    /// What an answer may take.
    pub limits: Limits,
    /// Speak TLS.
    pub tls: Option<ClientTls>,
}

/// What became of a message that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// AA; or CA, where the message asked for no application acknowledgement.
    Accepted,
    /// AE or CE: the peer has trouble with it. Holds MSA-3 or ERR-8 as the peer wrote it.
    Error(String),
    /// AR or CR: the peer will not take it. Holds MSA-3 or ERR-8 as the peer wrote it.
    Rejected(String),
    /// No word, or none that can be understood: the peer may have the message or not. Sending it again with the
    /// same control ID is right.
    NoAnswer(String),
}

/// An answer with its code, as the peer wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// MSA-1, such as `AA`; `None` where the peer said nothing about the message.
    pub code: Option<String>,
    /// What it means.
    pub answer: Answer,
}

impl From<Answer> for Exchange {
    fn from(answer: Answer) -> Self {
        Self { code: None, answer }
    }
}

/// A connection to one peer, opened when it is needed. One message is under way at a time.
pub struct Client {
    config: ClientConfig,
    link: Mutex<Option<Link<Box<dyn Stream>>>>,
}

impl Client {
    /// Connects with the first message.
    pub fn new(config: ClientConfig) -> Self {
        Self { config, link: Mutex::new(None) }
    }

    /// Sends a message and waits for its acknowledgement. A connection on which anything went wrong is not used
    /// again, so that a late answer cannot be taken for the next message's.
    pub async fn send(&self, message: &Message) -> Answer {
        self.exchange(message).await.answer
    }

    /// As [`send`](Self::send), with the code by which the peer answered.
    pub async fn exchange(&self, message: &Message) -> Exchange {
        let Some(bytes) = message.to_bytes() else {
            return Answer::Rejected("the message has a character that its character set lacks".to_owned())
                .into();
        };
        let Some(control_id) = message.control_id() else {
            return Answer::Rejected("the message has no control ID".to_owned()).into();
        };
        let mut kept = self.link.lock().await;
        // Taken out: were this future dropped, the connection would go with it.
        let mut idle = kept.take();
        if let Some(link) = &mut idle
            && link.poll().await.is_some()
        {
            // Closed meanwhile, or something came that belongs to no message of ours.
            idle = None;
        }
        let mut link = match idle {
            Some(link) => link,
            None => match self.connect().await {
                Ok(link) => link,
                Err(reason) => return Answer::NoAnswer(reason).into(),
            },
        };
        if let Err(error) = link.send(&bytes).await {
            return Answer::NoAnswer(format!("not sent: {error}")).into();
        }
        let wait = self.answer(&mut link, message, &control_id);
        let answered = timeout(self.config.answer_timeout, wait)
            .await
            .unwrap_or_else(|_| Answer::NoAnswer("no answer in time".to_owned()).into());
        if matches!(answered.answer, Answer::NoAnswer(_)) {
            link.close().await;
        } else {
            *kept = Some(link);
        }
        answered
    }

    /// Whether somebody listens, and speaks TLS where that is wanted. Sends nothing: MLLP has no question of its own.
    ///
    /// # Errors
    /// Why there is no connection.
    pub async fn probe(&self) -> Result<(), String> {
        self.connect().await?.close().await;
        Ok(())
    }

    async fn connect(&self) -> Result<Link<Box<dyn Stream>>, String> {
        let config = &self.config;
        let connect = async {
            let stream = TcpStream::connect(&config.address).await?;
            stream.set_nodelay(true)?;
            let Some(tls) = &config.tls else { return Ok(Box::new(stream) as Box<dyn Stream>) };
            Ok::<_, std::io::Error>(Box::new(tls.connect(stream).await?) as Box<dyn Stream>)
        };
        let stream = timeout(config.connect_timeout, connect)
            .await
            .map_err(|_| "not connected in time".to_owned())?
            .map_err(|error| format!("not connected: {error}"))?;
        debug!(address = config.address, "hl7 connection opened");
        // The answer's own time is kept by `send`.
        let patience = Patience { idle: config.answer_timeout, frame: config.connect_timeout };
        Ok(Link::new(stream, config.limits.max_bytes, patience))
    }

    /// Waits for the acknowledgement that settles the message.
    pub(super) async fn answer(
        &self,
        link: &mut Link<Box<dyn Stream>>,
        message: &Message,
        control_id: &str,
    ) -> Exchange {
        // Table 0155: with AL an application acknowledgement follows; before it, a commit is no last word.
        let more = message.at("MSH", 16, 1).as_deref() == Some("AL");
        loop {
            let bytes = match link.next().await {
                Ok(Frame::Message(bytes)) => bytes,
                Ok(Frame::Garbage(_)) => continue,
                Ok(Frame::TooLong { .. }) => {
                    return Answer::NoAnswer("the answer is longer than the limit".to_owned()).into();
                }
                Err(error) => return Answer::NoAnswer(error.to_string()).into(),
            };
            let Ok(parsed) = Message::parse(&bytes, &self.config.limits) else {
                return Answer::NoAnswer("the answer is no HL7 message".to_owned()).into();
            };
            let ack = parsed.message;
            if ack.at("MSA", 2, 1).as_deref() != Some(control_id) {
                // An answer without the control ID may be to anything, and one with another is a late one.
                warn!("an acknowledgement of another message was passed over");
                continue;
            }
            let said = || ack.at("MSA", 3, 1).or_else(|| ack.at("ERR", 8, 1)).unwrap_or_default();
            let code = ack.at("MSA", 1, 1);
            let answer = match code.as_deref() {
                Some("CA") if more => continue,
                Some("AA" | "CA") => Answer::Accepted,
                Some("AE" | "CE") => Answer::Error(said()),
                Some("AR" | "CR") => Answer::Rejected(said()),
                _ => return Answer::NoAnswer("the answer has no code of table 0008".to_owned()).into(),
            };
            return Exchange { code, answer };
        }
    }
}
