//! The model card that a training run drafts.

use std::fmt::Write as _;

use crate::export::in_brackets;
use crate::metrics::Figures;
use crate::trainer::Plan;

/// What the card tells about the run.
pub(crate) struct Story<'a> {
    pub(crate) model: String,
    pub(crate) command: &'a str,
    pub(crate) images: usize,
    /// Images that some member never saw.
    pub(crate) validation_images: usize,
    pub(crate) validation_patients: usize,
    pub(crate) parameters: usize,
    pub(crate) plan: &'a Plan,
    pub(crate) temperature: f64,
    pub(crate) threshold: f64,
    /// The cut from which on a finding is critical.
    pub(crate) critical: Option<f64>,
    /// On these images as they are, as another site might have made them, and flat, veiled and blurred.
    pub(crate) figures: &'a [Figures; 3],
}

/// The card in English and Chinese.
pub(crate) fn write(story: &Story<'_>) -> String {
    let mut card = String::new();
    // Writing to a String cannot fail.
    let _ = english(&mut card, story);
    let _ = chinese(&mut card, story);
    card
}

fn table(card: &mut String, head: &str, names: [&str; 5], story: &Story<'_>) -> std::fmt::Result {
    let cells = |cell: fn(&Figures) -> String| story.figures.each_ref().map(cell).join(" | ");
    writeln!(card, "{head}\n|---|---|---|---|")?;
    writeln!(card, "| {} | {} |", names[0], cells(|figures| in_brackets(figures.auc)))?;
    writeln!(card, "| {} | {} |", names[1], cells(|figures| in_brackets(figures.sensitivity)))?;
    writeln!(card, "| {} | {} |", names[2], cells(|figures| in_brackets(figures.specificity)))?;
    writeln!(card, "| {} | {} |", names[3], cells(|figures| format!("{:.3}", figures.brier)))?;
    writeln!(card, "| {} | {} |\n", names[4], cells(|figures| format!("{:.3}", figures.ece)))
}

/// What a reader must know of the cut for critical findings.
fn critical_text(critical: Option<f64>) -> [String; 2] {
    match critical {
        Some(cut) => [
            format!(
                "From {cut:.3} on a finding counts as critical: there at least 99 % of the images without pneumonia lie \
                 below, in each column. It is chosen on the same images, so it is optimistic too."
            ),
            format!(
                "概率达到 {cut:.3} 时视为危急：在该界值下，无肺炎的图像在表中每一列都至少有 99% 低于它。该界值同样在这些图像上选定，\
                 结果偏乐观。"
            ),
        ],
        None => [
            "This version has no critical threshold: none of its findings is ever critical.".to_owned(),
            "本版本未设危急阈值：其结果一律不作危急处理。".to_owned(),
        ],
    }
}

fn english(card: &mut String, s: &Story<'_>) -> std::fmt::Result {
    writeln!(card, "# {}\n\n[中文](#中文)\n", s.model)?;
    writeln!(
        card,
        "**Research use. Not a medical device. A physician must review every result.**\n\n\
         ## What it is\n\
         Gives the probability of pneumonia (SNOMED CT 233604007) on frontal chest radiographs of children of 1 to 5 \
         years, and a heat map (Grad-CAM) of where the evidence lies. {} residual networks with {} weights in all, \
         trained apart from scratch for {} epochs each at {size} x {size} pixels; their logits for the image and for its \
         mirror image are averaged.\n",
        s.plan.members,
        s.parameters,
        s.plan.epochs,
        size = s.plan.size
    )?;
    writeln!(
        card,
        "## Data\n\
         Kermany, Zhang, Goldbaum: *Labeled Optical Coherence Tomography (OCT) and Chest X-Ray Images for \
         Classification*, Mendeley Data, rscbjbr9sj v2, 2018, CC BY 4.0; described in Kermany et al., *Cell* 172, \
         1122–1131, 2018. Antero-posterior radiographs of one centre (Guangzhou Women and Children's Medical Center), \
         as 224-pixel JPEG copies; the official training split only.\n\n\
         The patients of {} images were dealt into {} folds by their numbers, within each class, because numbers follow \
         time: the images of a fold differ from the others as those of another year do. Each network learnt from all folds \
         but one of its own. No patient is in two folds. The official test split was not used.\n",
        s.images, s.plan.folds
    )?;
    writeln!(
        card,
        "## Results on the validation images\n\
         {} images of {} patients, each scored by the one network that never saw the patient; the model, which is all \
         networks together, was not measured as a whole. 95 % intervals from 1,000 resamples of patients. \"Shifted\" are \
         the same images with zoom, exposure, blur, noise, collimation and markers changed, to imitate another site; \
         \"harsh\" are made flat, veiled and blurred, so that healthy children look ill. Of the images with pneumonia so \
         many were left out that 62 of 100 have it. Temperature ({:.3}, with a shift that lies in the weights) and \
         threshold ({:.3}) were chosen on these images, so sensitivity, specificity and calibration are optimistic; the \
         AUC of the averaged last weights is not selected for.\n",
        s.validation_images, s.validation_patients, s.temperature, s.threshold
    )?;
    let names = ["AUC", "Sensitivity", "Specificity", "Brier score", "Calibration error (ECE, 10 bins)"];
    table(card, "| | as they are | shifted | harsh |", names, s)?;
    writeln!(card, "{}\n", critical_text(s.critical)[0])?;
    writeln!(
        card,
        "## Limits\n\
         - One centre, one age group, one view. Adults, lateral views and other body parts were never seen; an image \
         whose age, view or body part is another or is not stated gets its score with the mark \"outside the validated \
         population\", and the threshold means nothing there.\n\
         - Expect lower figures elsewhere: networks trained on these images lose several points of AUC already on the \
         official test split.\n\
         - Probabilities assume that 62 of 100 such images show pneumonia; at another prevalence they are off.\n\
         - Labels are the readings of two physicians, not microbiology. Bacterial and viral pneumonia are not told apart.\n\
         - A heat map shows what the network used, not the extent of disease.\n\n\
         ## Made by\n`{}`\n",
        s.command
    )
}

