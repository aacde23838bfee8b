//! The gate's card that a training run drafts.

use std::fmt::Write as _;

use baize_models::gate::GateManifestFile;

use super::export::Metrics;
use super::figures::Rate;
use super::view::ViewFigures;

/// The card in English and Chinese.
pub(super) fn write(file: &GateManifestFile, metrics: &Metrics<'_>) -> String {
    let mut card = String::new();
    // Writing to a String cannot fail.
    let _ = english(&mut card, file, metrics);
    let _ = chinese(&mut card, file, metrics);
    card
}

fn percent(rate: Rate) -> String {
    rate.fraction.map_or_else(
        || "–".to_owned(),
        |i| {
            let percent = |value: f64| format!("{:.2}", value * 100.0);
            format!("{} % ({}–{}), n = {}", percent(i.value), percent(i.low), percent(i.high), rate.images)
        },
    )
}

fn area(view: &ViewFigures) -> String {
    view.auc.map_or_else(|| "–".to_owned(), |i| format!("{:.3} ({:.3}–{:.3})", i.value, i.low, i.high))
}

fn table(card: &mut String, head: &str, rows: &[(&str, Rate)]) -> std::fmt::Result {
    writeln!(card, "{head}\n|---|---|")?;
    for (name, rate) in rows {
        writeln!(card, "| {name} | {} |", percent(*rate))?;
    }
    writeln!(card)
}

fn english(card: &mut String, file: &GateManifestFile, m: &Metrics<'_>) -> std::fmt::Result {
    writeln!(card, "# {}\n\n[中文](#中文)\n", m.model)?;
    writeln!(
        card,
        "**Research use. Not a medical device.**\n\n\
         ## What it is\n\
         Looks at the pixels before a model does and turns away what the model is not meant for: another body part, \
         another kind of image, a phantom, a blank frame. A residual network with {} weights at {size} x {size} pixels \
         tells six kinds of images and \"something else\" apart. An image passes if the classes that the model reads \
         have a calibrated probability of at least {:.3} and the image is at most {:.3} standard deviations per feature \
         from the middle of its class. Rules, not the network, judge the image quality.\n",
        m.parameters,
        m.pass.probability,
        m.pass.distance,
        size = m.plan.size
    )?;
    writeln!(
        card,
        "## Data\n\n{} images to learn from, {} held back; no patient of the chest sources is on both sides. \
         MedNIST names no patients, so images of one patient may be on both sides there.\n",
        m.training_images, m.validation_images
    )?;
    sources(card, file)?;
    writeln!(
        card,
        "\"Something else\" was learnt from drawn pictures (noise, ramps, test patterns, letters, phantoms, limbs) and \
         from images that were cut up, put together, turned or reduced to a detail. All images went through the same \
         changes of size, sharpness, exposure and borders, so that the sources' habits don't tell the classes apart.\n\n\
         ## Results on images held back\n"
    )?;
    table(card, "| | with 95 % interval |", &english_rows(m))?;
    writeln!(
        card,
        "Area under the ROC curve between chest radiographs and kinds of pictures that were never trained on: \
         probability {:.4}, energy {:.4}, distance {:.4}; and spoilt images: {:.4}, {:.4}, {:.4}.\n",
        m.separation_unseen.probability,
        m.separation_unseen.energy,
        m.separation_unseen.distance,
        m.separation_spoilt.probability,
        m.separation_spoilt.energy,
        m.separation_spoilt.distance
    )?;
    writeln!(
        card,
        "{}## Limits\n\
         - It knows six kinds of images. Abdominal, pelvic, spinal and lateral chest radiographs were not among its \
         data: it may take some of them for a chest radiograph. The header is checked as well for that reason.\n\
         - It says nothing about the view (PA or AP), the age, or whether the image is good enough for a physician.\n\
         - The drawn pictures are our own: how it does with other unknown images is not known.\n\n\
         Made by `{}`.\n",
        m.view.as_ref().map_or_else(String::new, |view| format!(
            "View: a logistic regression on the gate's features tells PA from AP on adult radiographs held back with {}, \
             area under the ROC curve {}, calibration error {:.3}. That is not enough to admit or refuse an image, so the \
             gate does not say it and the header alone decides.\n\n",
            percent(view.accuracy),
            area(view),
            view.ece
        )),
        file.created_by
    )
}

