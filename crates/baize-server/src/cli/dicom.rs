//! `baize dicom`: asks the systems of the configuration, as hospital IT does when something is to be found out.

use std::process::ExitCode;

use anyhow::Context as _;
use baize_core::Language;
use baize_core::ports::{LinkLost, Retrieval};
use baize_dicom::scu::{Answer, Level, Query, Wanted};
use clap::{Args, Subcommand, ValueEnum};

use super::language::{self, pick};
use super::{ConfigurationFlags, say, sound};
use crate::config::Config;
use crate::wiring::{self, Peer};

/// Exit status when not everything was sent, or not everything was shown.
const EXIT_INCOMPLETE: u8 = 3;

/// `baize dicom`
#[derive(Debug, Args)]
pub(crate) struct Dicom {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Asks whether a system is there (C-ECHO).
    Echo(Echo),
    /// Searches an archive (C-FIND, Study Root).
    Find(Find),
    /// Searches a worklist (Modality Worklist C-FIND).
    Worklist(Worklist),
    /// Has an archive send something to us, or to another AE title that it knows (C-MOVE).
    Move(Move),
}

#[derive(Debug, Args)]
struct Common {
    #[command(flatten)]
    configuration: ConfigurationFlags,
    /// The name of a [[destinations]] or [[nodes]] entry.
    #[arg(long, value_name = "NAME")]
    node: String,
}

