//! The model card of the adult screen.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use crate::export::in_brackets;
use crate::metrics::Figures;
use crate::screen::Told;
use crate::task::ADULT;
use crate::trainer::Plan;

/// AUC of CheXNet, a DenseNet-121 trained on 98,637 images at 224 pixels, on its own split of ChestX-ray14 (Rajpurkar et
/// al. 2017, arXiv:1711.05225, table 2).
const CHEXNET: [(&str, f64); 5] = [
    ("effusion", 0.8638),
    ("edema", 0.8878),
    ("atelectasis", 0.8094),
    ("infiltration", 0.7345),
    ("cardiomegaly", 0.9248),
];

/// What the card tells about the run.
pub(crate) struct Story<'a> {
    pub(crate) model: String,
    pub(crate) command: &'a str,
    pub(crate) images: usize,
    pub(crate) patients: usize,
    pub(crate) parameters: usize,
    pub(crate) plan: &'a Plan,
    /// Over the reported findings.
    pub(crate) mean_auc: f64,
    pub(crate) findings: &'a [Told],
}

/// The card in English and Chinese.
pub(crate) fn write(story: &Story<'_>) -> String {
    let mut card = String::new();
    // Writing to a String cannot fail.
    let _ = english(&mut card, story);
    let _ = chinese(&mut card, story);
    card
}

/// The place of a language in pairs of texts.
const ZH: usize = 0;
const EN: usize = 1;

fn name(finding: &str, language: usize) -> &'static str {
    ADULT
        .iter()
        .find(|target| target.column == finding)
        .map_or(["未见异常", "No finding"][language], |target| target.meaning[language])
}

fn main_table(card: &mut String, story: &Story<'_>, language: usize) -> fmt::Result {
    for told in story.findings {
        let reported = match (told.reported, language) {
            (true, ZH) => format!("是，{:.3}", told.threshold),
            (true, _) => format!("yes, {:.3}", told.threshold),
            (false, ZH) => "否".to_owned(),
            (false, _) => "no".to_owned(),
        };
        let chexnet = CHEXNET.iter().find(|(finding, _)| *finding == told.finding);
        writeln!(
            card,
            "| {} | {} | {} | {} | {} | {} | {:.3} | {} |",
            name(told.finding, language),
            told.all.positives,
            in_brackets(told.all.auc),
            chexnet.map_or_else(|| "–".to_owned(), |(_, auc)| format!("{auc:.3}")),
            reported,
            if told.reported { in_brackets(told.all.specificity) } else { "–".to_owned() },
            told.all.ece,
            told.source_auc.map_or_else(|| "–".to_owned(), |auc| format!("{auc:.2}")),
        )?;
    }
    writeln!(card)
}

fn group_table(card: &mut String, story: &Story<'_>, language: usize) -> fmt::Result {
    let groups = |told: &Told| -> BTreeMap<String, Figures> {
        told.by_source
            .iter()
            .chain(&told.by_view)
            .map(|(key, figures)| (key.clone(), figures.clone()))
            .collect()
    };
    let Some(first) = story.findings.first() else { return Ok(()) };
    let keys: Vec<String> = groups(first).into_keys().collect();
    writeln!(card, "| | {} |\n|---|{}", keys.join(" | "), "---|".repeat(keys.len()))?;
    for told in story.findings {
        let of = groups(told);
        let cells = keys.iter().map(|key| {
            of.get(key).map_or_else(
                || "–".to_owned(),
                |figures| format!("{} [{}]", in_brackets(figures.auc), figures.positives),
            )
        });
        writeln!(card, "| {} | {} |", name(told.finding, language), cells.collect::<Vec<_>>().join(" | "))?;
    }
    writeln!(card)
}

fn english(card: &mut String, s: &Story<'_>) -> fmt::Result {
    writeln!(
        card,
        "# {}\n\n[中文](#中文)\n\n\
         **Preview, not for clinical use. Research use. Not a medical device. A physician must review every result.**\n\n\
         ## What it is\n\
         Points out findings on frontal chest radiographs of adults, with a coarse heat map (Grad-CAM). It does not run \
         unless the configuration names it (`models.enabled`). {} residual networks with {} weights in all, of {size} x \
         {size} pixels, {} epochs each, from the first weights of the paediatric pneumonia model; the logits of the \
         image and of its mirror image are averaged.\n",
        s.model,
        s.plan.members,
        s.parameters,
        s.plan.epochs,
        size = s.plan.size
    )?;
    writeln!(
        card,
        "## Data\n\
         {} images of {} patients from NIH ChestX-ray14 (Wang et al., CVPR 2017; NIH Clinical Center, \
         <https://nihcc.app.box.com/v/ChestXray-NIHCC>), in two published selections: `nih1000`, whose files are large, and \
         `talo-covid19`, whose files have 64 pixels a side. Labels were mined from reports and about one in ten is \
         wrong. The selections differ in case mix, so a network could learn which selection an image comes from instead \
         of what it shows. Against that, all images are reduced to {} pixels, and each finding is weighted so that both \
         selections have the same share of it; figures are given for each selection alone. Pneumonia is not a label: \
         only one selection has it.\n",
        s.images, s.patients, s.plan.size
    )?;
    writeln!(
        card,
        "## Results\n\
         The patients were dealt into {} folds; each network was trained on all folds but one and scored the images of \
         that one, so no score comes from a network that knew the patient. The model is all networks together; it was not \
         measured as a whole. 95 % intervals from 1,000 resamples of patients. A finding is reported only where the \
         lower end of its AUC is at least 0.60. Thresholds are set so that 80 % of the images with the finding lie at \
         or above; probabilities are calibrated on the same scores, so specificity and calibration error are optimistic. \
         \"Source\" is how well the score tells the two selections apart among images without the finding (AUC, 0.50 is \
         not at all). Mean AUC of the reported findings: {:.3}. No finding is ever critical.\n\n\
         | Finding | images with it | AUC | CheXNet | reported, threshold | specificity there | ECE | source |\n\
         |---|---|---|---|---|---|---|---|",
        s.plan.folds, s.mean_auc
    )?;
    main_table(card, s, EN)?;
    writeln!(
        card,
        "CheXNet is the published DenseNet-121 (Rajpurkar et al. 2017, arXiv:1711.05225) on its own split of ChestX-ray14, \
         trained on 98,637 images at 224 pixels: what a network of hospital quality reaches, and not measured on the \
         same images. \"No finding\" is shown for comparison only and is not reported, because its absence from the \
         answers must never be read as an all-clear, and its presence even less.\n\n\
         AUC by selection and by view, with the number of images with the finding:\n"
    )?;
    group_table(card, s, EN)?;
    writeln!(
        card,
        "## Limits\n\
         - Far below published networks. {} pixels show neither small nodules nor a narrow pneumothorax; nothing but the \
         findings above was learnt, so a low score is no all-clear.\n\
         - One hospital, text-mined labels, few images: the intervals are wide, and another hospital was not measured.\n\
         - AP images are often of sicker patients; see the columns of the views.\n\
         - Probabilities assume the shares of findings of these images.\n\
         - A heat map of {cells} x {cells} cells shows roughly where the evidence lies, not the extent of disease.\n\n\
         ## Made by\n`{}`\n",
        s.plan.size,
        s.command,
        cells = s.plan.size / s.plan.network.reduction()
    )
}