fn chinese(card: &mut String, s: &Story<'_>) -> std::fmt::Result {
    writeln!(card, "# 中文\n")?;
    writeln!(
        card,
        "**仅供科研使用，不是医疗器械，所有结果须由医师复核。**\n\n\
         ## 模型简介\n\
         针对 1～5 岁儿童的正位胸片，给出肺炎（SNOMED CT 233604007）的概率，并以热力图（Grad-CAM）标出模型所依据的\
         区域。模型由 {} 个残差网络组成，共 {} 个参数，各自从零开始训练 {} 轮，输入为 {size} × {size} 像素；各网络对原图与左右镜像的输出\
         取平均。\n",
        s.plan.members,
        s.parameters,
        s.plan.epochs,
        size = s.plan.size
    )?;
    writeln!(
        card,
        "## 数据\n\
         Kermany、Zhang、Goldbaum：*Labeled Optical Coherence Tomography (OCT) and Chest X-Ray Images for Classification*，\
         Mendeley Data，rscbjbr9sj v2，2018，CC BY 4.0；另见 Kermany 等，*Cell* 172，1122–1131，2018。均为单中心（广州市妇女\
         儿童医疗中心）前后位胸片的 224 像素 JPEG 副本，仅使用官方训练集。\n\n\
         {} 幅图像的患者按类别、依编号顺序分为 {} 折（编号与时间相关，各折之间的差异近似不同年份的图像）。每个网络各留出一折，用其余各折\
         训练；同一患者只属于一折。未使用官方测试集。\n",
        s.images, s.plan.folds
    )?;
    writeln!(
        card,
        "## 验证集结果\n\
         共 {} 幅图像，来自 {} 名患者，每幅由没有见过该患者的那个网络打分；发布的模型由全部网络组成，其整体表现未单独测定。括号内为 95% \
         置信区间（按患者重抽样 1000 次）。“模拟偏移”指对同一批图像改变缩放、曝光、模糊、噪声、遮光和标记，以模拟其他机构的图像；\
         “严重偏移”指降低对比、加雾、模糊，使健康儿童的图像也显得异常。阳性图像按比例剔除，使每 100 幅中有 62 幅为肺炎。温度系数（{:.3}，\
         另有一偏移量已并入权重）和阈值（{:.3}）即在这些图像上确定，因此灵敏度、特异度和校准结果偏乐观。\n",
        s.validation_images, s.validation_patients, s.temperature, s.threshold
    )?;
    let names = ["AUC", "灵敏度", "特异度", "Brier 分数", "校准误差（ECE，10 组）"];
    table(card, "| | 原图 | 模拟偏移 | 严重偏移 |", names, s)?;
    writeln!(card, "{}\n", critical_text(s.critical)[1])?;
    writeln!(
        card,
        "## 局限\n\
         - 数据来自单一中心、单一年龄段、单一体位。模型从未见过成人、侧位或其他部位的图像；年龄、体位或部位不符或未注明时，仍给出分数，\
         但标注“超出已验证人群”，此时阈值没有意义。\n\
         - 在其他机构的表现会下降：同类模型仅在官方测试集上，AUC 就会下降数个百分点。\n\
         - 概率按每 100 幅此类图像中有 62 幅为肺炎计算，患病率不同时会有偏差。\n\
         - 标签为两位医师的阅片结论，并非病原学结果；不区分细菌性与病毒性肺炎。\n\
         - 热力图反映的是模型的依据，并非病变范围。\n\n\
         ## 生成命令\n`{}`",
        s.command
    )
}
