//! The model card that a training run writes.

use std::fmt::Write as _;

use baize_models::triage::TriageManifestFile;

use super::report::TriageReport;
use super::second_training::CrossValidated;

/// What the card tells about the run.
pub(super) struct Story<'a> {
    pub(super) manifest: &'a TriageManifestFile,
    /// Visits that trained, that validated, and of the second reader.
    pub(super) visits: (usize, usize, usize),
    pub(super) cross: &'a CrossValidated,
    pub(super) report: &'a TriageReport,
}

/// The card in English and Chinese, with the whole report at its end.
pub(super) fn write(story: &Story<'_>) -> String {
    let mut card = String::new();
    // Writing to a String cannot fail.
    let _ = english(&mut card, story);
    let _ = chinese(&mut card, story);
    let _ = writeln!(card, "# Results\n\nOn the validation visits, by `baize eval triage`. {}", story.report);
    card
}

fn english(card: &mut String, story: &Story<'_>) -> std::fmt::Result {
    let Story { manifest, visits: (training, validation, ktas), cross, .. } = story;
    writeln!(card, "# {}@{}\n\n[中文](#中文)\n", manifest.id, manifest.version)?;
    writeln!(
        card,
        "**Research use. Not a medical device. A clinician must confirm every level.**\n\n\
         ## What it is\n\
         From what a triage nurse knows at the desk (age, sex, arrival, complaints, vital signs and, where given, past \
         illnesses and earlier visits) it gives probabilities of the five acuity levels and of admission to hospital. \
         {} inputs, {} rectified units in one hidden layer, an ensemble averaged into one network. One hidden layer makes \
         the explanation exact: integrated gradients in closed form, against the average patient of whom the same is \
         unknown. A second, tiny network reads the nurse's level beside the model's opinion and gives the probability \
         that experts would call the patient more urgent.\n\n\
         Race, ethnicity, language, religion and insurance are no inputs. The level shown is the model's level of least \
         expected cost (under-triage counts double by default), and the rules may only raise it.\n",
        manifest.acuity.inputs, manifest.acuity.hidden
    )?;
    writeln!(
        card,
        "## Data\n\
         {} {training} visits trained and {validation} visits of other blocks of the same source validated: calibration \
         was fitted on the latter, so its calibration errors are optimistic. In half of the lessons history or earlier \
         visits were withheld, so the model works without them.\n\n\
         {} {ktas} visits with nurses' and experts' levels taught the second reader; the model of acuity never saw them.\n",
        source(manifest, 0),
        source(manifest, 1),
    )?;
    writeln!(
        card,
        "## The second reader, cross-validated\n\
         Every one of {} visits judged by a second reader that never saw it: AUC {:.3} for \"the nurse under-triaged\"; \
         alerts on {:.1} % of the visits, right in {:.1} % of them. Where every alert raises the nurse's level by one, \
         under-triage falls from {:.1} % to {:.1} % and mistriage goes from {:.1} % to {:.1} %. The KTAS figures of the \
         second reader in the tables below are of visits that it learnt from: read these here instead.\n",
        cross.visits,
        cross.auc,
        100.0 * cross.alert_rate,
        100.0 * cross.precision,
        100.0 * cross.before.under,
        100.0 * cross.after.under,
        100.0 * cross.before.wrong,
        100.0 * cross.after.wrong,
    )?;
    writeln!(
        card,
        "## Limits\n\
         - Learnt from three emergency departments of one American health system, 2014 to 2017; levels are ESI given by nurses, \
         not outcomes. No Chinese emergency department has been measured. Expect other figures, and measure before use: \
         `baize eval triage`.\n\
         - Adults only. Outside of the ages named in the manifest the model is not asked and the rules stand alone.\n\
         - Pain, consciousness, glucose, potassium and pregnancy were not in the data: only the rules look at them.\n\
         - On the KTAS visits admission is told apart less well than at home; see the tables.\n\
         - The second reader learnt from a few hundred visits of two Korean emergency departments.\n\
         - A contribution says what the model used, not what made the patient ill.\n\n\
         ## Made by\n`{}`\n",
        manifest.created_by
    )
}

fn chinese(card: &mut String, story: &Story<'_>) -> std::fmt::Result {
    let Story { manifest, visits: (training, validation, ktas), cross, .. } = story;
    writeln!(card, "# 中文\n")?;
    writeln!(
        card,
        "**仅供科研使用，不是医疗器械，所有分级须由医护人员确认。**\n\n\
         ## 模型简介\n\
         根据分诊台可获得的信息（年龄、性别、来院方式、主诉、生命体征，以及可选的既往史和既往就诊次数），给出五级分级的概率和住院概率。\
         输入 {} 维，单隐层 {} 个单元，由多个网络合并而成。单隐层使解释可以精确计算：以“同样信息缺失的平均患者”为参照的积分梯度，\
         有闭式解。另有一个很小的网络充当第二读者：结合护士分级与模型意见，估计专家会判得更急的概率。\n\n\
         种族、民族、语言、宗教和保险均不作为输入。显示的级别取模型期望代价最小者（默认漏判代价加倍），规则只能上调，不能下调。\n",
        manifest.acuity.inputs, manifest.acuity.hidden
    )?;
    writeln!(
        card,
        "## 数据\n\
         训练用就诊 {training} 例，验证用就诊 {validation} 例（同一来源、不同区块；校准在验证数据上拟合，因此其校准误差偏乐观）。\
         训练时有一半样本隐去既往史或既往就诊次数，因此缺少这些信息时模型同样可用。来源：{}\n\n\
         第二读者由 {ktas} 例同时有护士分级和专家分级的就诊训练，分级模型未接触过这些数据。来源：{}\n",
        manifest.training_data[0].citation, manifest.training_data[1].citation,
    )?;
    writeln!(
        card,
        "## 第二读者（交叉验证）\n\
         {} 例就诊均由未见过该例的第二读者判断：识别“护士分级偏低”的 AUC 为 {:.3}；对 {:.1}% 的就诊发出提醒，其中 {:.1}% 属实。\
         若每次提醒都将护士分级上调一级，分级偏低率由 {:.1}% 降至 {:.1}%，总误判率由 {:.1}% 变为 {:.1}%。后文表格中第二读者的 KTAS \
         结果来自其训练数据，请以此处为准。\n",
        cross.visits,
        cross.auc,
        100.0 * cross.alert_rate,
        100.0 * cross.precision,
        100.0 * cross.before.under,
        100.0 * cross.after.under,
        100.0 * cross.before.wrong,
        100.0 * cross.after.wrong,
    )?;
    writeln!(
        card,
        "## 局限\n\
         - 训练数据来自美国一个医疗系统的三个急诊科（2014—2017 年），标签是护士给出的 ESI 分级，而非结局。尚未在中国的急诊科测量过，\
         使用前请先用 `baize eval triage` 在本院数据上评估。\n\
         - 仅限成人。年龄超出清单所列范围时不运行模型，仅按规则分级。\n\
         - 训练数据不含疼痛、意识、血糖、血钾和妊娠，这些仅由规则判断。\n\
         - 在 KTAS 数据上，住院概率的区分能力低于原数据，见后表。\n\
         - 第二读者仅由韩国两个急诊科的数百例就诊训练。\n\
         - 特征贡献反映模型的依据，不等于病因。\n\n\
         ## 生成命令\n`{}`\n",
        manifest.created_by
    )
}

fn source(manifest: &TriageManifestFile, at: usize) -> String {
    manifest
        .training_data
        .get(at)
        .map_or_else(String::new, |data| format!("{}, {}.", data.citation, data.source))
}
