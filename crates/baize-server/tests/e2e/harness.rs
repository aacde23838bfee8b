//! Starts the real binary on ports that the system chooses, and speaks to it as a client would.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde_json::Value;

/// How long anything may take before a test gives up; generous, since CI machines are slow.
const PATIENCE: Duration = Duration::from_secs(120);

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The repository's weights, the imaging models without their gate: the drawn objects of most tests are not chest
/// radiographs, and the gate knows.
pub(crate) fn ungated() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("ungated-{}", std::process::id()));
        let mut waiting = vec![(root().join("weights"), folder.clone())];
        while let Some((from, to)) = waiting.pop() {
            std::fs::create_dir_all(&to).unwrap();
            for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
                let target = to.join(entry.file_name());
                match (entry.file_name().to_str(), entry.path().is_dir()) {
                    (Some("gate"), true) => {}
                    (_, true) => waiting.push((entry.path(), target)),
                    (Some("manifest.toml"), false) => {
                        let text = std::fs::read_to_string(entry.path()).unwrap();
                        let kept = text.lines().filter(|line| !line.starts_with("content ="));
                        std::fs::write(target, kept.collect::<Vec<_>>().join("\n")).unwrap();
                    }
                    (_, false) => drop(std::fs::copy(entry.path(), target).unwrap()),
                }
            }
        }
        folder
    })
}

/// The binary under test with the repository's weights, but for the gate.
pub(crate) fn baize() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_baize"));
    command.env("BAIZE__MODELS__WEIGHTS_DIR", ungated());
    // Most drawn objects say nothing of age and view; what becomes of them otherwise has tests of its own.
    command.env("BAIZE__ENGINE__RESEARCH_MODE", "true");
    command.env_remove("LC_ALL").env_remove("LC_MESSAGES").env("LANG", "C");
    command
}

/// A client that speaks HTTP. The TLS of its library is that of the whole workspace, which names no provider of
/// cryptography: the process has to.
pub(crate) fn client() -> Client {
    // Fails where there is one already, which is as good.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    Client::new()
}

/// A running server.
pub(crate) struct Server {
    child: Child,
    pub(crate) http: String,
    pub(crate) metrics: String,
    pub(crate) dicom_port: u16,
    /// Where there is a port for the HIS.
    pub(crate) hl7_port: Option<u16>,
    pub(crate) key: String,
    client: Client,
    log: Arc<Mutex<Vec<String>>>,
    log_lines: Mutex<Receiver<String>>,
}

