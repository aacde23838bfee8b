//! What images told a visit: kept with the visit, shown to the nurse.

use baize_core::{Finding, Lane, ModelRef, Report, StudyUid, Text, Timestamp};
use baize_fusion::{Judgement, Verdict};
use baize_triage::rules::{Effect, FiredRule, FiredValue};
use baize_triage::{LevelCn, Vital, Words};
use serde::{Deserialize, Serialize};

/// What a piece of evidence means for the visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceKind {
    /// A rule asks for a level because of it. A nurse is to acknowledge it.
    Raise,
    /// A rule would ask for a level if a sign that nobody has measured were beyond its limit.
    Measure,
    /// The patient is none of those on whom the model was validated: the finding raises nothing.
    OutsidePopulation,
    /// The images of the study could not be read. Says nothing about the patient.
    NotRead,
    /// A person has parted study and order: what the study told may be of another patient. The level stays until somebody
    /// decides.
    Parted,
}

impl EvidenceKind {
    /// The stable name used in JSON and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raise => "raise",
            Self::Measure => "measure",
            Self::OutsidePopulation => "outside_population",
            Self::NotRead => "not_read",
            Self::Parted => "parted",
        }
    }
}

/// A finding as the model's version saw it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeenFinding {
    /// Coding Scheme Designator.
    pub scheme: String,
    /// Code Value.
    pub value: String,
    /// For people.
    pub name: Words,
    /// Calibrated, 0 to 1.
    pub probability: f32,
    /// The cut of the model's version.
    pub threshold: f32,
    /// Its critical cut, where it has one.
    pub critical: Option<f32>,
}

/// What an image told a visit. Holds patient data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImagingEvidence {
    /// The step of the visit that it came with.
    pub sequence: u32,
    /// When it came to the visit.
    #[serde(with = "super::visit::micros")]
    pub at: Timestamp,
    /// What it means.
    pub kind: EvidenceKind,
    /// The rule that speaks; `None` for images that could not be read.
    pub rule: Option<String>,
    /// Name and version of the rules.
    pub rules: String,
    /// The four-level category that the rule asks for; only of a [`EvidenceKind::Raise`].
    pub level_cn: Option<LevelCn>,
    /// What the nurse reads.
    pub text: Words,
    /// What to look at next.
    pub check: Words,
    /// Where the rule comes from; empty without a rule.
    pub source: String,
    /// Study Instance UID.
    pub study: String,
    /// SOP Instance UID of the image; `None` where it is about the whole study.
    pub sop: Option<String>,
    /// The model.
    pub model: Option<SeenModel>,
    /// What it found.
    pub finding: Option<SeenFinding>,
    /// What limits the reading.
    pub caveats: Vec<Words>,
    /// The lane of the encounter's other studies from then on: `urgent` or `stat`.
    pub others: Option<String>,
}

/// A model in its version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenModel {
    /// The model.
    pub id: String,
    /// Its version.
    pub version: String,
}

impl ImagingEvidence {
    /// What the rules said of a finding of a report. Its place in the visit is filled in with the step.
    pub(crate) fn of_judgement(
        judgement: &Judgement<'_>,
        report: &Report,
        caveats: &[Text],
        rules: String,
    ) -> Self {
        let Judgement { rule, finding, verdict } = judgement;
        let said = rule.text_of(finding);
        let (kind, level_cn, text) = match verdict {
            Verdict::Raise => (EvidenceKind::Raise, Some(rule.level), said),
            Verdict::Measure(signs) => (EvidenceKind::Measure, None, to_measure(finding, signs)),
            Verdict::OutsidePopulation(why) => (EvidenceKind::OutsidePopulation, None, outside(finding, why)),
        };
        Self {
            sequence: 0,
            at: Timestamp::from_micros(0),
            kind,
            rule: Some(rule.id.clone()),
            rules,
            level_cn,
            text,
            check: rule.check.clone(),
            source: rule.source.clone(),
            study: report.instance.study.to_string(),
            sop: Some(report.instance.sop.to_string()),
            model: report.model.as_ref().map(SeenModel::of),
            finding: Some(SeenFinding::of(finding)),
            caveats: caveats.iter().map(words).collect(),
            others: rule.others.filter(|_| kind == EvidenceKind::Raise).map(|lane| lane.as_str().to_owned()),
        }
    }

    /// None of a study's images could be read.
    pub(crate) fn not_read(study: &StudyUid, rules: String) -> Self {
        let text = Words::new(
            "该检查的影像未能由模型判读：这不等于“未见异常”",
            "no model could read the images of this study: that is not \"no finding\"",
        );
        let check = Words::new("请医师直接看片", "have a physician look at the images");
        Self::of_study(EvidenceKind::NotRead, study, rules, text, check)
    }

