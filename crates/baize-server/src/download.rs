//! Fetches a large file: with a progress bar, going on where an earlier attempt ended.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use futures_util::StreamExt as _;
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::header::{CONTENT_RANGE, ETAG, HeaderMap, IF_RANGE, RANGE};
use reqwest::{Client, Response, StatusCode};
use tokio::fs::{self, OpenOptions};
use tokio::io::AsyncWriteExt as _;

/// How often a broken transfer goes on by itself.
const ATTEMPTS: usize = 5;
const PAUSE: Duration = Duration::from_secs(2);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// How long the other side may say nothing.
const SILENCE: Duration = Duration::from_secs(60);

/// Fetches `url` to `target`, whose folder is made. What has come so far lies beside it as `.part`, together with the
/// version that the server gave it (`.etag`): a later call goes on there, and begins anew if the file has changed.
///
/// # Errors
/// No way to the server, an answer that is no file, a disk that refuses. What has come stays.
pub(crate) async fn fetch(url: &str, target: &Path) -> anyhow::Result<()> {
    // The TLS library asks for its cryptography once for each process; another part may have answered already.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(SILENCE).build()?;
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder).await.with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let part = Part::beside(target);
    let bar = bar();
    let mut attempt = 1;
    loop {
        match go_on(&client, url, &part, &bar).await {
            Ok(()) => break,
            // Nothing has come: no server, no such file, no disk. Trying again at once would not help.
            Err(error) if attempt == ATTEMPTS || part.length().await == 0 => return Err(error),
            Err(error) => tracing::warn!(attempt, error = format!("{error:#}"), "transfer broken, going on"),
        }
        attempt += 1;
        tokio::time::sleep(PAUSE).await;
    }
    bar.finish_and_clear();
    fs::rename(&part.data, target).await.with_context(|| format!("cannot write {}", target.display()))?;
    let _none = fs::remove_file(&part.etag).await;
    Ok(())
}

/// A file that is on its way.
struct Part {
    data: PathBuf,
    etag: PathBuf,
}

impl Part {
    fn beside(target: &Path) -> Self {
        let with = |ending: &str| {
            let mut name = target.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        };
        Self { data: with(".part"), etag: with(".part.etag") }
    }

    async fn length(&self) -> u64 {
        fs::metadata(&self.data).await.map_or(0, |data| data.len())
    }

    /// Where to go on, with the version of what is here; `None` where it is not known and the whole file is needed.
    async fn start(&self) -> Option<(u64, String)> {
        let etag = fs::read_to_string(&self.etag).await.ok()?;
        let length = self.length().await;
        (length > 0).then_some((length, etag))
    }
}

async fn go_on(client: &Client, url: &str, part: &Part, bar: &ProgressBar) -> anyhow::Result<()> {
    let mut request = client.get(url);
    let start = part.start().await;
    if let Some((length, etag)) = &start {
        request = request.header(RANGE, format!("bytes={length}-")).header(IF_RANGE, etag);
    }
    let response = request.send().await.with_context(|| format!("no answer from {url}"))?;
    let status = response.status();
    ensure!(status.is_success(), "{url} answers {status}");
    let begins_at = match (status, &start) {
        (StatusCode::PARTIAL_CONTENT, Some((length, _))) => *length,
        _ => 0,
    };
    let whole = whole_length(&response, begins_at);
    let mut file = OpenOptions::new()
        .create(true)
        .write(true)
        .append(begins_at > 0)
        .truncate(begins_at == 0)
        .open(&part.data)
        .await
        .with_context(|| format!("cannot write {}", part.data.display()))?;
    // Written first, as bytes without their version are useless; weak versions don't identify bytes (RFC 9110 8.8.3).
    match response.headers().get(ETAG).and_then(|etag| etag.to_str().ok()) {
        Some(etag) if !etag.starts_with("W/") => fs::write(&part.etag, etag).await?,
        _ => {
            let _none = fs::remove_file(&part.etag).await;
        }
    }
    bar.set_length(whole.unwrap_or(0));
    bar.set_position(begins_at);
    let mut body = response.bytes_stream();
    while let Some(piece) = body.next().await {
        let piece = piece.context("the connection broke off")?;
        file.write_all(&piece).await.with_context(|| format!("cannot write {}", part.data.display()))?;
        bar.inc(piece.len() as u64);
    }
    file.sync_all().await?;
    let length = part.length().await;
    ensure!(whole.is_none_or(|whole| whole == length), "{length} of {} bytes came", whole.unwrap_or(0));
    Ok(())
}

/// How long the whole file is, as the server says.
fn whole_length(response: &Response, begins_at: u64) -> Option<u64> {
    let of_range =
        |headers: &HeaderMap| headers.get(CONTENT_RANGE)?.to_str().ok()?.rsplit('/').next()?.parse().ok();
    of_range(response.headers()).or_else(|| response.content_length().map(|rest| rest + begins_at))
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    if let Ok(style) =
        ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {bytes_per_sec} [{elapsed}, {eta} left]")
    {
        bar.set_style(style);
    }
    bar
}
