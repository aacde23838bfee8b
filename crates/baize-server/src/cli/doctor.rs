//! `baize doctor`: what is there, and what keeps the server from starting.

use std::path::PathBuf;
use std::process::ExitCode;

use baize_core::Language;
use baize_models::{Catalog, Compute};
use baize_triage::rules::Status;

use super::language::{self, pick};
use super::{EXIT_FAILURE, say};
use crate::config::{self, Config};
use crate::wiring;

/// Prints one line per thing looked at; fails when the server would not start.
pub(crate) fn run(loaded: anyhow::Result<Config>) -> anyhow::Result<ExitCode> {
    let reader = language::of_operator();
    say(&format!("baize {}", wiring::VERSION));
    let config = match loaded {
        Ok(config) => config,
        Err(error) => {
            bad(&format!("{}: {error:#}", pick(reader, "配置", "configuration")));
            return Ok(ExitCode::from(EXIT_FAILURE));
        }
    };
    let healthy = [
        configuration(&config, reader),
        device(&config, reader),
        models(&config, reader),
        triage(&config, reader),
        storage(&config, reader),
        dimse(&config, reader),
        destinations(&config, reader),
    ];
    Ok(if healthy.into_iter().all(|sound| sound) { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FAILURE) })
}

fn good(line: &str) {
    say(&format!("✓ {line}"));
}

fn bad(line: &str) {
    say(&format!("✗ {line}"));
}

fn configuration(config: &Config, reader: Language) -> bool {
    let problems = config::problems(config);
    for problem in &problems {
        bad(problem);
    }
    if problems.is_empty() {
        good(pick(reader, "配置有效", "the configuration is sound"));
        if config.auth.api_keys.is_empty() && config.auth.jwt.is_none() {
            say(pick(
                reader,
                "  未配置身份验证：仅本机可访问",
                "  no authentication is configured: only this machine can reach the server",
            ));
        }
        if config.dimse.allowed_calling_aes.is_empty() && !config.dimse.allow_any_calling_ae {
            say(pick(
                reader,
                "  dimse.allowed_calling_aes 为空：所有 C-STORE 连接都会被拒绝",
                "  dimse.allowed_calling_aes is empty: every DICOM association will be rejected",
            ));
        }
    }
    problems.is_empty()
}

fn device(config: &Config, reader: Language) -> bool {
    let chosen = config.engine.compute.parse::<Compute>().and_then(|compute| compute.resolve());
    match chosen {
        Ok(device) => {
            good(&format!("{}: {device}", pick(reader, "计算设备", "computing device")));
            true
        }
        Err(error) => {
            bad(&format!("engine.compute: {error}"));
            false
        }
    }
}

fn models(config: &Config, reader: Language) -> bool {
    let enabled =
        Catalog::open(&config.models.weights_dir).map_err(anyhow::Error::from).and_then(|catalog| {
            let entries = wiring::enabled_models(&catalog, &config.models.enabled)?;
            Ok(entries.iter().map(|entry| entry.manifest.model().to_string()).collect::<Vec<_>>())
        });
    match enabled {
        Ok(models) => {
            for model in models {
                good(&format!("{}: {model}", pick(reader, "模型", "model")));
            }
            true
        }
        Err(error) => {
            bad(&format!("{}: {error:#}", pick(reader, "模型", "models")));
            false
        }
    }
}

fn triage(config: &Config, reader: Language) -> bool {
    let label = pick(reader, "分诊", "triage");
    let ready = wiring::triage(config).and_then(|triage| Ok((triage, wiring::triage_model_folder(config)?)));
    let (triage, model) = match ready {
        Ok(ready) => ready,
        Err(error) => {
            bad(&format!("{label}: {error:#}"));
            return false;
        }
    };
    let place = |folder: &Option<PathBuf>| match folder {
        Some(folder) => folder.display().to_string(),
        None => pick(reader, "内置", "built in").to_owned(),
    };
    let headers = triage.rules().headers();
    let unreviewed = headers.iter().filter(|header| header.status != Status::Reviewed).count();
    good(&format!("{}: {}", pick(reader, "分诊规则", "triage rules"), place(&config.triage.rules_dir)));
    if unreviewed > 0 {
        say(&match reader {
            Language::Chinese => format!("  {} 个规则文件中有 {unreviewed} 个尚未经临床审核", headers.len()),
            Language::English => {
                format!("  {unreviewed} of {} rule files await clinical review", headers.len())
            }
        });
    }
    good(&format!("{}: {}", pick(reader, "分诊词库", "triage lexicon"), place(&config.triage.lexicon_dir)));
    match model {
        Some(folder) => {
            good(&format!("{}: {}", pick(reader, "分诊模型", "triage model"), folder.display()));
        }
        None => say(pick(
            reader,
            "  没有分级模型：仅按规则分级，且不低于谨慎级别",
            "  no acuity model: levelled by the rules alone, and never calmer than the cautious level",
        )),
    }
    true
}