fn english_rows<'a>(m: &Metrics<'_>) -> [(&'a str, Rate); 13] {
    [
        ("MedNIST: right class of six", m.accuracy_mednist),
        ("MedNIST: rather taken for something else", m.unknown_mednist),
        ("Chest radiographs of MedNIST: passed", m.passed_mednist),
        ("Paediatric chest radiographs: passed", m.passed_kermany),
        ("Adult chest radiographs: passed", m.passed_nih),
        ("All of these, changed as in training: passed", m.passed_changed),
        ("MedNIST, other classes: refused", m.refused_mednist),
        ("Drawn pictures of trained kinds: refused", m.refused_drawn),
        ("Drawn pictures of unseen kinds: refused", m.refused_unseen),
        ("Spoilt images: refused", m.refused_spoilt),
        ("Light and dark swapped: found out", m.swapped_found),
        ("Whole chest radiographs: marked as cut off", m.cropped_falsely),
        ("Cropped to 60 % of each side: marked or refused", m.cropped_found),
    ]
}

fn sources(card: &mut String, file: &GateManifestFile) -> std::fmt::Result {
    for data in &file.training_data {
        writeln!(card, "- {}: {} ({}). {}", data.name, data.source, data.terms, data.citation)?;
    }
    writeln!(card)
}

fn chinese(card: &mut String, file: &GateManifestFile, m: &Metrics<'_>) -> std::fmt::Result {
    writeln!(
        card,
        "## 中文\n\n**仅供科研使用，不是医疗器械。**\n\n\
         ### 用途\n\
         在模型判读之前先看图像内容，拒绝不属于模型适用范围的图像：其他部位、其他设备、体模、空白图像等。网络参数 {} 个，\
         输入 {size} × {size} 像素，区分六类图像与“其他”。模型所判读类别的校准概率不低于 {:.3}，且与该类中心的距离不超过 {:.3} \
         （每个特征的标准差倍数）时放行。图像质量由规则判断，不由网络判断。\n",
        m.parameters,
        m.pass.probability,
        m.pass.distance,
        size = m.plan.size
    )?;
    writeln!(
        card,
        "### 数据\n\n训练 {} 张，留出 {} 张；胸片来源按患者划分。MedNIST 不含患者信息，同一患者可能同时出现在两侧。“其他”类来自绘制的\
         图像（噪声、渐变、测试图、文字、体模、肢体）以及被打乱、拼接、旋转或截取局部的图像。\n",
        m.training_images, m.validation_images
    )?;
    sources(card, file)?;
    writeln!(card, "### 留出图像上的结果\n")?;
    let names = [
        "MedNIST：六类中分类正确",
        "MedNIST：更像“其他”",
        "MedNIST 胸片：放行",
        "儿童胸片：放行",
        "成人胸片：放行",
        "以上胸片经训练时的变换：放行",
        "MedNIST 其他类别：拒绝",
        "训练过的绘制图像：拒绝",
        "未训练过的绘制图像：拒绝",
        "被破坏的图像：拒绝",
        "黑白反转：识别",
        "完整胸片：被标为裁切",
        "裁至边长的 60 %：标注或拒绝",
    ];
    let rows: Vec<(&str, Rate)> = names.into_iter().zip(english_rows(m).map(|(_, rate)| rate)).collect();
    table(card, "| | 95 % 区间 |", &rows)?;
    writeln!(
        card,
        "{}### 局限\n\
         - 只认识六类图像。腹部、骨盆、脊柱 X 线片和胸部侧位片不在训练数据中，可能被误认为胸片，因此同时核对 DICOM 头信息。\n\
         - 不判断体位（PA/AP）、年龄，也不判断图像是否满足诊断要求。\n\
         - 绘制的图像由本项目生成，对其他未知图像的表现尚不清楚。",
        m.view.as_ref().map_or_else(String::new, |view| format!(
            "体位：在留出的成人胸片上，用本模型特征做逻辑回归区分 PA 与 AP，正确率 {}，ROC 曲线下面积 {}，校准误差 {:.3}。\
             这不足以作为放行或拒绝的依据，因此本模型不报告体位，只以 DICOM 头信息为准。\n\n",
            percent(view.accuracy),
            area(view),
            view.ece
        ))
    )
}
