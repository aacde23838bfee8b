//! `baize doctor`: what is there, and what keeps the server from starting.

use std::path::PathBuf;
use std::process::ExitCode;

use baize_core::Language;
use baize_models::{Catalog, Compute, gate};
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
        routing(&config, reader),
        triage(&config, reader),
        storage(&config, reader),
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

/// The gate and the routing rules, against the models that would run.
fn routing(config: &Config, reader: Language) -> bool {
    let label = pick(reader, "路由规则", "routing rules");
    let looked = Catalog::open(&config.models.weights_dir).map_err(anyhow::Error::from).and_then(|catalog| {
        let guidance = wiring::guidance(config, &config.models.weights_dir)?;
        let entries = wiring::enabled_models(&catalog, &config.models.enabled)?;
        let manifests: Vec<_> = entries.iter().map(|entry| entry.manifest.clone()).collect();
        if let Some(problem) = guidance.problem(&manifests) {
            anyhow::bail!(problem);
        }
        Ok((guidance, gate::newest(&config.models.weights_dir)?))
    });
    match looked {
        Ok((guidance, gate)) => {
            if let Some(gate) = gate {
                good(&format!("{}: {}", pick(reader, "图像内容核对", "gate"), gate.model()));
            }
            let (routes, urgency) = guidance.rules.len();
            let place = match &config.routing.rules {
                Some(path) => path.display().to_string(),
                None => pick(reader, "内置", "built in").to_owned(),
            };
            good(&format!("{label}: {place} ([[route]] {routes}, [[urgency]] {urgency})"));
            true
        }
        Err(error) => {
            bad(&format!("{label}: {error:#}"));
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
    let asked = tokio::runtime::Builder::new_current_thread().enable_all().build().map(|runtime| {
        let echo = |destination| wiring::scu(config, destination);
        config.destinations.iter().map(|one| (one, runtime.block_on(echo(one).echo()))).collect::<Vec<_>>()
    });
    let answers = match asked {
        Ok(answers) => answers,
        Err(error) => {
            bad(&format!("{label}: {error}"));
            return false;
        }
    };
    for (destination, answer) in answers {
        let (name, address) = (&destination.name, &destination.address);
        match answer {
            Ok(()) => good(&format!("{label}: {name} ({address}, {})", destination.ae_title)),
            Err(lost) => {
                let mute = pick(reader, "没有应答，结果将等待重发", "does not answer, its results will wait");
                bad(&format!("{label}: {name} ({address}) {mute}: {lost}"));
            }
        }
    }
    true
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
