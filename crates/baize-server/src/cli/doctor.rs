//! `baize doctor`: what is there, and what keeps the server from starting.

use std::path::PathBuf;
use std::process::ExitCode;

use baize_core::Language;
use baize_core::ports::LinkLost;
use baize_models::{Catalog, Compute, gate};
use baize_triage::rules::Status;

use super::language::{self, pick};
use super::{EXIT_FAILURE, say};
use crate::config::{self, Config, Destination, WayTo};
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
        fusion(&config, reader),
        storage(&config, reader),
        dimse(&config, reader),
        hl7(&config, reader),
        mqtt(&config, reader),
        destinations(&config, reader),
        asked(&config, reader),
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
        for origin in &config.http.allowed_origins {
            say(&format!(
                "  {}: {origin}",
                pick(reader, "允许从浏览器访问的网页来源", "web pages that may call")
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

fn fusion(config: &Config, reader: Language) -> bool {
    let label = pick(reader, "影像与分诊联合规则", "imaging and triage rules");
    match wiring::fusion_rules(config) {
        Ok(rules) => {
            let place = match &config.fusion.rules {
                Some(path) => path.display().to_string(),
                None => pick(reader, "内置", "built in").to_owned(),
            };
            good(&format!("{label}: {} ({place}; [[rule]] {})", rules.name(), rules.rules().len()));
            if rules.status() != Status::Reviewed {
                say(pick(
                    reader,
                    "  这些规则尚待医院临床负责人审核",
                    "  these rules await review by the hospital's clinical lead",
                ));
            }
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

/// Where the HIS's messages come in, and how they are read.
fn hl7(config: &Config, reader: Language) -> bool {
    let hl7 = &config.hl7;
    let label = pick(reader, "HL7 接收端口", "HL7 port");
    let Some(bind) = hl7.bind else {
        say(pick(
            reader,
            "  未配置 hl7.bind：不接收 HIS 消息，检查不匹配申请单",
            "  there is no hl7.bind: the HIS tells us nothing, and studies have no orders",
        ));
        return true;
    };
    let tls = hl7.tls.as_ref().map(wiring::hl7_tls).transpose();
    let (profile, tls) = match wiring::hl7_profile(config).and_then(|profile| Ok((profile, tls?))) {
        Ok(ready) => ready,
        Err(error) => {
            bad(&format!("{label}: {error:#}"));
            return false;
        }
    };
    let tls = if tls.is_some() { ", TLS" } else { "" };
    good(&format!("{label}: {bind} ({}, {}{tls})", profile.name(), hl7.fallback_charset));
    for message_type in profile.message_types() {
        say(&format!("  {message_type}"));
    }
    say(&match reader {
        Language::Chinese => format!(
            "  消息保留 {} 天；按患者、设备类型和时间匹配：前后 {} 小时，时区 {}",
            hl7.keep_days, hl7.match_window_hours, hl7.utc_offset
        ),
        Language::English => format!(
            "  messages are kept for {} days; matching by patient, modality and time: within {} hours, local time is {}",
            hl7.keep_days, hl7.match_window_hours, hl7.utc_offset
        ),
    });
    if tls.is_empty() && !bind.ip().is_loopback() {
        say(pick(
            reader,
            "  未配置 [hl7.tls]：患者信息以明文传输",
            "  there is no [hl7.tls]: patient data comes in unencrypted",
        ));
    }
    for peer in &hl7.allowed_peers {
        say(&format!("  {}: {peer}", pick(reader, "允许的发送方", "may send")));
    }
    true
}

/// Where the readings of bedside devices come from; whether the broker answers shows in the log of the server.
fn mqtt(config: &Config, reader: Language) -> bool {
    if let Some(broker) = &config.mqtt.broker {
        let tls = if config.mqtt.ca_file.is_some() { ", TLS" } else { "" };
        let label = pick(reader, "MQTT 生命体征来源", "vital signs over MQTT");
        good(&format!("{label}: {broker} ({}{tls})", config.mqtt.topic));
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
        let ask = |one| (one, runtime.block_on(answer_of(config, one)));
        config.destinations.iter().map(ask).collect::<Vec<_>>()
    });
    let answers = match asked {
        Ok(answers) => answers,
        Err(error) => {
            bad(&format!("{label}: {error}"));
            return false;
        }
    };
    let mut sound = true;
    for (destination, answer) in answers {
        let name = &destination.name;
        let tls = if destination.tls.is_some() { ", TLS" } else { "" };
        let way = destination.way();
        let gets = match way.takes_messages() {
            true => wiring::tells(destination).join(", "),
            false => destination.objects.join(", "),
        };
        let address = match way {
            WayTo::Stow(url) => url.to_owned(),
            WayTo::Dimse => format!("{}, {}{tls}", destination.address, destination.ae_title),
            WayTo::Hl7(hl7) => format!("HL7 v2, {}, {}{tls}", hl7.address, hl7.charset),
            WayTo::Webhook(webhook) => format!("webhook, {}", webhook.url),
            WayTo::Fhir(fhir) => format!("FHIR R4, {}", fhir.url),
        };
        match answer {
            Ok(Ok(())) => good(&format!("{label}: {name} ({address}; {gets})")),
            Err(mistake) => {
                bad(&format!("{label}: {mistake:#}"));
                sound = false;
            }
            Ok(Err(lost)) => {
                let mute = pick(reader, "没有应答，结果将等待重发", "does not answer, its results will wait");
                bad(&format!("{label}: {name} ({address}) {mute}: {lost}"));
            }
        }
    }
    sound
}

/// Asks a destination by the way that its results take.
///
/// # Errors
/// A setting that does not hold, as against a system that does not answer.
async fn answer_of(config: &Config, destination: &Destination) -> anyhow::Result<Result<(), LinkLost>> {
    Ok(match destination.way() {
        WayTo::Stow(url) => wiring::stow(destination, url)?.probe().await,
        WayTo::Dimse => wiring::scu(config, destination)?.echo().await,
        // Neither has a question that is no message: that somebody listens is all that can be asked.
        WayTo::Hl7(hl7) => wiring::mllp(destination, hl7)?.probe().await.map_err(LinkLost),
        WayTo::Webhook(webhook) => wiring::webhook(destination, webhook)?.probe().await,
        WayTo::Fhir(fhir) => wiring::fhir_client(destination, fhir)?.probe().await,
    })
}

/// Asks the systems that get no results, and says what is asked of whom. One that does not answer is no reason for the
/// server not to start.
fn asked(config: &Config, reader: Language) -> bool {
    let label = pick(reader, "节点", "node");
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            bad(&format!("{label}: {error}"));
            return false;
        }
    };
    let mut sound = true;
    for node in &config.nodes {
        let place = format!("{label}: {} ({}, {})", node.name, node.address, node.ae_title);
        match wiring::peer(config, &node.name).map(|peer| runtime.block_on(peer.scu.echo())) {
            Ok(Ok(())) => good(&place),
            Ok(Err(lost)) => bad(&format!("{place} {}: {lost}", pick(reader, "没有应答", "does not answer"))),
            Err(error) => {
                bad(&format!("{place}: {error:#}"));
                sound = false;
            }
        }
    }
    if config.priors.from.is_empty() {
        say(pick(
            reader,
            "  未配置既往检查来源：不调取既往检查",
            "  no archive is asked for earlier studies",
        ));
    } else {
        let names = config.priors.from.join(", ");
        good(&format!("{}: {names}", pick(reader, "既往检查来源", "earlier studies from")));
    }
    if let Some(name) = &config.worklist.node {
        good(&format!("{}: {name}", pick(reader, "检查工作列表", "worklist")));
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
