//! The sentences of the result objects, in Chinese and English.

use baize_core::{Fault, Finding, GateLook, Language, ModelRef, Outcome, Population, Report};

use super::envelope::Kind;

/// The product's name, as equipment and as observer.
pub(crate) const PRODUCT: &str = "Baize";

fn pick(language: Language, zh: &'static str, en: &'static str) -> &'static str {
    match language {
        Language::Chinese => zh,
        Language::English => en,
    }
}

/// What stands with every result.
pub(crate) fn notice(language: Language) -> &'static str {
    pick(
        language,
        "人工智能初步结果，未经核实。仅供科研使用；须由医师复核。",
        "Preliminary result of artificial intelligence, not verified. Research use only; a physician must review this.",
    )
}

/// Series Description, at most 64 characters.
pub(crate) fn series(kind: Kind, language: Language) -> &'static str {
    match kind {
        Kind::Report => pick(
            language,
            "白泽 AI 结构化报告（科研用，未核实）",
            "Baize AI report (research use, unverified)",
        ),
        Kind::KeyImage => pick(
            language,
            "白泽 AI 关键图像（科研用，未核实）",
            "Baize AI key image (research use, unverified)",
        ),
        Kind::Presentation => pick(
            language,
            "白泽 AI 标注（科研用，未核实）",
            "Baize AI annotations (research use, unverified)",
        ),
        Kind::Segmentation => pick(
            language,
            "白泽 AI 证据区域（科研用，未核实）",
            "Baize AI evidence regions (research use, unverified)",
        ),
        Kind::ParametricMap => pick(
            language,
            "白泽 AI 热力图（科研用，未核实）",
            "Baize AI heat maps (research use, unverified)",
        ),
        Kind::Selection => pick(
            language,
            "白泽 AI 结果清单（科研用，未核实）",
            "Baize AI result list (research use, unverified)",
        ),
    }
}

/// What Baize contributed.
pub(crate) fn contribution(model: Option<&ModelRef>, language: Language) -> String {
    let what = pick(language, "人工智能图像分析", "Image analysis by artificial intelligence");
    match model {
        Some(model) => format!("{what}: {model}"),
        None => what.to_owned(),
    }
}

/// How the key image came about.
pub(crate) fn derivation(model: Option<&ModelRef>, language: Language) -> String {
    let what = pick(
        language,
        "在源图像上叠加人工智能的热力图、标注框与文字，不可用于诊断",
        "Heat map, boxes and text of artificial intelligence drawn onto the source image; not for diagnosis",
    );
    match model {
        Some(model) => format!("{what}. {model}"),
        None => what.to_owned(),
    }
}

/// What the graphic layer holds.
pub(crate) fn layer(language: Language) -> &'static str {
    pick(language, "人工智能所见（未核实）", "Findings of artificial intelligence (unverified)")
}

/// Series Description of the segmentation of a volume, at most 64 characters.
pub(crate) fn structures(language: Language) -> &'static str {
    pick(language, "白泽 AI 分割（科研用，未核实）", "Baize AI segmentation (research use, unverified)")
}

/// How much of a structure there is, and what that is worth.
pub(crate) fn structure_note(millilitres: f64, language: Language) -> String {
    match language {
        Language::Chinese => {
            format!("体积 {millilitres:.2} mL。人工智能分割，未经核实，准确性尚未测定。仅供科研使用。")
        }
        Language::English => format!(
            "Volume {millilitres:.2} mL. Segmented by artificial intelligence; not verified, accuracy not measured. \
             Research use only."
        ),
    }
}

/// What the parametric map holds, at most 64 characters.
pub(crate) fn heat(language: Language) -> &'static str {
    pick(language, "人工智能热力图（未核实）", "Heat maps of artificial intelligence (unverified)")
}

/// The name of a region of evidence. It is not the name of the finding alone, which would read as its outline.
pub(crate) fn evidence(finding: &Finding, language: Language) -> String {
    let name = finding.code.meaning.get(language);
    match language {
        Language::Chinese => format!("AI 证据区域：{name}"),
        Language::English => format!("AI evidence region: {name}"),
    }
}

/// What a region of evidence is and what it is not.
pub(crate) fn evidence_note(language: Language) -> &'static str {
    pick(
        language,
        "该区域表示人工智能作出判断的主要依据所在，不是病灶轮廓，不可用于测量。未经核实，仅供科研使用。",
        "The part of the image that weighed most in the algorithm's answer. Not the outline of a lesion and not for \
         measuring. Not verified; research use only.",
    )
}

/// One finding on one line, as the presentation state shows it.
pub(crate) fn finding_line(finding: &Finding, population: &Population, language: Language) -> String {
    let verdict = match (finding.is_positive(), population) {
        (true, _) => pick(language, "阳性", "positive"),
        (false, Population::Validated) => pick(language, "阴性", "negative"),
        (false, Population::Outside(_)) => pick(language, "无法确定", "undetermined"),
    };
    let name = finding.code.meaning.get(language);
    let (probability, threshold) = (finding.probability, finding.threshold);
    match language {
        Language::Chinese => format!("AI {name}：概率 {probability:.3}，阈值 {threshold:.3}，{verdict}"),
        Language::English => {
            format!("AI {name}: probability {probability:.3}, threshold {threshold:.3}, {verdict}")
        }
    }
}

/// What a reader must know beside the findings: the notice, then whatever limits the result.
pub(crate) fn remarks(report: &Report, language: Language) -> Vec<String> {
    let mut remarks = vec![notice(language).to_owned()];
    if let Outcome::Analysed { population, caveats, .. } = &report.outcome {
        if let Population::Outside(note) = population {
            remarks.push(note.get(language).to_owned());
        }
        remarks.extend(caveats.iter().map(|caveat| caveat.get(language).to_owned()));
    }
    remarks.extend(report.gate.as_ref().map(|look| gate_line(look, language)));
    remarks
}

/// What the gate saw in the pixels.
fn gate_line(look: &GateLook, language: Language) -> String {
    let (gate, name, probability) = (&look.gate, look.name.get(language), look.probability);
    match language {
        Language::Chinese => format!("图像内容核对（{gate}）：{name}，概率 {probability:.3}"),
        Language::English => format!("Content check ({gate}): {name}, probability {probability:.3}"),
    }
}

/// All text that differs from result to result.
pub(crate) fn variable(report: &Report, language: Language) -> Vec<String> {
    let mut texts = remarks(report, language);
    match &report.outcome {
        Outcome::Analysed { findings, .. } => {
            texts.extend(findings.iter().map(|finding| finding.code.meaning.get(language).to_owned()));
        }
        Outcome::Refused(fault) | Outcome::Failed(fault) => texts.push(not_analysed(report, fault, language)),
    }
    texts
}

/// Why there is no finding, in words that cannot be taken for a negative result.
pub(crate) fn not_analysed(report: &Report, fault: &Fault, language: Language) -> String {
    let title = fault.code.title(language);
    let (code, message) = (fault.code, fault.told(language));
    let refused = matches!(report.outcome, Outcome::Refused(_));
    match language {
        Language::Chinese => {
            let what = if refused { "该图像未被分析" } else { "分析失败" };
            format!("{what}：{title}（{code}）。这不是阴性结果，不能据此排除任何病变。详情：{message}")
        }
        Language::English => {
            let what = if refused { "The image was not analysed" } else { "The analysis failed" };
            format!(
                "{what}: {title} ({code}). This is not a negative result and excludes nothing. Detail: {message}"
            )
        }
    }
}