/// Where images come in, and who may send them.
fn dimse(config: &Config, reader: Language) -> bool {
    let dimse = &config.dimse;
    let label = pick(reader, "DICOM 接收端口", "DICOM port");
    good(&format!("{label}: {} (AE {})", dimse.bind, dimse.ae_title));
    let limits = [
        (dimse.associations_per_minute, pick(reader, "次连接/分钟", "associations a minute")),
        (dimse.objects_per_second, pick(reader, "个对象/秒", "objects a second")),
    ];
    for (most, unit) in limits.into_iter().filter(|(most, _)| *most > 0) {
        let each = pick(reader, "每台设备限", "limit for each peer");
        say(&format!("  {each}: {most} {unit}"));
    }
    let Some(tls) = &dimse.tls else {
        say(pick(
            reader,
            "  未配置 [dimse.tls]：DICOM 传输不加密",
            "  there is no [dimse.tls]: images come in unencrypted",
        ));
        return true;
    };
    let label = pick(reader, "DICOM TLS 接收端口", "DICOM port for TLS");
    match wiring::dimse_tls(tls) {
        Ok(_) => {
            let who = match tls.client_ca {
                Some(_) => pick(reader, "须出示客户端证书", "peers must show a certificate"),
                None => pick(reader, "不要求客户端证书", "peers need no certificate"),
            };
            good(&format!("{label}: {} ({who})", tls.bind));
            true
        }
        Err(error) => {
            bad(&format!("{label}: {error:#}"));
            false
        }
    }
}

/// Asks every destination by C-ECHO. One that does not answer is shown, but is no reason for the server not to start:
/// its results wait.
fn destinations(config: &Config, reader: Language) -> bool {
    let label = pick(reader, "结果接收方", "destination");
    if config.destinations.is_empty() {
        say(pick(
            reader,
            "  未配置结果接收方：结果不会发往其他系统",
            "  no destination is configured: results go nowhere else",
        ));
        return true;
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            bad(&format!("{label}: {error}"));
            return false;
        }
    };
    let mut sound = true;
    for destination in &config.destinations {
        let (name, address) = (&destination.name, &destination.address);
        let scu = match wiring::scu(config, destination) {
            Ok(scu) => scu,
            Err(error) => {
                bad(&format!("{label}: {error:#}"));
                sound = false;
                continue;
            }
        };
        match runtime.block_on(scu.echo()) {
            Ok(()) => {
                let tls = if destination.tls.is_some() { ", TLS" } else { "" };
                let objects = destination.objects.join(", ");
                good(&format!("{label}: {name} ({address}, {}{tls}; {objects})", destination.ae_title));
            }
            Err(lost) => {
                let mute = pick(reader, "没有应答，结果将等待重发", "does not answer, its results will wait");
                bad(&format!("{label}: {name} ({address}) {mute}: {lost}"));
            }
        }
    }
    sound
}

fn storage(config: &Config, reader: Language) -> bool {
    let folder = &config.storage.data_dir;
    let label = pick(reader, "数据目录", "data folder");
    let probe = std::fs::create_dir_all(folder).and_then(|()| tempfile::NamedTempFile::new_in(folder));
    match probe {
        Ok(_) => {
            good(&format!("{label}: {}", folder.display()));
            true
        }
        Err(error) => {
            bad(&format!("{label} {}: {error}", folder.display()));
            false
        }
    }
}
