//! Orthanc as a peer: an archive of other people, where it is installed.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// By full path: nothing else is called so.
const PROGRAM: &str = "/usr/sbin/Orthanc";

/// How often it is asked whether it is there, and the pause between. It starts within a second or two.
const TRIES: u32 = 600;
const PAUSE: Duration = Duration::from_millis(100);

/// Another program may take a port between its choice and its use.
const STARTS: u32 = 5;

/// An Orthanc on the loopback interface that ends with this value. Its calls block.
#[derive(Debug)]
pub struct Orthanc {
    child: Child,
    http: SocketAddr,
    dicom: SocketAddr,
}

impl Orthanc {
    /// The AE title that it answers to and calls with.
    pub const AE_TITLE: &str = "ORTHANC";

    /// Starts one that keeps its data in `folder`. `peers` are the modalities that it knows, as pairs of AE title and
    /// port: it stores nothing for others. `more` are further settings, as the inside of a JSON object. `None` where it
    /// is not installed.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(folder: &Path, peers: &[(&str, u16)], more: &str) -> io::Result<Option<Self>> {
        if !Path::new(PROGRAM).exists() {
            return Ok(None);
        }
        let mut last = io::Error::other("orthanc did not start");
        for _ in 0..STARTS {
            match Self::try_start(folder, peers, more) {
                Ok(orthanc) => return Ok(Some(orthanc)),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn try_start(folder: &Path, peers: &[(&str, u16)], more: &str) -> io::Result<Self> {
        let (http, dicom) = (free_port()?, free_port()?);
        let modality =
            |(title, port): &(&str, u16)| format!(r#""{title}": ["{title}", "127.0.0.1", {port}]"#);
        let modalities = peers.iter().map(modality).collect::<Vec<_>>().join(", ");
        let separator = if more.is_empty() { "" } else { "," };
        let settings = format!(
            r#"{{
                "Name": "peer", "StorageDirectory": "storage", "IndexDirectory": "storage", "Plugins": [],
                "HttpPort": {}, "RemoteAccessAllowed": false, "AuthenticationEnabled": false,
                "DicomAet": "{}", "DicomPort": {}, "DicomCheckCalledAet": true, "DicomCheckModalityHost": true,
                "DicomAlwaysAllowStore": false, "DicomAlwaysAllowEcho": false, "OverwriteInstances": true,
                "DicomModalities": {{ {modalities} }} {separator} {more}
            }}"#,
            http.port(),
            Self::AE_TITLE,
            dicom.port(),
        );
        let configuration = folder.join("orthanc.json");
        fs::write(&configuration, settings)?;
        let mut command = Command::new(PROGRAM);
        command.arg(&configuration).current_dir(folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut orthanc = Self { child: command.spawn()?, http, dicom };
        for _ in 0..TRIES {
            if let Ok((200, _)) = orthanc.get("/system") {
                return Ok(orthanc);
            }
            if let Some(status) = orthanc.child.try_wait()? {
                return Err(io::Error::other(format!("orthanc ended with {status}")));
            }
            thread::sleep(PAUSE);
        }
        Err(io::Error::other("orthanc did not answer in time"))
    }

    /// Where it takes associations.
    pub fn dicom_address(&self) -> SocketAddr {
        self.dicom
    }

    /// `GET` of its REST interface: status and body.
    ///
    /// # Errors
    /// It does not answer.
    pub fn get(&self, path: &str) -> io::Result<(u16, Vec<u8>)> {
        self.request("GET", path, &[])
    }

    /// `POST` to its REST interface: status and body.
    ///
    /// # Errors
    /// It does not answer.
    pub fn post(&self, path: &str, body: &[u8]) -> io::Result<(u16, Vec<u8>)> {
        self.request("POST", path, body)
    }

    /// HTTP/1.0, so that an answer ends with the connection.
    fn request(&self, method: &str, path: &str, body: &[u8]) -> io::Result<(u16, Vec<u8>)> {
        let mut stream = TcpStream::connect(self.http)?;
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )?;
        stream.write_all(body)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let odd = || io::Error::new(io::ErrorKind::InvalidData, "orthanc's answer is no HTTP");
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(odd)?;
        let head = String::from_utf8_lossy(&answer[..end]);
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(odd)?;
        Ok((status, answer.split_off(end + 4)))
    }
}

impl Drop for Orthanc {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _killed = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// A port that nobody listens on at the moment.
fn free_port() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}