#[derive(Debug, Args)]
struct Echo {
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
struct Asked {
    /// Narrows the search, such as PatientID=4711, PatientName=王*, StudyDate=20260101-; KEY alone adds an attribute to
    /// the answers. Keywords, tags, and both within a sequence (ScheduledProcedureStepSequence.Modality=CT).
    #[arg(short = 'k', long = "key", value_name = "KEY[=VALUE]")]
    keys: Vec<String>,
    /// How many answers at most; the search is stopped there.
    #[arg(long, default_value_t = 200)]
    limit: usize,
    /// One answer per line in the DICOM JSON model.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Find {
    #[command(flatten)]
    common: Common,
    /// What an answer stands for. Series and images need the UIDs above them as keys.
    #[arg(long, default_value = "study")]
    level: FindLevel,
    #[command(flatten)]
    asked: Asked,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FindLevel {
    Study,
    Series,
    Image,
}

#[derive(Debug, Args)]
struct Worklist {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    asked: Asked,
}

#[derive(Debug, Args)]
struct Move {
    #[command(flatten)]
    common: Common,
    /// Study Instance UID.
    #[arg(long, value_name = "UID")]
    study: String,
    /// Series Instance UID; the whole study without it.
    #[arg(long, value_name = "UID")]
    series: Option<String>,
    /// SOP Instance UID; the whole series without it.
    #[arg(long, value_name = "UID", requires = "series")]
    sop: Option<String>,
    /// The AE title that shall get it, by default dimse.ae_title. The archive must know it with address and port.
    #[arg(long, value_name = "AE")]
    to: Option<String>,
}

impl Dicom {
    /// # Errors
    /// A name that is not configured, a key that does not exist, a system that does not answer.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let reader = language::of_operator();
        match self.verb {
            Verb::Echo(Echo { common }) => {
                let (_, peer) = common.open()?;
                runtime.block_on(peer.scu.echo())?;
                let there = pick(reader, "应答正常", "answers");
                say(&format!("{} ({}, {}) {there}", common.node, peer.address, peer.ae_title));
                Ok(ExitCode::SUCCESS)
            }
            Verb::Find(Find { common, level, asked }) => {
                let (_, peer) = common.open()?;
                let level = match level {
                    FindLevel::Study => Level::Study,
                    FindLevel::Series => Level::Series,
                    FindLevel::Image => Level::Image,
                };
                runtime.block_on(asked.search(&peer, level, reader))
            }
            Verb::Worklist(Worklist { common, asked }) => {
                let (_, peer) = common.open()?;
                runtime.block_on(asked.search(&peer, Level::Worklist, reader))
            }
            Verb::Move(arguments) => {
                let (config, peer) = arguments.common.open()?;
                runtime.block_on(arguments.retrieve(&config, &peer, reader))
            }
        }
    }
}

impl Common {
    fn open(&self) -> anyhow::Result<(Config, Peer)> {
        let config = sound(self.configuration.load()?)?;
        let peer = wiring::peer(&config, &self.node)?;
        Ok((config, peer))
    }
}

impl Asked {
    async fn search(&self, peer: &Peer, level: Level, reader: Language) -> anyhow::Result<ExitCode> {
        let mut query = Query::new(level, peer.charset);
        for key in &self.keys {
            let (name, value) = key.split_once('=').unwrap_or((key, ""));
            query = query.matching(name, value)?;
        }
        let show = |answer: Answer| match self.json {
            true => say(&serde_json::Value::Object(answer.json().clone()).to_string()),
            false => say(&line(level, &answer)),
        };
        let found = peer.scu.find(&query, self.limit, show).await?;
        if !self.json {
            say(&match reader {
                Language::Chinese => format!("共 {} 条", found.count),
                Language::English => format!("{} found", found.count),
            });
        }
        if found.cut_off {
            complain(&match reader {
                Language::Chinese => format!("还有更多结果：只显示前 {} 条，可用 --limit 调整", self.limit),
                Language::English => {
                    format!("there are more: only the first {} are shown, see --limit", self.limit)
                }
            });
        }
        if found.unreadable > 0 {
            complain(&match reader {
                Language::Chinese => format!("有 {} 条应答无法解析", found.unreadable),
                Language::English => format!("{} answers could not be read", found.unreadable),
            });
        }
        let whole = !found.cut_off && found.unreadable == 0;
        Ok(if whole { ExitCode::SUCCESS } else { ExitCode::from(EXIT_INCOMPLETE) })
    }
}

impl Move {
    async fn retrieve(&self, config: &Config, peer: &Peer, reader: Language) -> anyhow::Result<ExitCode> {
        let destination = self.to.as_deref().unwrap_or(&config.dimse.ae_title);
        let wanted = Wanted { study: self.study.clone(), series: self.series.clone(), sop: self.sop.clone() };
        let progress = |so_far: Retrieval| say(&counts(&so_far, reader));
        let moved = match peer.scu.retrieve(&wanted, destination, progress).await {
            Ok(moved) => moved,
            Err(LinkLost(why)) => return Err(anyhow::anyhow!(why)).with_context(|| self.common.node.clone()),
        };
        say(&counts(&moved, reader));
        for sop in &moved.failed_instances {
            complain(&format!("{} {sop}", pick(reader, "未能发送", "not sent")));
        }
        if let Some(comment) = &moved.comment {
            complain(comment);
        }
        if moved.is_complete() {
            return Ok(ExitCode::SUCCESS);
        }
        complain(&match reader {
            Language::Chinese => format!("未全部发送（状态 {:04X}）", moved.status),
            Language::English => format!("not everything was sent (status {:04X})", moved.status),
        });
        Ok(ExitCode::from(EXIT_INCOMPLETE))
    }
}

fn counts(so_far: &Retrieval, reader: Language) -> String {
    let Retrieval { remaining, failed, .. } = so_far;
    let sent = so_far.sent();
    match reader {
        Language::Chinese => format!("已发送 {sent}，失败 {failed}，剩余 {remaining}"),
        Language::English => format!("{sent} sent, {failed} failed, {remaining} to go"),
    }
}

/// One answer for a person, its most telling attributes in a fixed order.
fn line(level: Level, answer: &Answer) -> String {
    let of = |tag: &str| answer.texts(tag).join(",");
    let step = |tag: &str| answer.texts_within("00400100", tag).join(",");
    let fields: Vec<String> = match level {
        Level::Study => vec![
            of("00080020"),
            of("00080061"),
            of("00100020"),
            of("00100010"),
            of("00080050"),
            of("00081030"),
            of("00201208"),
            of("0020000D"),
        ],
        Level::Series => {
            vec![of("00080060"), of("00180015"), of("0008103E"), of("00201209"), of("0020000E")]
        }
        Level::Image => vec![of("00200013"), of("00080016"), of("00080018")],
        Level::Worklist => vec![
            step("00400002"),
            step("00400003"),
            step("00080060"),
            of("00401003"),
            of("00100020"),
            of("00100010"),
            of("00080050"),
            of("00321060"),
            of("0020000D"),
        ],
    };
    // An empty attribute keeps its place, so that columns can be cut out.
    fields.iter().map(|field| if field.is_empty() { "-" } else { field }).collect::<Vec<_>>().join("\t")
}

/// Writes what is no answer to standard error.
fn complain(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "baize: {line}");
}