fn chinese(card: &mut String, s: &Story<'_>) -> fmt::Result {
    writeln!(
        card,
        "# 中文\n\n\
         **预览版，不用于临床。仅供科研使用，不是医疗器械，所有结果须由医师复核。**\n\n\
         ## 模型简介\n\
         对成人正位胸片提示常见征象，并给出粗略的热力图（Grad-CAM）。仅当配置中写明（`models.enabled`）时才会运行。由 {} 个残差网络\
         组成，共 {} 个参数，输入 {size} × {size} 像素，各训练 {} 轮，初始权重取自儿童肺炎模型；原图与左右镜像的输出取平均。\n",
        s.plan.members,
        s.parameters,
        s.plan.epochs,
        size = s.plan.size
    )?;
    writeln!(
        card,
        "## 数据\n\
         NIH ChestX-ray14（Wang 等，CVPR 2017；美国国立卫生研究院临床中心，<https://nihcc.app.box.com/v/ChestXray-NIHCC>）中 {} \
         名患者的 {} 幅图像，来自两个公开子集：`nih1000`（文件较大）与 `talo-covid19`（边长 64 像素）。标签由报告文本自动提取，约一成\
         有误。两个子集的病例构成不同，网络可能学会辨认图像出自哪个子集，而不是征象本身。为此所有图像均缩至 {} 像素，每种征象在两个子集中的\
         比例经加权后一致，并分别给出各子集的结果。肺炎只见于其中一个子集，不作为标签。\n",
        s.patients, s.images, s.plan.size
    )?;
    writeln!(
        card,
        "## 结果\n\
         患者分为 {} 折；每个网络用其余各折训练，只为留出的那一折打分，因此打分的网络都没有见过该患者。发布的模型由全部网络组成，其整体表现\
         未单独测定。括号内为 95% 置信区间（按患者重抽样 1000 次）。AUC 区间下限不低于 0.60 的征象才会报告。阈值取有该征象的图像中 80% 达到\
         的概率；概率校准用的是同一批分数，因此特异度和校准误差偏乐观。“来源”指在没有该征象的图像中，分数能在多大程度上分辨两个子集（AUC，\
         0.50 为完全不能）。所报告征象的平均 AUC：{:.3}。任何结果都不作危急处理。\n\n\
         | 征象 | 阳性图像数 | AUC | CheXNet | 是否报告及阈值 | 该阈值下特异度 | ECE | 来源 |\n\
         |---|---|---|---|---|---|---|---|",
        s.plan.folds, s.mean_auc
    )?;
    main_table(card, s, ZH)?;
    writeln!(
        card,
        "CheXNet 为公开发表的 DenseNet-121（Rajpurkar 等，2017，arXiv:1711.05225）在其自己划分的 ChestX-ray14 测试集上的结果，训练用图\
         98,637 幅、224 像素，可作为医院级网络的参照，但并非在同一批图像上测得。“未见异常”仅供对照，不作为结果输出：没有提示绝不等于没有问题，\
         反之更不能据此放行。\n\n\
         按子集和体位的 AUC，方括号内为阳性图像数：\n"
    )?;
    group_table(card, s, ZH)?;
    writeln!(
        card,
        "## 局限\n\
         - 远不及已发表的网络。{} 像素的图像看不出小结节和少量气胸；除上述征象外模型一概未学，分数低不等于正常。\n\
         - 数据来自单一医院，标签由文本提取，图像数量少：置信区间宽，未在其他医院测定。\n\
         - 前后位图像的患者往往病情更重，请参看分体位的结果。\n\
         - 概率按这批图像中各征象的比例计算。\n\
         - 热力图仅 {cells} × {cells} 格，只能大致反映依据所在，并非病变范围。\n\n\
         ## 生成命令\n`{}`",
        s.plan.size,
        s.command,
        cells = s.plan.size / s.plan.network.reduction()
    )
}