    /// The study belongs to the visit's encounter no more.
    pub(crate) fn parted(study: &StudyUid, rules: String) -> Self {
        let text = Words::new(
            "该检查与申请单的匹配已由人工撤销，此前的影像提示可能属于其他患者；分级不会自动下调",
            "the match of this study with its order was undone: what it told may be of another patient; the level is not \
             lowered by itself",
        );
        let check = Words::new(
            "请核对患者身份，需要时由医护人员重新定级",
            "check whose images these are; a nurse or physician decides on the level anew where needed",
        );
        Self::of_study(EvidenceKind::Parted, study, rules, text, check)
    }

    fn of_study(kind: EvidenceKind, study: &StudyUid, rules: String, text: Words, check: Words) -> Self {
        Self {
            sequence: 0,
            at: Timestamp::from_micros(0),
            kind,
            rule: None,
            rules,
            level_cn: None,
            text,
            check,
            source: String::new(),
            study: study.to_string(),
            sop: None,
            model: None,
            finding: None,
            caveats: Vec::new(),
            others: None,
        }
    }

    /// Whether both say the same of the same: a study is told about a finding of a model's version by a rule once,
    /// however many of its images show it and however often it is looked at.
    pub(crate) fn repeats(&self, other: &Self) -> bool {
        let code = |one: &Self| one.finding.as_ref().map(|found| (found.scheme.clone(), found.value.clone()));
        self.kind == other.kind
            && self.study == other.study
            && self.model == other.model
            && self.rule == other.rule
            && code(self) == code(other)
    }

    /// The lane of the encounter's other studies.
    pub fn lane(&self) -> Option<Lane> {
        self.others.as_ref().and_then(|lane| lane.parse().ok())
    }

    /// As a rule that fired, for the assessment.
    pub(crate) fn fired(&self) -> Option<FiredRule> {
        Some(FiredRule {
            id: self.rule.clone()?,
            level: self.level_cn?,
            effect: Effect::Raise,
            field: "imaging".to_owned(),
            value: FiredValue::Number(f64::from(self.finding.as_ref()?.probability)),
            text: self.text.clone(),
            source: self.source.clone(),
        })
    }
}

impl SeenModel {
    fn of(model: &ModelRef) -> Self {
        Self { id: model.id.clone(), version: model.version.clone() }
    }
}

impl SeenFinding {
    fn of(finding: &Finding) -> Self {
        Self {
            scheme: finding.code.scheme.clone(),
            value: finding.code.value.clone(),
            name: words(&finding.code.meaning),
            probability: finding.probability,
            threshold: finding.threshold,
            critical: finding.critical,
        }
    }
}

fn words(text: &Text) -> Words {
    Words::new(text.zh.clone(), text.en.clone())
}

fn to_measure(finding: &Finding, signs: &[Vital]) -> Words {
    let named = |name: fn(Vital) -> (&'static str, &'static str)| -> (Vec<_>, Vec<_>) {
        signs.iter().map(|sign| name(*sign)).unzip()
    };
    let (zh, en) = named(sign_name);
    let meaning = &finding.code.meaning;
    Words::new(
        format!("影像提示{}，请测量{}：结果可能改变分级", meaning.zh, zh.join("、")),
        format!("{} on the image; measure {}: it may change the level", meaning.en, en.join(" and ")),
    )
}

fn sign_name(sign: Vital) -> (&'static str, &'static str) {
    match sign {
        Vital::HeartRate => ("心率", "heart rate"),
        Vital::SystolicBp => ("收缩压", "systolic blood pressure"),
        Vital::DiastolicBp => ("舒张压", "diastolic blood pressure"),
        Vital::RespiratoryRate => ("呼吸频率", "respiratory rate"),
        Vital::TemperatureC => ("体温", "temperature"),
        Vital::Spo2 => ("血氧饱和度", "SpO2"),
        Vital::PainScore => ("疼痛评分", "pain score"),
        Vital::GlucoseMmolL => ("血糖", "glucose"),
        Vital::PotassiumMmolL => ("血钾", "potassium"),
    }
}

fn outside(finding: &Finding, why: &Text) -> Words {
    let (name, probability) = (&finding.code.meaning, finding.probability);
    Words::new(
        format!("影像评分提示{}（{probability:.2}），但不用于分级：{}", name.zh, why.zh),
        format!(
            "the score for {} is {probability:.2}, but it is not used for the level: {}",
            name.en.to_lowercase(),
            why.en
        ),
    )
}