impl Server {
    /// Starts on `data` and waits until it is ready.
    pub(crate) async fn start(data: &Path, settings: &[&str]) -> Self {
        let mut command = baize();
        command.args(["serve", "--one-time-key"]);
        let data_dir = format!("storage.data_dir={}", data.display());
        let fixed = [
            data_dir.as_str(),
            "http.bind=127.0.0.1:0",
            "http.metrics_bind=127.0.0.1:0",
            "dimse.bind=127.0.0.1:0",
            "dimse.allow_any_calling_ae=true",
            "log.filter=info,baize_engine=debug,baize_dicom=debug,baize_http=debug",
        ];
        for setting in fixed.iter().chain(settings) {
            command.args(["--set", setting]);
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let (sender, log_lines) = mpsc::channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let kept = Arc::clone(&log);
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                kept.lock().unwrap().push(line.clone());
                let _ = sender.send(line);
            }
        });
        let mut addresses = std::collections::HashMap::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let ports = 4 + usize::from(settings.iter().any(|setting| setting.starts_with("hl7.bind=")));
        while addresses.len() < ports {
            let Some(Ok(line)) = stdout.next() else {
                panic!("the server ended before it listened:\n{}", log.lock().unwrap().join("\n"));
            };
            let (name, value) = line.split_once([' ', ':']).unwrap();
            addresses.insert(name.to_owned(), value.trim_start_matches("key:").trim().to_owned());
        }
        // What it prints later must not fill the pipe.
        thread::spawn(move || stdout.for_each(drop));
        let dicom = addresses["dicom"].split(' ').next().unwrap();
        let hl7 = addresses.get("hl7").and_then(|text| text.split(' ').next()?.rsplit(':').next());
        let server = Self {
            child,
            http: addresses["http"].clone(),
            metrics: addresses["metrics"].clone(),
            dicom_port: dicom.rsplit(':').next().unwrap().parse().unwrap(),
            hl7_port: hl7.map(|port| port.parse().unwrap()),
            key: addresses.iter().find(|(name, _)| name.starts_with("one-time")).unwrap().1.clone(),
            client: client(),
            log,
            log_lines: Mutex::new(log_lines),
        };
        server.until("ready", async || server.get("/health/ready").await.0 == StatusCode::OK).await;
        server
    }

    /// Asks again and again until it is so.
    pub(crate) async fn until(&self, what: &str, mut so: impl AsyncFnMut() -> bool) {
        let tries = PATIENCE.as_millis() / 50;
        for _ in 0..tries {
            if so().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("not {what} within {PATIENCE:?}; log:\n{}", self.log().join("\n"));
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Value) {
        let request = self.client.get(format!("{}{path}", self.http)).bearer_auth(&self.key);
        match request.send().await {
            Ok(answer) => {
                let status = answer.status();
                (status, answer.json().await.unwrap_or(Value::Null))
            }
            Err(_) => (StatusCode::BAD_GATEWAY, Value::Null),
        }
    }

    /// Sends JSON, or what should have been; an error where the server went away.
    pub(crate) async fn post(
        &self,
        path: &str,
        json: impl Into<reqwest::Body>,
    ) -> reqwest::Result<(StatusCode, Value)> {
        let request = self.client.post(format!("{}{path}", self.http)).bearer_auth(&self.key);
        let answer = request.header("content-type", "application/json").body(json).send().await?;
        let status = answer.status();
        Ok((status, answer.json().await.unwrap_or(Value::Null)))
    }

    pub(crate) async fn get_bytes(&self, path: &str) -> (StatusCode, Vec<u8>) {
        let answer =
            self.client.get(format!("{}{path}", self.http)).bearer_auth(&self.key).send().await.unwrap();
        (answer.status(), answer.bytes().await.unwrap().to_vec())
    }

    /// An object over WADO-RS.
    pub(crate) async fn dicom_object(&self, path: &str) -> Vec<u8> {
        let request = self.client.get(format!("{}{path}", self.http)).bearer_auth(&self.key);
        let answer = request.header("accept", "application/dicom").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.bytes().await.unwrap().to_vec()
    }

    /// STOW-RS of some objects; an error where the server went away.
    pub(crate) async fn stow<T: AsRef<[u8]>>(&self, objects: &[T]) -> reqwest::Result<(StatusCode, Value)> {
        let boundary = "baize-test-boundary";
        let mut body = Vec::new();
        for object in objects {
            body.extend_from_slice(
                format!("--{boundary}\r\nContent-Type: application/dicom\r\n\r\n").as_bytes(),
            );
            body.extend_from_slice(object.as_ref());
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        let answer = self
            .client
            .post(format!("{}/dicomweb/studies", self.http))
            .bearer_auth(&self.key)
            .header(
                "content-type",
                format!("multipart/related; type=\"application/dicom\"; boundary={boundary}"),
            )
            .body(body)
            .send()
            .await?;
        let status = answer.status();
        Ok((status, answer.json().await.unwrap_or(Value::Null)))
    }

    pub(crate) async fn infer(&self, object: impl Into<reqwest::Body>) -> (StatusCode, Value) {
        let answer = self
            .client
            .post(format!("{}/v1/infer", self.http))
            .bearer_auth(&self.key)
            .header("content-type", "application/dicom")
            .body(object)
            .send()
            .await
            .unwrap();
        let status = answer.status();
        (status, answer.json().await.unwrap_or(Value::Null))
    }

    /// The results of a study once none is pending.
    pub(crate) async fn results(&self, study: &str) -> Vec<Value> {
        let found = Mutex::new(Vec::new());
        self.until("finished", async || {
            let (status, body) = self.get(&format!("/v1/studies/{study}/findings")).await;
            let instances = body["instances"].as_array().cloned().unwrap_or_default();
            let of_instance = |instance: &Value| instance["results"].as_array().cloned().unwrap_or_default();
            let results: Vec<Value> = instances.iter().flat_map(of_instance).collect();
            let finished = status == StatusCode::OK
                && !results.is_empty()
                && results.iter().all(|result| result["status"] != "pending");
            *found.lock().unwrap() = results;
            finished
        })
        .await;
        found.into_inner().unwrap()
    }

    /// All log lines so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// Forgets the log lines that nobody waited for.
    pub(crate) fn skip_log(&self) {
        let lines = self.log_lines.lock().unwrap();
        while lines.try_recv().is_ok() {}
    }

    /// Blocks until a log line holds the text; `false` where none came in time.
    pub(crate) fn saw(&self, text: &str, wait: Duration) -> bool {
        let lines = self.log_lines.lock().unwrap();
        while let Ok(line) = lines.recv_timeout(wait) {
            if line.contains(text) {
                return true;
            }
        }
        false
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL, through a shared reference, since senders may still hold the server.
    pub(crate) fn kill_now(&self) {
        let status = Command::new("kill").args(["-KILL", &self.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// SIGTERM, then waits for the end.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        self.child.wait().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
